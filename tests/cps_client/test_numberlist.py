"""Lists of subscribers' numbers: single ones and ranges, from settings and from a file."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cps_client import limits
from cps_client.numberlist import NumberList
from stir.aio.configuration import SettingsError
from stir.tn import Party


def on(numbers: NumberList, *texts: str) -> list[bool]:
    """Return whether each is on the list."""
    return [Party.parse(text) in numbers for text in texts]


def test_numbers_and_ranges_are_found() -> None:
    """A range has its ends; a number of another length, or a URI, is never in it."""
    numbers = NumberList.of(["+1 215 555 0100", "12155550200..12155550299", "4930123..4930125"])

    assert [True, True, True, True, True] == on(
        numbers, "12155550100", "12155550200", "12155550299", "4930123", "4930125"
    )
    assert [False, False, False, False] == on(numbers, "12155550101", "12155550300", "493012", "49301234")
    assert [False, False] == on(numbers, "tel:121555502001", "sip:12155550250@x")
    assert (3, 0) == (len(numbers), len(NumberList()))


def test_a_file_has_one_a_line(tmp_path: Path) -> None:
    """Empty lines and remarks do not count, and the settings' own numbers stand beside it."""
    file = tmp_path / "numbers"
    file.write_text("; assigned in March\n12155550100\n\n 12155550200 .. 12155550201 ; a block\r\n")

    assert [True] * 3 == on(NumberList.of(["12155550300"], file), "12155550100", "12155550201", "12155550300")


@pytest.mark.parametrize("line", ["x", "12155550100..", "..1", "2..1", "1..22", "1..2..3", "1 ; ok\n12345678901234567"])
def test_mistakes_name_the_place(tmp_path: Path, line: str) -> None:
    """What is neither number nor range is refused at the start, with file and line."""
    file = tmp_path / "numbers"
    file.write_text(f"12155550100\n{line}\n")

    with pytest.raises(SettingsError, match=rf"{file}, line {2 + line.count(chr(10))}: "):
        NumberList.of([], file)
    with pytest.raises(SettingsError, match=r"signing\.numbers: "):
        NumberList.of(["12155550100", line.rpartition("\n")[2]])


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file and one that is too long are mistakes of the configuration."""
    monkeypatch.setattr(limits, "NUMBERS_FILE_BYTES", 12)
    (tmp_path / "long").write_text("12155550100\n ")

    for name, said in (("missing", "cannot be read"), ("long", "longer than 12 bytes")):
        with pytest.raises(SettingsError, match=said):
            NumberList.of([], tmp_path / name)


@given(
    ranges=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)).map(sorted), max_size=8),
    number=st.integers(0, 99),
)
@settings(deadline=None)
def test_ranges_may_overlap(ranges: list[list[int]], number: int) -> None:
    """A number is on the list if it is in any of the ranges, however they lie."""
    numbers = NumberList((f"{first:02}", f"{last:02}") for first, last in ranges)

    assert any(first <= number <= last for first, last in ranges) is (Party.tn(f"{number:02}") in numbers)
