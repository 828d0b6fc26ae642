"""Numbers that a provider has assigned to its subscribers: single ones and ranges."""

from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

from cps_client import limits
from stir.aio.configuration import SettingsError
from stir.errors import NumberError
from stir.tn import Party, canonical_number

_RANGE = ".."


class NumberList:
    """
    A list of numbers, asked whether a number is on it.

    Args:
        ranges: First and last number of each range, canonical and of the same length.
    """

    def __init__(self, ranges: Iterable[tuple[str, str]] = ()) -> None:
        self._ranges: dict[int, list[tuple[str, str]]] = {}
        for first, last in sorted(ranges):
            of_length = self._ranges.setdefault(len(first), [])
            if of_length and first <= of_length[-1][1]:  # they overlap, and the one before begins first
                of_length[-1] = (of_length[-1][0], max(of_length[-1][1], last))
            else:
                of_length.append((first, last))

    @classmethod
    def of(cls, entries: Iterable[str], file: Path | None = None) -> "NumberList":
        """
        Read *entries* and the lines of *file*: numbers in full, ranges as ``+12155550100..+12155550199``.

        In the file empty lines and what stands behind ``;`` do not count.

        Raises:
            SettingsError: One of them is neither, or the file cannot be read or is too long.
        """
        ranges = [_read(entry, "signing.numbers") for entry in entries]
        for place, line in enumerate(_lines(file) if file else (), 1):
            if entry := line.partition(";")[0].strip():
                ranges.append(_read(entry, f"{file}, line {place}"))
        return cls(ranges)

    def __contains__(self, party: Party) -> bool:
        """Return whether *party* is one of the numbers."""
        of_length = self._ranges.get(len(party.value), [])
        place = bisect_right(of_length, party.value, key=lambda one: one[0]) - 1
        return party.kind == "tn" and place >= 0 and party.value <= of_length[place][1]

    def __len__(self) -> int:
        """Return how many ranges there are, a single number being one."""
        return sum(map(len, self._ranges.values()))


def _read(entry: str, where: str) -> tuple[str, str]:
    first, dots, last = entry.partition(_RANGE)
    try:
        ends = canonical_number(first.strip()), canonical_number((last if dots else first).strip())
    except NumberError as error:
        raise SettingsError(f"{where}: {error.detail}, or a range of them, first{_RANGE}last") from error
    if len(ends[0]) != len(ends[1]) or ends[0] > ends[1]:
        raise SettingsError(f"{where}: the first number of a range is not before its last, or not as long")
    return ends


def _lines(file: Path) -> list[str]:
    try:
        with file.open("rb") as opened:
            content = opened.read(limits.NUMBERS_FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    if len(content) > limits.NUMBERS_FILE_BYTES:
        raise SettingsError(f"{file} is longer than {limits.NUMBERS_FILE_BYTES} bytes")
    return content.decode("ascii", errors="replace").splitlines()
