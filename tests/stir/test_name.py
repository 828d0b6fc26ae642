"""Distinguished names: equal by value, whatever their encoding."""

import time

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from stir.errors import CertificateFormatError
from stir.name import Name
from tests.support.certificates import name, oid, tlv

STRING_TYPES = [0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E]


def made(common_name: str, tag: int = 0x0C) -> Name:
    """Make a name of country, organization and common name."""
    return Name.from_der(name(common_name, tag=tag))


@pytest.mark.clause("cert-6-names")
@pytest.mark.parametrize("tag", STRING_TYPES)
def test_the_string_type_makes_no_difference(tag: int) -> None:
    """UTF8String, PrintableString and the others compare by their text (RFC 5280, section 7.1)."""
    assert made("STI-PA CRL") == made("STI-PA CRL", tag)
    assert hash(made("STI-PA CRL")) == hash(made("STI-PA CRL", tag))
    assert "C=US, O=Example, CN=STI-PA CRL" == str(made("STI-PA CRL", tag))


@pytest.mark.clause("cert-6-names")
@pytest.mark.parametrize("other", ["sti-pa crl", "STI-PA   CRL", " STI-PA CRL ", "STI-PA\tCRL"])
def test_case_and_white_space_are_folded(other: str) -> None:
    """Case, runs of white space and white space at the ends make no difference."""
    assert made("STI-PA CRL") == made(other)


def test_compatibility_forms_are_folded() -> None:
    """Letters beyond ASCII fold too: composed or not, wide or not, upper or lower case."""
    assert made("Zo\u00eb Stra\u00dfe") == made("ZOE\u0308 STRASSE")
    assert made("SHAKEN") == made("\uff33\uff28\uff21\uff2b\uff25\uff2e")


@pytest.mark.parametrize("other", ["STI-PA CR", "STIPA CRL", "STI-PA CRL 2", ""])
def test_other_values_differ(other: str) -> None:
    """A name of another text is another name."""
    assert made("STI-PA CRL") != made(other)


@pytest.mark.parametrize("accents", ["\u0301" * 10_000 + "\u0316" * 10_000, "\ufdfa" * 20_000, "\u0301\u0316" * 50])
def test_a_hostile_name_is_folded_in_time(accents: str) -> None:
    """Unicode's normal forms take quadratic time or 18 times the room; 20,000 accents would take seconds."""
    hostile = made(accents)
    began = time.thread_time()
    assert hostile == made(accents)
    assert hostile != made(accents + "a")
    assert 0.05 > time.thread_time() - began


def test_order_and_number_of_attributes_count() -> None:
    """RDNs compare in order, and none may be missing; inside one RDN the order does not count."""
    one, two = tlv(0x30, oid("2.5.4.3"), tlv(0x0C, b"a")), tlv(0x30, oid("2.5.4.10"), tlv(0x0C, b"b"))
    first, second = tlv(0x31, one), tlv(0x31, two)
    assert Name.from_der(tlv(0x30, first, second)) != Name.from_der(tlv(0x30, second, first))
    assert Name.from_der(tlv(0x30, first, second)) != Name.from_der(tlv(0x30, first))
    assert Name.from_der(tlv(0x30, first, second)) != Name.from_der(tlv(0x30, tlv(0x31, one, two)))
    assert Name.from_der(tlv(0x30)) == Name.from_der(tlv(0x30))


def test_a_name_equals_only_names() -> None:
    """A name is not its text."""
    assert made("a") != "C=US, O=Example, CN=a"
    assert "<Name C=US, O=Example, CN=a>" == repr(made("a"))


def test_undecodable_text_is_kept_apart() -> None:
    """Text that is not of its type, or of a type unknown here, is compared byte by byte, not lost."""
    broken, other = b"\xff\xfe", b"\xff\xfd"
    rdn = [tlv(0x31, tlv(0x30, oid("2.5.4.3"), tlv(0x0C, text))) for text in (broken, other)]
    assert Name.from_der(tlv(0x30, rdn[0])) == Name.from_der(tlv(0x30, rdn[0]))
    assert Name.from_der(tlv(0x30, rdn[0])) != Name.from_der(tlv(0x30, rdn[1]))
    assert "#0cfffe" == Name.from_der(tlv(0x30, rdn[0])).common_name
    number = tlv(0x31, tlv(0x30, oid("2.5.4.3"), tlv(0x02, b"\x07")))
    assert "CN=#0207" == str(Name.from_der(tlv(0x30, number)))


def test_the_common_name_is_the_last_one() -> None:
    """Several common names: the last; none: None."""
    several = b"".join(tlv(0x31, tlv(0x30, oid("2.5.4.3"), tlv(0x0C, text))) for text in (b"a", b"b"))
    assert "b" == Name.from_der(tlv(0x30, several)).common_name
    assert Name.from_der(tlv(0x30)).common_name is None


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=40), st.builds(name, st.text(max_size=10))), st.data())
def test_nothing_but_its_own_error_for_any_bytes(der: bytes, data: st.DataObject) -> None:
    """Arbitrary and damaged bytes are a name that can be compared and printed, or CertificateFormatError."""
    if der and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(der) - 1))
        der = der[:place] + data.draw(st.binary(max_size=2)) + der[place + 1 :]
    try:
        found = Name.from_der(der)
    except CertificateFormatError:
        return
    assert found == Name.from_der(der)
    assert str(found).isprintable()


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=3))
def test_texts_are_those_pyca_writes(texts: list[str]) -> None:
    """What an independent writer encodes is read back as it was."""
    oids = [x509.NameOID.ORGANIZATION_NAME, x509.NameOID.ORGANIZATIONAL_UNIT_NAME, x509.NameOID.COMMON_NAME]
    attributes = [x509.NameAttribute(kind, text, _validate=False) for kind, text in zip(oids, texts, strict=False)]
    found = Name.from_der(x509.Name(attributes).public_bytes())
    assert [(one.oid.dotted_string, one.value) for one in attributes] == list(found.attributes)


def test_control_characters_are_escaped_when_printed() -> None:
    """A name cannot start a line of its own in a log or on a screen; its value stays what it is."""
    found = made("a\r\nb\x1b[2J")
    assert "C=US, O=Example, CN=a\\u000d\\u000ab\\u001b[2J" == str(found)
    assert "a\r\nb\x1b[2J" == found.common_name
