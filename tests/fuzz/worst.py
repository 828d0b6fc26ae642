"""
The worst inputs that could be thought of, for every parser: nested, repeated, escaped, quadratic.

``python -m tests.fuzz.worst`` prints what each costs; the test holds them to the bound.
"""

import base64
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from stir import limits
from stir.errors import StirError
from stir.testing import World, der
from stir.testing.certificates import Credential, Template, issue, name, pem_block
from stir.testing.constraints import constraints as made_constraints
from stir.testing.jws import encode
from stir.testing.revocation import Entry
from stir.testing.world import DEST, ORIG
from tests.fuzz import targets

SIZE: Final = 65_536
BOUND_MS: Final = 50.0
_HEADER: Final = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": "https://cr.example.net/a.pem"}
_CLAIMS: Final = {"attest": "A", "dest": {"tn": [DEST]}, "iat": 1, "orig": {"tn": ORIG}, "origid": "a"}


def repeated(unit: bytes, size: int, head: bytes = b"", tail: bytes = b"") -> bytes:
    """Return *head*, *unit* again and again, and *tail*: *size* bytes, or as many as whole units give."""
    return head + unit * ((size - len(head) - len(tail)) // len(unit)) + tail


def json_texts(size: int) -> Iterator[tuple[str, bytes]]:
    """Return JSON texts of *size* bytes, most of them valid."""
    yield "open arrays", repeated(b"[", size, b'{"a":')
    half = size // 2 - 4
    yield "nested arrays", b'{"a":' + b"[" * half + b"]" * half + b"}"
    yield "nested objects", b'{"a":' * (size // 6) + b"1" + b"}" * (size // 6)
    yield "empty arrays", repeated(b"[],", size, b'{"a":[', b"0]}")
    yield "empty objects", repeated(b"{},", size, b'{"a":[', b"0]}")
    yield "at the deepest level", repeated(b"[],", size, b'{"a":' + b"[" * 13, b"0" + b"]" * 13 + b"}")
    yield "many members", b"{" + b",".join(b'"%d":0' % n for n in range(size // 10)) + b"}"
    yield "one name again and again", repeated(b'"a":0,', size, b"{", b'"b":0}')
    yield "escapes", repeated(b"\\u00e9", size, b'{"a":"', b'"}')
    yield "surrogate pairs", repeated(b"\\ud83d\\ude00", size, b'{"a":"', b'"}')
    yield "short strings", repeated(b'"\\n",', size, b'{"a":[', b"0]}")
    yield "one long number", repeated(b"1", size, b'{"a":', b"}")
    yield "long numbers", repeated(b"1" * limits.JSON_DIGITS + b",", size, b'{"a":[', b"0]}")
    yield "one long fraction", repeated(b"1", size, b'{"a":0.', b"}")
    yield "fractions", repeated(b"0." + b"123456789" * 80 + b"e-300,", size, b'{"a":[', b"0]}")
    yield "white space", repeated(b" ", size, b"{", b"}")
    yield "four bytes a character", repeated("\U0001f600".encode(), size, b'{"a":"', b'"}')


def _jws(header: bytes, payload: bytes) -> bytes:
    return f"{encode(header)}.{encode(payload)}.{'A' * 86}".encode()


def _claims(size: int, **more: object) -> bytes:
    return _jws(json.dumps(_HEADER).encode(), json.dumps({**_CLAIMS, **more}).encode())[:size]


def passports(size: int) -> Iterator[tuple[str, bytes]]:
    """Return PASSporTs of *size* bytes."""
    inside = (size - 300) * 3 // 4
    for what, text in json_texts(inside):
        yield f"payload of {what}", _jws(json.dumps(_HEADER).encode(), text)
        yield f"header of {what}", _jws(text, b"{}")
    yield "dest of many numbers", _claims(size, dest={"tn": ["+1 (2) 1"] * (inside // 13)})
    yield "dest of many URIs", _claims(size, dest={"uri": ["sip:a@b"] * (inside // 12)})
    yield "orig of separators", _claims(size, orig={"tn": "-" * (inside - 200)})
    yield "orig of a long URI", _claims(size, orig={"uri": "sip:" + "@;" * (inside // 2 - 150)})
    yield "dots", b"." * size
    yield "base64url without end", b"A" * size
    yield "no base64url at the very end", b"A" * (size - 2) + b".="


def identities(size: int) -> Iterator[tuple[str, bytes]]:
    """Return Identity header field values of *size* bytes."""
    token = _claims(size)
    info = b";info=<https://cr.example.net/a.pem>"
    yield "many parameters", token + info + b"".join(b";a%d" % n for n in range((size - len(token) - 40) // 6))
    for what, unit, head in (
        ("semicolons", b";", b""),
        ("white space", b" ", b""),
        ("white space in a parameter", b" ", b";a"),
        ("white space before a value", b" ", b";a="),
        ("equals signs", b"=", b";a"),
        ("an open quote", b"a", b';a="'),
        ("an open bracket", b"a", b";info=<"),
        ("open quotes", b';a="', b""),
        ("short parameters", b";a=b", b""),
        ("tabs and semicolons", b"\t;\t", b";a"),
    ):
        yield what, repeated(unit, size, token + info + head)
        yield f"{what}, then a parameter", repeated(unit, size, token + head, b";b=c")
    yield "prefixes", repeated(b"identity:", size)
    yield "white space first", repeated(b" ", size, b"", b"identity:")
    for what, passport in passports(size - 100):
        yield what, passport + info


def tn_auth_lists(size: int) -> Iterator[tuple[str, bytes]]:
    """Return TNAuthLists of *size* bytes."""
    spc = bytes.fromhex("a0061604373039 4a")
    one = bytes.fromhex("a20316 0131")
    span = bytes.fromhex("a1083006160131020102")
    for what, unit in (("codes", spc), ("numbers", one), ("ranges", span)):
        yield f"as many {what} as are read", der.sequence(unit * limits.TNAUTHLIST_ENTRIES)
        yield f"{what} without end", der.sequence(repeated(unit, size - 8))
    yield "one endless code", der.sequence(der.explicit(0, der.tlv(0x16, b"A" * (size - 16))))
    yield (
        "one endless count",
        der.sequence(der.explicit(1, der.sequence(der.tlv(0x16, b"1"), der.tlv(0x02, b"\x7f" * (size - 32))))),
    )
    parts = der.tlv(0x16, b"1"), der.integer(2), repeated(b"\x05\x00", size - 32)
    yield "a range that goes on", der.sequence(der.explicit(1, der.sequence(*parts)))
    yield "nested sequences", _nested(size)


def _nested(size: int) -> bytes:
    data = b""
    while len(data) < size - 8:
        data = der.sequence(data)
    return data


def certificates(size: int) -> Iterator[tuple[str, bytes]]:
    """Return certificates of *size* bytes, self-signed where that is possible."""
    for what, unit in (("accents", "\u0301\u0316"), ("ligatures", "\ufdfa"), ("capitals", "A"), ("spaces", " a")):
        yield f"a name of {what}", _named([_utf8(unit * ((size - 700) // 2 // len(unit.encode())))])
        short = unit * (limits.NAME_CHARACTERS // len(unit))
        count = (size - 700) // 2 // (len(short.encode()) + 20)
        yield f"many names of {what}", _named([_utf8(short)] * count)
    yield "a name of many attributes", _named([_utf8("A")] * ((size - 700) // 30))
    yield "one set of many attributes", _named([], der.tlv(0x31, *[_attribute(_utf8("A"))] * ((size - 700) // 26)))
    oid = der.tlv(0x06, b"\x2a" + b"\x81" * 3 + b"\x01")
    yield (
        "a name of odd types",
        _named([], der.tlv(0x31, der.sequence(oid, der.tlv(0x04, b"\xff" * (size // 2 - 400))))),
    )
    unknown = [der.extension(f"1.2.3.{n}", b"\x05\x00") for n in range((size - 700) // 15)]
    yield "many extensions", _replaced(7, lambda _: der.explicit(3, der.sequence(*unknown)))
    yield "an extension of nested sequences", _issued(extensions=(("2.5.29.31", _nested(size - 700), False),))
    policies = der.sequence(repeated(der.sequence(der.oid("1.2.3")), size - 700))
    yield "many policies", _issued(policy=None, extensions=(("2.5.29.32", policies, False),))
    yield (
        "key usage without end",
        _issued(key_usage=None, extensions=(("2.5.29.15", der.tlv(0x03, b"\x00" + b"\xff" * (size - 700)), True),)),
    )
    for what, made in tn_auth_lists(size - 800):
        yield f"TNAuthList: {what}", _issued(tn_auth_list=made)
    yield "an endless serial number", _replaced(2, lambda _: der.tlv(0x02, b"\x7f" * (size - 700)))
    yield "an endless RSA key", _replaced(6, lambda _: _rsa_key(b"\x7f" * (size - 700)))
    yield "nested sequences", _nested(size)


def _utf8(text: str) -> bytes:
    return der.tlv(0x0C, text.encode())


def _attribute(value: bytes) -> bytes:
    return der.sequence(der.oid("2.5.4.3"), value)


def _named(values: list[bytes], *rdns: bytes) -> bytes:
    """Return a certificate with an issuer and a subject made of these attributes."""
    made = der.sequence(*(der.tlv(0x31, _attribute(value)) for value in values), *rdns)
    return _replaced(3, lambda _: made, 5, lambda _: made)


def _replaced(*changes: Any) -> bytes:
    """Return a CA's certificate with fields of its tbsCertificate made anew; its signature is not."""
    tbs, algorithm, signature = der.children(_issued())
    fields = der.children(tbs)
    for at, change in zip(changes[::2], changes[1::2], strict=True):
        fields[at] = change(fields[at])
    return der.sequence(der.sequence(*fields), algorithm, signature)


def _rsa_key(modulus: bytes) -> bytes:
    algorithm = der.sequence(der.oid("1.2.840.113549.1.1.1"), der.NULL)
    return der.sequence(algorithm, der.bits(der.sequence(der.tlv(0x02, modulus), der.integer(65_537))))


def _template(**fields: object) -> Template:
    day = timedelta(days=1)
    return Template(
        "A", targets.AT - day, targets.AT + day, **{"is_ca": True, "key_usage": ("key_cert_sign",), **fields}
    )


def _issued(**fields: object) -> bytes:
    return issue(_template(**fields)).der


def chains(size: int) -> Iterator[tuple[str, bytes]]:
    """Return chain files of *size* bytes."""
    inside = (size - 400) * 48 // 65
    for what, made in certificates(inside):
        yield what, pem_block(made)
    for what, made in certificates(inside // limits.CHAIN_CERTIFICATES):
        if what.startswith("TNAuthList"):
            continue  # it costs as much in one certificate as in several
        yield f"{limits.CHAIN_CERTIFICATES} times {what}", pem_block(made) * limits.CHAIN_CERTIFICATES
    yield "beginnings", repeated(b"-----BEGIN CERTIFICATE-----\n", size)
    yield "dashes", b"-" * size
    yield "empty blocks", repeated(b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", size)
    yield "white space", repeated(b"\n", size, b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----")
    for curve in ("P-256", "P-384", "P-521", "RSA-2048"):
        yield f"a leaf and CAs of one name, {curve}", _same_named(curve, name("A", organization="Example Telephone"))
        yield f"a leaf and CAs of a root's name, {curve}", _same_named(curve, targets.world().issuer.root.subject)


def _same_named(curve: str, subject: x509.Name) -> bytes:
    """Return a leaf below CAs that all have one name, each of which may have issued each; none of them has."""
    parent = Credential(b"", _key(curve), subject, subject, 1)
    fields = {"key_curve": curve, "key_identifiers": False}
    leaf = issue(_template(**fields, is_ca=False, key_usage=("digital_signature",)), parent)
    cas = [issue(replace(_template(**fields), **_names(subject)), parent) for _ in range(limits.CHAIN_CERTIFICATES - 1)]
    return b"".join(one.pem for one in (leaf, *cas))


def _names(subject: x509.Name) -> dict[str, str]:
    parts = {NameOID.COMMON_NAME: "common_name", NameOID.ORGANIZATION_NAME: "organization"}
    return {parts[one.oid]: str(one.value) for one in subject if one.oid in parts}


def _key(curve: str) -> object:
    return issue(_template(key_curve=curve)).private_key


def crls(size: int) -> Iterator[tuple[str, bytes]]:
    """Return CRLs of *size* bytes."""
    made = World()
    at, issuer = made.clock.now(), made.issuer.root.subject
    numbers = range(size)
    for what, entry, width in (
        ("entries", lambda n: Entry(None, n, at), 24),
        ("entries of one issuer", lambda n: Entry(issuer, n, at), 110),
        ("entries of many issuers", lambda n: Entry(name(f"{n}", organization="\u0301\u0316" * 30), n, at), 250),
        ("reasons", lambda n: Entry(None, n, at, 1), 38),
    ):
        made.crl.entries = [entry(n) for n in numbers[: (size - 600) // width]]
        yield what, made.crl.der()
    made.crl.entries = []
    made.crl.extensions = tuple(der.extension(f"1.2.3.{n}", b"") for n in numbers[: (size - 600) // 12])
    yield "extensions", made.crl.der()
    made.crl.extensions = ()
    made.crl.extra_signer_urls = ["http://a"] * ((size - 600) // 22)
    yield "signers' URLs", made.crl.der()
    yield "nested sequences", _nested(size)
    yield "PEM of white space", repeated(b"\n", size, b"-----BEGIN X509 CRL-----", b"-----END X509 CRL-----")


def ca_lists(size: int) -> Iterator[tuple[str, bytes]]:
    """Return CA lists of *size* bytes."""
    header = json.dumps({"alg": "ES256", "x5u": "https://cr.example.net/a.pem"}).encode()
    inside = (size - 200) * 3 // 4
    root = targets.world().issuer.root.pem.decode()

    def listed(roots: list[str]) -> bytes:
        return _jws(header, json.dumps({"version": 1, "sequence": 1, "exp": 1, "trustList": roots}).encode())

    yield "one root again and again", listed([root] * (inside // (len(root) + 20)))
    yield "many roots in one entry", listed([root * (inside // (len(root) + 20))])
    yield "empty entries", listed([""] * (inside // 4))
    yield (
        "entries that are no certificates",
        listed(["-----BEGIN CERTIFICATE-----MAA=-----END CERTIFICATE-----"] * (inside // 60)),
    )
    for what, text in json_texts(inside):
        yield f"payload of {what}", _jws(header, text)
        yield f"around it {what}", text
    embedded = base64.b64encode(targets.world().issuer.root.der).decode()
    many = {"alg": "ES256", "x5c": [embedded] * (inside // (len(embedded) + 4))}
    yield "x5c without end", _jws(json.dumps(many).encode(), b"{}")


def tokens(size: int) -> Iterator[tuple[str, bytes]]:
    """Return request tokens of *size* bytes."""
    header = json.dumps({"alg": "ES256", "x5u": "https://cr.example.net/a.pem"}).encode()
    inside = (size - 300) * 3 // 4
    claims = {**_CLAIMS, "action": "publish", "iss": "709J", "sub": "709J", "jti": "0" * 36}
    yield "many audiences", _jws(header, json.dumps({**claims, "aud": ["a"] * (inside // 5 - 80)}).encode())
    for what, text in json_texts(inside):
        yield f"payload of {what}", _jws(header, text)


def urls(size: int) -> Iterator[tuple[str, bytes]]:
    """Return certificate URLs of *size* bytes."""
    head = b"https://"
    for what, unit in (("labels", b"a."), ("dashes", b"a-"), ("digits", b"1"), ("brackets", b"["), ("zeros", b"0.")):
        yield what, repeated(unit, size, head, b"/a")
        yield f"{what} at the end", repeated(unit, size, head, b"_/a")
    yield "escapes", repeated(b"%2e", size, head + b"a.example/")
    yield "segments", repeated(b"/..", size, head + b"a.example")
    yield "colons", repeated(b":", size, head + b"[", b"]/a")


def constraints(size: int) -> Iterator[tuple[str, bytes]]:
    """Return claim constraints of *size* bytes."""
    names = [f"{n:x}" for n in range(size // 7)]
    yield "many claims demanded", made_constraints(include=names)
    yield "many claims excluded", made_constraints(exclude=names)
    yield "many values of one claim", made_constraints(permitted=[("attest", names)])
    yield "one value of many claims", made_constraints(permitted=[(one, ["A"]) for one in names[: size // 14]])
    yield "one claim again and again", made_constraints(permitted=[("foo", ["A"])] * (size // 14))
    lists = [("foo", names[: size // 16]), ("foo", list(reversed(names[: size // 16])))]
    yield "two long lists for one claim", made_constraints(permitted=lists)
    yield "one endless claim", made_constraints(include=["a" * (size - 16)])
    yield "nested sequences", _nested(size)


def calls(size: int) -> Iterator[tuple[str, bytes]]:
    """Return calls whose Identity headers have *size* bytes together."""
    provider = targets.world().service_provider("709J")
    each = dict(identities(size // limits.IDENTITIES))
    for what in ("many parameters", "payload of empty objects", "dest of many numbers", "dest of many URIs"):
        yield f"{limits.IDENTITIES} times {what}", b"\n".join([each[what]] * limits.IDENTITIES)
    div = {"tn": DEST}
    diversions = [provider.passport(orig=ORIG, dest=DEST, header={"ppt": "div"}, claims={"div": div})] * 10
    yield "diversions in a circle", "\n".join(diversions).encode()
    inner = provider.passport(orig=ORIG, dest=DEST)
    while len(inner) < limits.PASSPORT_BYTES * 3 // 4 - 500:
        inner = provider.passport(orig=ORIG, dest=DEST, header={"ppt": "div-o"}, claims={"div": div, "opt": inner})
    yield "div-o in div-o", "\n".join([inner] * (size // len(inner))).encode()
    yield "lines", b"\n" * size


def reasons(size: int) -> Iterator[tuple[str, bytes]]:
    """Return Reason header fields of *size* bytes."""
    for unit in (b",", b";", b" ", b'"', b"\\", b'\\"', b"STIR;cause=1,", b"a;a=", b'a;a="', b";a", b"=", b"a,"):
        yield f"{unit.decode()} again and again", repeated(unit, size)
        yield f"{unit.decode()} in a value", repeated(unit, size, b'STIR;cause=403;text="', b'"')


def numbers(size: int) -> Iterator[tuple[str, bytes]]:
    """Return header fields that hold numbers, of *size* bytes."""
    for unit in (
        b";",
        b";verstat",
        b";verstat=a",
        b";verstat;",
        b'"',
        b"<",
        b";ver;verstatstat",
        b" ;",
        b"\\",
        b"=",
        b"@",
    ):
        yield f"{unit.decode()} again and again", repeated(unit, size)
        yield f"{unit.decode()} in a URI", repeated(unit, size, b"<sip:a", b"@b>")
    nested = b";ver"
    while len(nested) < size - 20:
        nested = nested[: len(nested) // 2] + b";verstat" + nested[len(nested) // 2 :]
    yield "one inside the other", nested


SHAPES: Final[dict[str, tuple[Callable[[int], Iterator[tuple[str, bytes]]], tuple[int, ...]]]] = {
    "identity": (identities, (SIZE, limits.IDENTITY_BYTES)),
    "passport": (passports, (SIZE, limits.PASSPORT_BYTES)),
    "json": (json_texts, (SIZE,)),
    "tnauthlist": (tn_auth_lists, (SIZE,)),
    "certificate": (certificates, (SIZE,)),
    "chain": (chains, (SIZE,)),
    "crl": (crls, (SIZE,)),
    "calist": (ca_lists, (SIZE,)),
    "token": (tokens, (SIZE, limits.TOKEN_BYTES)),
    "constraints": (constraints, (SIZE,)),
    "call": (calls, (SIZE,)),
    "explain": (calls, (limits.IDENTITY_BYTES,)),
    "reason": (reasons, (SIZE, limits.REASON_BYTES)),
    "verstat": (numbers, (SIZE, limits.SIP_FIELD_CHARACTERS)),
    "x5u": (urls, (SIZE, limits.URL_CHARACTERS)),
}
"""The shapes for each target, and the sizes: 64 kB, and the parser's own bound where that is less."""


def inputs(target: str) -> Iterator[tuple[str, bytes]]:
    """Return the worst inputs for *target*, each with its name."""
    shapes, sizes = SHAPES[target]
    for size in sizes:
        for what, data in shapes(size):
            yield f"{what}, {len(data):,} bytes", data[:SIZE]


def cost_ms(target: str, data: bytes, *, most: float = BOUND_MS) -> float:
    """Return the CPU milliseconds that *data* costs, the least of five tries if one is over *most*."""
    least = float("inf")
    for _ in range(5):
        began = time.thread_time()
        try:
            targets.TARGETS[target].run(data)
        except StirError as error:
            raise AssertionError(f"{target} lets {error!r} out") from error
        least = min(least, (time.thread_time() - began) * 1e3)
        if least <= most:
            break
    return least


def main() -> None:
    """Print the five most expensive inputs of every target."""
    for target in SHAPES:
        costs = sorted(((cost_ms(target, data, most=0), what) for what, data in inputs(target)), reverse=True)
        for cost, what in costs[:5]:
            sys.stdout.write(f"| {target} | {what} | {cost:.1f} |\n")


if __name__ == "__main__":
    main()
