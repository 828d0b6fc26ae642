"""TNAuthList: strict reading, against vectors of others and an independent decoder."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.codec.der import decoder, encoder
from pyasn1_modules import rfc8226

from stir import limits
from stir.errors import TNAuthListError
from stir.tnauthlist import NumberRange, ServiceProviderCode, TelephoneNumber, TNAuthList
from tests.support.certificates import integer, tlv
from tests.support.vectors import VECTORS, needs_vectors

numbers = st.from_regex(r"[0-9#*]{1,15}", fullmatch=True)
codes = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=20)
lists = st.lists(
    st.one_of(
        st.builds(ServiceProviderCode, codes),
        st.builds(TelephoneNumber, numbers),
        st.builds(NumberRange, numbers, st.integers(2, 10**limits.NUMBER_DIGITS)),
    ),
    max_size=8,
).map(lambda entries: TNAuthList(tuple(entries)))

SPC_1234 = bytes.fromhex("3008A006160431323334")


def ia5(text: str) -> bytes:
    """Write an IA5String."""
    return tlv(0x16, text.encode())


def written(held: TNAuthList) -> list[dict]:
    """Write a list as the vectors do."""
    found = []
    for entry in held.entries:
        match entry:
            case ServiceProviderCode(value):
                found.append({"spc": value})
            case NumberRange(start, count):
                found.append({"range": {"start": start, "count": count}})
            case TelephoneNumber(value):
                found.append({"one": value})
    return found


@pytest.mark.clause("passport-6.1-vectors", "pki-c5-choice")
@needs_vectors
def test_vectors_of_others_read_as_they_say() -> None:
    """Every published TNAuthList gives its entries, and every malformed one a clean error."""
    vectors = json.loads((VECTORS / "extension-vectors.json").read_bytes())["vectors"]
    assert 7 == len(vectors)
    for vector in vectors:
        der = bytes.fromhex(vector["der_hex"])
        if isinstance(vector["expect"], list):
            assert vector["expect"] == written(TNAuthList.from_der(der))
        else:
            with pytest.raises(TNAuthListError):
                TNAuthList.from_der(der)


@pytest.mark.clause("passport-6.1-der")
@pytest.mark.parametrize(
    ("held", "der"),
    [
        (TNAuthList.of(spcs=["1234"]), "3008A006160431323334"),
        (TNAuthList.of(numbers=["12013776051"]), "300FA20D160B3132303133373736303531"),
        (TNAuthList.of(ranges=[NumberRange("12013776000", 100)]), "3014A1123010160B3132303133373736303030020164"),
    ],
)
def test_the_three_choices_in_bytes(held: TNAuthList, der: str) -> None:
    """Code, number and range have the encoding of RFC 8226, both ways."""
    assert bytes.fromhex(der) == held.to_der()
    assert held == TNAuthList.from_der(bytes.fromhex(der))


@pytest.mark.clause("passport-6.1-der")
@settings(deadline=None)
@given(lists)
def test_an_independent_decoder_reads_what_we_write(held: TNAuthList) -> None:
    """Our encoding is pyasn1's, and decodes to the same list."""
    oracle = rfc8226.TNAuthorizationList()
    for place, entry in enumerate(written(held)):
        (kind, value), *_ = entry.items()
        if kind == "range":
            oracle[place]["range"]["start"], oracle[place]["range"]["count"] = value["start"], value["count"]
        else:
            oracle[place][kind] = value
    der = held.to_der()
    if held.entries:
        assert encoder.encode(oracle) == der
        decoded, rest = decoder.decode(der, asn1Spec=rfc8226.TNAuthorizationList())
        assert b"" == rest
        assert len(decoded) == len(held.entries)
    assert held == TNAuthList.from_der(der)


@pytest.mark.clause("passport-6.1-malformed")
@settings(deadline=None)
@given(st.one_of(st.binary(max_size=60), lists.map(TNAuthList.to_der)), st.data())
def test_nothing_but_its_own_error_for_any_bytes(der: bytes, data: st.DataObject) -> None:
    """Arbitrary and damaged bytes are a list or TNAuthListError, and a list is worth its bytes."""
    if der and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(der) - 1))
        der = der[:place] + data.draw(st.binary(max_size=2)) + der[place + 1 :]
    try:
        held = TNAuthList.from_der(der)
    except TNAuthListError:
        return
    assert held == TNAuthList.from_der(held.to_der())


