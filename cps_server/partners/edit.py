"""Changing ``partners.toml`` by command: comments and order stay, the file is whole at every instant, or untouched."""

import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from cps_server.partners.file import PartnerFileError, parse
from cps_server.partners.rules import Mode, Partner, Rules

_NEW_MODE: Final = 0o644
Change = Callable[[tomlkit.TOMLDocument], bool]


class NoSuchPartnerError(PartnerFileError):
    """The file has no partner with this SPC."""

    code = "no-such-partner"


def put(path: Path, spc: str, given: Mapping[str, object], *, mode: Mode | None = None) -> bool:
    """
    Add the partner *spc* with what is *given*, or change that of it; return whether anything changed.

    Args:
        path: The file; it is made, in closed mode unless told otherwise, when there is none.
        spc: Whom.
        given: Values by their keys in the file; what is not given stays as it is.
        mode: The mode of a file that is made; for one that exists it must be its own.

    Raises:
        PartnerFileError: The file cannot be used or written, or would not be right any more.
    """

    def change(document: tomlkit.TOMLDocument) -> bool:
        table = _find(document, spc)
        if table is None:
            table = tomlkit.table()
            table["spc"] = spc.upper()
            _partners(document).append(table)
            table.update(given)
            return True
        changed = {key: value for key, value in given.items() if table.get(key) != value}
        table.update(changed)
        return bool(changed)

    return _edit(path, change, spc, new=f'mode = "{mode or Mode.CLOSED}"\n', mode=mode)


def switch(path: Path, spc: str, *, enabled: bool) -> bool:
    """
    Enable or disable the partner *spc*; return whether anything changed.

    Raises:
        NoSuchPartnerError: It is not in the file.
        PartnerFileError: The file cannot be used or written.
    """

    def change(document: tomlkit.TOMLDocument) -> bool:
        table = _find(document, spc)
        if table is None:
            raise NoSuchPartnerError(f"{path}: there is no partner {spc.upper()}")
        if table.get("enabled", True) == enabled:
            return False
        table["enabled"] = enabled
        return True

    return _edit(path, change, spc)


def remove(path: Path, spc: str) -> bool:
    """
    Remove the partner *spc*; return whether it was there.

    Raises:
        PartnerFileError: The file cannot be used or written.
    """

    def change(document: tomlkit.TOMLDocument) -> bool:
        partners = _partners(document)
        for index, table in enumerate(partners):
            if str(table["spc"]).upper() == spc.upper():
                del partners[index]
                return True
        return False

    return _edit(path, change, spc)


def _edit(path: Path, change: Change, spc: str, *, new: str | None = None, mode: Mode | None = None) -> bool:
    """Make *change*, which is about *spc* alone, to the file, or to the text *new* when there is none."""
    path = path.resolve()
    with _alone(path):
        exists = path.exists()
        text = path.read_text() if exists or new is None else new
        before = parse(text.encode(), str(path))
        if mode is not None and before.mode is not mode:
            raise PartnerFileError(f"{path}: its mode is {before.mode}; change that in the file itself")
        try:
            document = tomlkit.parse(text)
            if not change(document):
                return False
            made = tomlkit.dumps(document)
        except TOMLKitError as error:
            raise PartnerFileError(f"{path}: cannot be changed by command: {error}") from error
        _require_rest(before, parse(made.encode(), str(path)), spc.upper(), path)
        _replace(path, made, path.stat() if exists else None)
        return True


def _require_rest(before: Rules, after: Rules, spc: str, path: Path) -> None:
    """Refuse to write anything that is not the same for everybody else."""

    def others(rules: Rules) -> Mapping[str, Partner]:
        return {name: partner for name, partner in rules.partners.items() if name != spc}

    if replace(before, partners=others(before)) != replace(after, partners=others(after)):
        raise PartnerFileError(f"{path}: is laid out so that it cannot be changed by command; edit it by hand")


def _partners(document: tomlkit.TOMLDocument) -> AoT:
    found = document.get("partner")
    if isinstance(found, AoT):
        return found
    if found:
        raise PartnerFileError("partner is written as a list in brackets; write [[partner]] tables to use commands")
    document.pop("partner", None)
    made = tomlkit.aot()
    document.append("partner", made)
    return made


def _find(document: tomlkit.TOMLDocument, spc: str) -> Table | None:
    tables = (table for table in _partners(document) if str(table["spc"]).upper() == spc.upper())
    return next(tables, None)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other commands off the file meanwhile, by a lock on its folder; turn what the system says into one line."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PartnerFileError(f"{path}: cannot be changed: {reason}") from error


def _replace(path: Path, text: str, old: os.stat_result | None) -> None:
    """Put *text* in the place of the file at one instant, on the disk, with the owner and mode of the *old* one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    mode = stat.S_IMODE(old.st_mode) if old else _NEW_MODE
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if old is not None:
                os.fchmod(descriptor, mode)
                with suppress(PermissionError):  # only root may give files away
                    os.fchown(descriptor, old.st_uid, old.st_gid)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
