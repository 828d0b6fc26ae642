"""Strict JSON: in strictly, out deterministically."""

import json
import sys
from typing import Any

import pytest
import rfc8785
from hypothesis import assume, given
from hypothesis import strategies as st

from stir import limits, strictjson
from stir.errors import JsonError

MAX = 100_000
NAMES = st.text(st.characters(codec="utf-8"), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4))
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)


def depth(value: Any) -> int:
    """Return how deep objects and arrays nest in *value*."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(depth, children), default=0)


def nested(levels: int, opening: str, closing: str) -> str:
    """Return an object with that many levels, itself included."""
    return '{"a":' + opening * (levels - 1) + "1" + closing * (levels - 1) + "}"


@given(OBJECTS)
def test_what_is_json_is_read_as_the_standard_library_reads_it(value: dict[str, Any]) -> None:
    """An object within the bounds comes out equal, from bytes and from text, escaped or not."""
    assume(depth(value) <= limits.JSON_DEPTH)
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert value == strictjson.loads(text, max_bytes=MAX)
        assert value == strictjson.loads(text.encode(), max_bytes=MAX)


@given(st.binary(max_size=64) | st.text(max_size=64) | st.text('{}[]",:0123456789eE+-.\\udx/aN nulltrefs', max_size=24))
def test_anything_accepted_parses_equal_and_anything_else_is_one_error(data: bytes | str) -> None:
    """Arbitrary input is refused with JsonError, or is an object that the standard library reads the same."""
    try:
        value = strictjson.loads(data, max_bytes=MAX)
    except JsonError:
        return
    assert json.loads(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"a"',
        b"{",
        b"{}{}",
        b"{} x",
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":"\x00"}',
        b'{"a":"\n"}',
        b'{"a":"\\x"}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b'{"a":"\xc0\xaf"}',
        b'{"a":"\xed\xa0\x80"}',
    ],
)
def test_what_is_no_object_in_utf8_is_refused(data: bytes) -> None:
    """Other values, trailing bytes, loose syntax, a byte order mark and other encodings are no JSON object."""
    with pytest.raises(JsonError):
        strictjson.loads(data, max_bytes=MAX)


@pytest.mark.clause("passport-1.3-duplicates")
@pytest.mark.parametrize("text", ['{"a":1,"a":1}', '{"a":{"b":1,"b":2}}', '{"a":1,"\\u0061":2}', '{"a":[{"":1,"":1}]}'])
def test_a_name_that_stands_twice_is_refused(text: str) -> None:
    """No object has two members of one name, at any depth and however spelled (RFC 7519, section 4)."""
    with pytest.raises(JsonError, match="two members of the same name"):
        strictjson.loads(text, max_bytes=MAX)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1.0E+400"])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    """NaN, infinities and what would become one are refused."""
    with pytest.raises(JsonError):
        strictjson.loads(f'{{"a":{number}}}', max_bytes=MAX)


def test_a_number_of_ten_thousand_digits_is_refused() -> None:
    """An integer so long that reading it takes quadratic time is refused, and the detail is about us, not Python."""
    with pytest.raises(JsonError) as caught:
        strictjson.loads(f'{{"a":{"7" * 10_000}}}', max_bytes=MAX)

    assert "sys." not in caught.value.detail


@pytest.mark.parametrize("escape", ["\\ud800", "\\udfff", "\\udc00\\ud800", "x\\uD834"])
def test_a_lone_surrogate_is_refused_in_values_and_names(escape: str) -> None:
    """An escape that is no character cannot be written as UTF-8 again, so it is refused."""
    for text in (f'{{"a":"{escape}"}}', f'{{"{escape}":1}}', f'{{"a":[{{"b":["{escape}"]}}]}}'):
        with pytest.raises(JsonError):
            strictjson.loads(text, max_bytes=MAX)


@pytest.mark.parametrize("text", ['{"a":"\ud800"}', '{"\udfff":1}'])
def test_a_lone_surrogate_that_stands_in_the_text_is_refused(text: str) -> None:
    """Text from a lenient decoder may hold lone surrogates without any escape."""
    with pytest.raises(JsonError):
        strictjson.loads(text, max_bytes=MAX)


def test_a_pair_of_surrogates_is_one_character() -> None:
    """A character beyond the BMP may be written as two escapes."""
    assert {"a": "\U0001d11e"} == strictjson.loads('{"a":"\\ud834\\udd1e"}', max_bytes=MAX)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"b":', "}"), ('[{"b":', "}]")])
def test_nesting_ends_at_the_limit(opening: str, closing: str) -> None:
    """The deepest nesting allowed is read; one level more is refused."""
    step = opening.count("[") + opening.count("{")
    deepest = nested(1 + (limits.JSON_DEPTH - 1) // step, opening, closing)
    assert depth(json.loads(deepest)) <= limits.JSON_DEPTH
    strictjson.loads(deepest, max_bytes=MAX)
    with pytest.raises(JsonError, match="deep"):
        strictjson.loads(nested(2 + (limits.JSON_DEPTH - 1) // step, opening, closing), max_bytes=MAX)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_bottomless_nesting_is_refused(opening: str) -> None:
    """Nesting beyond the interpreter's stack ends in JsonError, closed or not."""
    levels = sys.getrecursionlimit() * 20
    closing = opening[::-1].translate(str.maketrans("[{", "]}", '":a'))
    for text in ('{"x":' + opening * levels, '{"x":' + opening * levels + "1" + closing * levels + "}"):
        with pytest.raises(JsonError, match="deep"):
            strictjson.loads(text, max_bytes=len(text))