@pytest.mark.clause("passport-6.1-malformed", "pki-c5-broken")
@pytest.mark.parametrize(
    "der",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(SPC_1234 + b"\x00", id="bytes behind"),
        pytest.param(SPC_1234[:-1], id="cut short"),
        pytest.param(tlv(0x31, tlv(0xA0, ia5("1234"))), id="a set"),
        pytest.param(tlv(0x30, tlv(0x13, b"1234")), id="PrintableString without a tag"),
        pytest.param(tlv(0x30, tlv(0xA0, tlv(0x13, b"1234"))), id="PrintableString"),
        pytest.param(tlv(0x30, tlv(0x80, b"1234")), id="implicit tag"),
        pytest.param(tlv(0x30, tlv(0xA3, ia5("1234"))), id="unknown choice"),
        pytest.param(tlv(0x30, tlv(0xA0, ia5("1234"), ia5("5678"))), id="two in one entry"),
        pytest.param(tlv(0x30, tlv(0xA0, tlv(0x16, b"\xe41234"))), id="not ASCII"),
        pytest.param(tlv(0x30, tlv(0xA0, ia5(""))), id="empty code"),
        pytest.param(tlv(0x30, tlv(0xA0, ia5("12\n34"))), id="control character in the code"),
        pytest.param(tlv(0x30, tlv(0xA2, ia5(""))), id="empty number"),
        pytest.param(tlv(0x30, tlv(0xA2, ia5("1" * 16))), id="number too long"),
        pytest.param(tlv(0x30, tlv(0xA2, ia5("+1201"))), id="plus in a number"),
        pytest.param(tlv(0x30, tlv(0xA1, tlv(0x30, ia5("1201"), integer(1)))), id="range of one"),
        pytest.param(tlv(0x30, tlv(0xA1, tlv(0x30, ia5("1201"), integer(-5)))), id="negative range"),
        pytest.param(tlv(0x30, tlv(0xA1, tlv(0x30, ia5("1201")))), id="range without count"),
        pytest.param(tlv(0x30, tlv(0xA1, tlv(0x30, integer(5), ia5("1201")))), id="range the wrong way round"),
        pytest.param(tlv(0x30, tlv(0xA1, ia5("1201"))), id="range is a string"),
        pytest.param(tlv(0x30, tlv(0xA1, tlv(0x30, ia5("x"), integer(5)))), id="range starts with a letter"),
        pytest.param(b"\x30\x80\xa0\x06\x16\x0412\x33\x34\x00\x00", id="indefinite length"),
        pytest.param(b"\x30\x81\x08" + SPC_1234[2:], id="length in more bytes than needed"),
    ],
)
def test_malformed_lists_are_refused(der: bytes) -> None:
    """Anything but the DER of RFC 8226 is TNAuthListError."""
    with pytest.raises(TNAuthListError):
        TNAuthList.from_der(der)


@pytest.mark.parametrize("count", [10**limits.NUMBER_DIGITS + 1, 10**5_000], ids=["large", "huge"])
def test_a_range_counts_no_more_than_there_are_numbers(count: int) -> None:
    """A count of thousands of digits could not be printed; one of 15 digits is all there is."""
    TNAuthList.from_der(TNAuthList.of(ranges=[NumberRange("1", 10**limits.NUMBER_DIGITS)]).to_der())
    written = TNAuthList.of(ranges=[NumberRange("1", count)]).to_der()
    with pytest.raises(TNAuthListError, match="counts"):
        TNAuthList.from_der(written)


def test_the_number_of_entries_is_bounded() -> None:
    """As many entries as the bound allows are read, and not one more."""
    most = tlv(0xA0, ia5("1234")) * limits.TNAUTHLIST_ENTRIES
    assert limits.TNAUTHLIST_ENTRIES == len(TNAuthList.from_der(tlv(0x30, most)).entries)
    with pytest.raises(TNAuthListError, match="over 1000"):
        TNAuthList.from_der(tlv(0x30, most, tlv(0xA0, ia5("1234"))))


def test_a_range_may_be_extended() -> None:
    """What a later edition adds to a range is skipped (RFC 8226: the SEQUENCE is extensible)."""
    der = tlv(0x30, tlv(0xA1, tlv(0x30, ia5("1201"), integer(5), tlv(0x0C, b"new"))))
    assert (NumberRange("1201", 5),) == TNAuthList.from_der(der).ranges


@pytest.mark.clause("pki-c5-choice")
def test_the_code_is_known_only_when_it_is_everything() -> None:
    """``spc`` is the code of a SHAKEN certificate: exactly one entry, and that a code."""
    assert "709J" == TNAuthList.of(spcs=["709J"]).spc
    assert TNAuthList.of().spc is None
    assert TNAuthList.of(spcs=["709J", "709J"]).spc is None
    assert TNAuthList.of(spcs=["709J"], numbers=["12015550100"]).spc is None
    assert TNAuthList.of(numbers=["12015550100"]).spc is None


@pytest.mark.clause("pki-c5-case")
def test_codes_are_compared_without_case() -> None:
    """``has_spc`` takes 709j for 709J and looks at every entry; numbers are no codes."""
    held = TNAuthList.of(spcs=["1234", "709j"], numbers=["5678"])
    assert ("1234", "709j") == held.spcs
    assert held.has_spc("709J")
    assert not held.has_spc("709")
    assert not held.has_spc("5678")
    assert not TNAuthList.of().has_spc("")


@pytest.mark.clause("passport-6.1-range", "passport-6.1-star")
@pytest.mark.parametrize(
    ("number", "covered"),
    [
        ("12013776000", True),
        ("12013776099", True),
        ("12013776100", False),
        ("12013775999", False),
        ("012013776000", False),
        ("2013776000", False),
        ("*67", True),
        ("*68", False),
        ("12015550100", True),
        ("12015550101", False),
        ("1201377600٣", False),
        ("", False),
    ],
)
def test_numbers_and_ranges_cover(number: str, covered: bool) -> None:  # noqa: FBT001 - pytest fills it in
    """A number is covered if it is listed or in a range of numbers of its length; # and * only exactly."""
    ranges = [NumberRange("12013776000", 100), NumberRange("*67", 10)]
    held = TNAuthList.of(ranges=ranges, numbers=["12015550100"])
    assert ("12015550100",) == held.numbers
    assert covered is held.covers(number)
