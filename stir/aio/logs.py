"""
Logs: one JSON object a line, whoever writes it; people get colours when they watch.

Whoever logs a telephone number masks it first (``stir.tn``) and never logs a token. The processors here are the last
line of defence, for messages of libraries and for mistakes: long runs of digits are masked, and a value that looks as
if it held a token is removed.
"""

import json
import logging
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from stir.errors import StirError

REMOVED: Final = "[removed]"
"""What stands in a log instead of a value that looks as if it held a token."""

_TOKEN: Final = "eyJ"  # how every JSON object, and so every token, starts in base64url  # noqa: S105
_DIGITS: Final = re.compile(r"\d{8,}|\d{7}(?!\d|\*{4})")  # what is masked already stays so
_SHOWN_DIGITS: Final = 7
_HIDDEN_DIGITS: Final = 4
_LONG_NUMBER: Final = 10**9
_OWN_ID: Final = re.compile(r"[0-9a-f]{8}(-?)(?:[0-9a-f]{4}\1){3}[0-9a-f]{12}")  # a UUID
_DEPTH: Final = 4
_NUMBERS: Final[dict[str, int]] = {"exception": logging.ERROR} | {
    name.lower(): number for name, number in logging.getLevelNamesMapping().items()
}


class Lines:
    """A stream that takes lines; a log that cannot be written stops no call, it is counted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = 0
        """How many lines could not be written so far, for a metric."""
        self.level = logging.INFO
        """The number of the least important level that is written."""

    def set_level(self, name: str) -> None:
        """Write lines of this level and above, from now on."""
        self.level = logging.getLevelNamesMapping()[name.upper()]
        logging.getLogger().setLevel(self.level)

    def write(self, line: str) -> None:
        """Write one line at once."""
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # full, gone, or closed
            self.lost += 1

    debug = info = warning = error = critical = exception = msg = write


def configure(*, level: str = "info", stream: TextIO | None = None) -> Lines:
    """Send the events of this program and the messages of its libraries to *stream*, by default the standard error."""
    stream = stream or sys.stderr
    lines = Lines(stream)
    threshold = _Threshold(lines)
    structlog.configure(
        processors=[
            threshold,
            structlog.contextvars.merge_contextvars,
            _with_exception,
            censor,
            _with_time,
            structlog.dev.ConsoleRenderer() if stream.isatty() else _as_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_Library()]
    logging.getLogger("aiohttp.access").propagate = False  # the server writes its own line for each request
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)  # its debug lines hold whole statements
    logging.captureWarnings(capture=True)
    lines.set_level(level)
    return lines


class _Threshold:
    """Drops what is below the level of the lines; structlog's own filter cannot change while loggers are in use."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if _NUMBERS.get(method, logging.CRITICAL) < self._lines.level:
            raise structlog.DropEvent
        return event


def censor(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask what could be a telephone number and remove what could be a token, in every value of *event*."""
    return {
        name: value if type(value) is str and name == "request_id" and _OWN_ID.fullmatch(value) else _safe(value)
        for name, value in event.items()
    }


def _safe(value: object, depth: int = 0) -> object:
    if type(value) is str:
        return _safe_text(value)
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < _LONG_NUMBER):
        return value
    if isinstance(value, BaseException):
        return _described(value)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _safe_items(value, depth + 1)
    return _safe_text(str(value))


def _safe_items(value: Mapping[Any, Any] | Iterable[Any], depth: int) -> object:
    if depth > _DEPTH:
        return REMOVED
    if isinstance(value, Mapping):
        return {_safe_text(str(name)): _safe(one, depth) for name, one in value.items()}
    return [_safe(one, depth) for one in value]


def _safe_text(text: str) -> str:
    if _TOKEN in text:
        return REMOVED
    return _DIGITS.sub(_masked, text)


def _masked(run: re.Match[str]) -> str:
    digits = run.group()
    shown = min(_SHOWN_DIGITS, len(digits) - _HIDDEN_DIGITS)
    return digits[:shown] + "*" * (len(digits) - shown)


def _described(error: BaseException) -> str:
    """Name *error*; only our own errors promise that their text is fit to be read by others."""
    name = type(error).__name__
    return f"{name}: {_safe_text(error.detail)}" if isinstance(error, StirError) else name


def _with_exception(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Turn ``exc_info`` into where it happened, line by line, so that one bad line does not hide the others."""
    if "exc_info" not in event:
        return event
    event = structlog.processors.format_exc_info(logger, method, event)
    text = event.pop("exception", None)
    if text:
        event["exception"] = "\n".join(_safe_text(line) for line in text.splitlines())
    return event


def _with_time(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Put time, level and event first."""
    return {
        "time": f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z",
        "level": "error" if method == "exception" else method,
        "event": event.pop("event", ""),
        **event,
    }


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    line = orjson.dumps(event)
    # What is not ASCII could change how a terminal shows the rest of the line.
    return line.decode() if line.isascii() else json.dumps(event)


class _Library(logging.Handler):
    """Hands the messages of libraries to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log *record* as an event of ours."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):  # its arguments do not fit, and may hold anything
            message = "a message that does not fit its arguments"
        log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
        log.log(record.levelno, "library_message", logger=record.name, message=message, exc_info=record.exc_info)