def test_many_shallow_objects_are_no_depth() -> None:
    """The limit is on nesting, not on the number of objects."""
    value = {"a": [{"b": [1]} for _ in range(100)]}
    assert value == strictjson.loads(json.dumps(value), max_bytes=MAX)


def test_length_ends_at_the_limit() -> None:
    """As many bytes as allowed are read; one more is refused, whatever they are."""
    assert {} == strictjson.loads(b"{}  ", max_bytes=4)
    with pytest.raises(JsonError, match="5 bytes long, the limit is 4"):
        strictjson.loads(b"{}   ", max_bytes=4)


@pytest.mark.parametrize(
    "text", ['{"a":"12155550100"', '{"12155550100":1,"12155550100":2}', '{"a":12155550100x}', '{"a":"12155550100\t"}']
)
def test_a_detail_tells_the_place_and_not_the_text(text: str) -> None:
    """No piece of the input stands in the error."""
    with pytest.raises(JsonError) as caught:
        strictjson.loads(text, max_bytes=MAX)

    assert "1215" not in caught.value.detail
    assert "strict JSON" in caught.value.detail


@pytest.mark.clause("passport-1.3-order")
@given(st.dictionaries(st.text(st.characters(max_codepoint=0xD7FF)), st.text(st.characters(codec="utf-8"))))
def test_deterministic_output_is_that_of_rfc_8785(value: dict[str, str]) -> None:
    """Below the surrogates code point order is JCS order, so an independent canonicalizer gives the same bytes."""
    assert rfc8785.dumps(value) == strictjson.canonical(value)


@pytest.mark.clause("passport-1.3-space", "passport-1.3-order", "passport-1.3-recursive")
def test_members_are_in_code_point_order() -> None:
    """RFC 8225, section 9 sorts by code point, at all levels and without white space."""
    value = {"\U00010000": 1, "\ufffd": {"b": [2, {}], "a": None}, "Z": True, "a": "é\n"}

    assert '{"Z":true,"a":"é\\n","\ufffd":{"a":null,"b":[2,{}]},"\U00010000":1}'.encode() == strictjson.canonical(value)


@given(OBJECTS)
def test_deterministic_output_is_read_back(value: dict[str, Any]) -> None:
    """What is written is read as the same value, and written again as the same bytes."""
    assume(depth(value) <= limits.JSON_DEPTH)
    written = strictjson.canonical(value)
    assert written == strictjson.canonical(strictjson.loads(written, max_bytes=len(written)))


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=8,
        ),
        max_size=5,
    )
)
def test_the_quick_way_is_as_strict(members: dict[str, object]) -> None:
    """What is written canonically and read the quick way comes out as the strict way reads it, type for type."""
    try:
        data = strictjson.canonical(members)
    except (ValueError, UnicodeError):
        return  # NaN, infinities and lone surrogates are no JSON
    quick = strictjson._compact_object(data)
    if quick is not None:
        assert repr(strictjson._strict(data)) == repr(quick)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":-0}',
        b'{"a":1E2}',
        b'{"a":18446744073709551616}',
        b'{"a":"\\u0061"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xed\xa0\x80"}',
        b"[]",
        b'"a"',
        b"{",
        b'{"a":' + b"[" * 20 + b"]" * 20 + b"}",
    ],
)
def test_the_quick_way_is_for_compact_objects_only(data: bytes) -> None:
    """Duplicates, white space, escapes, odd numbers and deep nesting are left to the strict way."""
    assert strictjson._compact_object(data) is None
