"""What a log line looks like, and what never stands in one."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from stir.aio.logs import REMOVED, Lines, censor, configure
from stir.errors import FetchError

NUMBER = "12155551212"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiIxMjM0In0.c2ln"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Give logging back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    logging.captureWarnings(capture=False)
    logging.getLogger("aiohttp.access").propagate = True
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Written(io.StringIO):
    """A stream that tests read; a terminal if they say so."""

    terminal = False

    def isatty(self) -> bool:
        """Return what the test wants."""
        return self.terminal

    def events(self) -> list[dict[str, Any]]:
        """Return what was logged."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def written() -> Written:
    """Return the stream that everything is logged to."""
    stream = Written()
    configure(stream=stream)
    return stream


def fail(error: Exception) -> None:
    """Raise *error*."""
    raise error


def test_one_json_object_a_line(written: Written) -> None:
    """An event is one line: time in UTC, level, event, then its fields and those bound to the request."""
    structlog.contextvars.bind_contextvars(request_id="0c4e6e0e-5d4b-4a39-9d0e-6f2f6d9f9a03")
    structlog.get_logger().info("passport_published", spc="709J", entries=2, took=0.5, fresh=True, text="a\nb")

    (event,) = written.events()

    assert ["time", "level", "event"] == list(event)[:3]
    assert event.pop("time").endswith("Z")
    assert {
        "level": "info",
        "event": "passport_published",
        "request_id": "0c4e6e0e-5d4b-4a39-9d0e-6f2f6d9f9a03",
        "spc": "709J",
        "entries": 2,
        "took": 0.5,
        "fresh": True,
        "text": "a\nb",
    } == event


def test_level_is_kept(written: Written) -> None:
    """What is below the level is not written."""
    structlog.get_logger().debug("detail")
    logging.getLogger("some.library").debug("detail")

    assert [] == written.events()


def test_numbers_are_masked_and_tokens_removed(written: Written) -> None:
    """A mistake in a log call shows neither a number nor a token, however deep it lies."""
    structlog.get_logger().warning(
        f"call from {NUMBER}",
        orig=NUMBER,
        short="5551212",
        number=int(NUMBER),
        small=5551212,
        masked="+1215555****",
        token=TOKEN,
        raw=TOKEN.encode(),
        error=ValueError(NUMBER),
        ours=FetchError(f"nothing for {NUMBER}"),
        nested={"tn": [NUMBER, {NUMBER: TOKEN}], "set": {NUMBER}},
        deep=[[[[[["1"]]]]]],
        request_id=f"{NUMBER}",
        nothing=None,
    )

    (event,) = written.events()

    assert NUMBER not in written.getvalue()
    assert "eyJ" not in written.getvalue()
    assert "call from 1215555****" == event["event"]
    assert ("1215555****", "555****", "1215555****") == (event["orig"], event["short"], event["number"])
    assert ("+1215555****", 5551212, None) == (event["masked"], event["small"], event["nothing"])
    assert (REMOVED, REMOVED) == (event["token"], event["raw"])
    assert ("ValueError", "FetchError: nothing for 1215555****") == (event["error"], event["ours"])
    assert {"tn": ["1215555****", {"1215555****": REMOVED}], "set": ["1215555****"]} == event["nested"]
    assert [[[[REMOVED]]]] == event["deep"]
    assert "1215555****" == event["request_id"]


@pytest.mark.clause("oob-4.1-learn")
@given(
    before=st.text(),
    number=st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True),
    after=st.text(),
)
def test_no_surrounding_hides_a_number(before: str, number: str, after: str) -> None:
    """Whatever stands around a number, it is not in the log."""
    event = censor(None, "info", {"event": "x", "field": before + number + after, "list": [{"a": before + number}]})

    assert number not in repr(event)


def test_exception_shows_the_place_not_the_data(written: Written) -> None:
    """A traceback is logged without what the exception was about."""
    try:
        fail(ValueError(f"{NUMBER}\n{TOKEN}"))
    except ValueError:
        structlog.get_logger().exception("request_failed")

    (event,) = written.events()

    assert "error" == event["level"]
    assert "test_exception_shows_the_place_not_the_data" in event["exception"]
    assert "ValueError: 1215555****" in event["exception"]
    assert NUMBER not in written.getvalue()
    assert "eyJ" not in written.getvalue()


def test_exc_info_without_an_exception(written: Written) -> None:
    """An event that was given no exception has no traceback."""
    structlog.get_logger().error("odd", exc_info=None)

    (event,) = written.events()

    assert "exception" not in event


def test_messages_of_libraries_come_the_same_way() -> None:
    """The standard library's logging is routed here, censored, its own exceptions included."""
    written = Written()
    configure(stream=written)  # here, because pytest adds handlers of its own when a test's body begins
    try:
        fail(RuntimeError(TOKEN))
    except RuntimeError:
        logging.getLogger("aiohttp.server").exception("Error handling request from %s", NUMBER)
    logging.getLogger("aiohttp.server").error("%d", TOKEN)
    logging.getLogger("aiohttp.access").error("GET /passports/%s", NUMBER)

    first, second = written.events()

    assert ("library_message", "aiohttp.server", "error") == (first["event"], first["logger"], first["level"])
    assert "Error handling request from 1215555****" == first["message"]
    assert "a message that does not fit its arguments" == second["message"]
    assert "eyJ" not in written.getvalue()


def test_warnings_are_logged(written: Written) -> None:
    """A warning of Python does not go around the log."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn(f"odd {NUMBER}", UserWarning, stacklevel=1)

    (event,) = written.events()

    assert "py.warnings" == event["logger"]
    assert NUMBER not in written.getvalue()


def test_people_get_readable_lines() -> None:
    """A terminal gets no JSON, and no number either."""
    stream = Written()
    stream.terminal = True
    configure(stream=stream, level="DEBUG")

    structlog.get_logger().debug("passport_published", orig=NUMBER)

    assert "passport_published" in stream.getvalue()
    assert "{" not in stream.getvalue()
    assert NUMBER not in stream.getvalue()


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    """A full disk or a closed pipe behind the log is counted, not raised into a call."""

    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    lines = configure(stream=Full())
    structlog.get_logger().info("passport_published")

    assert isinstance(lines, Lines)
    assert 1 == lines.lost
