"""What a CPS hands out is sifted: a parser of hostile input has two ways out, a value or a CpsError."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cps_client.answer import Found, read, sift
from cps_client.errors import CpsError
from cps_client.exchange import Answer, Endpoint
from stir.testing import World
from stir.tn import Party
from stir.token import Target

PASSPORT = World().service_provider("709J").passport(orig="12155550100", dest="12155551212")
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(PASSPORT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("passports"), inner, max_size=4),
)


def outcome(body: bytes) -> Found | str:
    """Read an answer, or return in one word why not; anything else that is raised fails the test."""
    try:
        return read(Answer(200, body))
    except CpsError as error:
        return error.reason


@pytest.mark.clause("cps-12-7")
@given(ANYTHING)
def test_any_json_is_read_or_refused(value: object) -> None:
    """Whatever JSON comes, only PASSporTs go on, and everything else is counted or refused."""
    found = outcome(json.dumps(value).encode())

    if isinstance(found, Found):
        array = value if isinstance(value, list) else value["passports"]
        assert set(found.passports) <= {PASSPORT}
        assert len(array) == found.dropped + sum(one == PASSPORT for one in array)
    else:
        assert "malformed" == found


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: b'{"passports":["' + tail))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Bytes that are no JSON are refused."""
    found = outcome(body)

    assert isinstance(found, Found) or "malformed" == found


@pytest.mark.parametrize("tokens", [[], None, "x", [1, {}, "x" * 9_000]])
def test_tokens_are_kept_if_they_can_be_some(tokens: object) -> None:
    """Tokens are not looked into, but what cannot be one is left out, and never harms the PASSporTs."""
    body = json.dumps({"passports": [PASSPORT], "tokens": tokens}).encode()

    assert ((), (PASSPORT,)) == (read(Answer(200, body)).tokens, read(Answer(200, body)).passports)
    assert ("a.b.c",) == read(Answer(200, body.replace(b'"tokens": ', b'"tokens": ["a.b.c"], "x": '))).tokens


@pytest.mark.clause("oob-7-order")
def test_order_is_kept_and_doubles_count_once() -> None:
    """The CPS's order is the order of the headers."""
    other = World().service_provider("709J").passport(orig="12155550100", dest="12155551212")

    sifted = sift([PASSPORT, other, PASSPORT], most=10)

    assert ([PASSPORT, other], 0) == ([passport.token for passport in sifted.passports], sifted.dropped)


@pytest.mark.parametrize(
    ("base", "audience", "expected"),
    [
        ("https://cps.example", None, ("cps.example", "https://cps.example/passports/1/2")),
        ("https://CPS.example:8443/x", None, ("cps.example", "https://CPS.example:8443/x/passports/1/2")),
        ("http://[::1]:80", None, ("::1", "http://[::1]:80/passports/1/2")),
        ("https://cps.example", "other", ("other", "https://cps.example/passports/1/2")),
    ],
)
def test_endpoints(base: str, audience: str | None, expected: tuple[str, str]) -> None:
    """The audience is the host alone; the path is DEST, then ORIG."""
    endpoint = Endpoint.of(base, audience)

    assert expected == (endpoint.audience, endpoint.url(Target(Party.tn("1"), Party.tn("2"))))
