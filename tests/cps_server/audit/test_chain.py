"""One line of the audit log, and the hashes of numbers in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cps_server.audit.chain import FIRST, LineError, Link, Secret, parties

SECRET = Secret(b"k" * 32)


def test_a_line_is_json_with_the_hashes_last() -> None:
    """Every reader of JSON can read a line; its own hash covers every byte before it."""
    line, link = SECRET.seal({"kind": "start"}, Link("c0ffee"))
    members = json.loads(line)
    assert ["chain", "seq", "kind", "prev", "mac"] == list(members)
    assert ("c0ffee", 1, FIRST, link.mac) == tuple(members[name] for name in ("chain", "seq", "prev", "mac"))
    assert line.endswith(b"}\n")


def test_lines_are_chained() -> None:
    """A line holds the hash of the one before and the next number."""
    _, first = SECRET.seal({"kind": "start"}, Link.begin())
    line, _ = SECRET.seal({"kind": "request"}, first)
    opened = SECRET.open(line.rstrip(b"\n"))
    assert (first.mac, 2, first.chain) == (opened.prev, opened.link.seq, opened.link.chain)


@given(st.binary(max_size=300))
def test_nothing_else_is_a_line(data: bytes) -> None:
    """Whatever is no line under this key is refused in one way."""
    with pytest.raises(LineError):
        SECRET.open(data)


def test_a_line_may_not_be_endless() -> None:
    """A line longer than ours can be is none, whatever its hash."""
    line, _ = SECRET.seal({"kind": "x" * 5_000}, Link.begin())
    with pytest.raises(LineError):
        SECRET.open(line.rstrip(b"\n"))


def test_hashes_of_numbers() -> None:
    """The same call has the same hashes; who calls is not confused with who is called, nor one pair with another."""
    one = parties(SECRET, orig="1", dest="2")
    assert one == parties(SECRET, orig="1", dest="2")
    assert not {*one.values()} & {*parties(SECRET, orig="2", dest="1").values()}
    assert {"orig": one["orig"]} == parties(SECRET, orig="1")
    assert parties(SECRET, orig="1", dest="23")["pair"] != parties(SECRET, orig="12", dest="3")["pair"]


def test_hashes_need_the_secret() -> None:
    """Without the secret nobody can compute a number's hash."""
    assert parties(SECRET, orig="1") != parties(Secret(b"x" * 32), orig="1")
