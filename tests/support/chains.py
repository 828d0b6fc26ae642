"""Chains with every defect we can think of, and chains that only look odd, made byte by byte."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.support import certificates as make
from tests.support.certificates import NOW, NULL, Made, ca, leaf, root

SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class Case:
    """A chain, the roots, an instant, and what OpenSSL has to be told to judge the same question."""

    leaf: bytes
    others: tuple[bytes, ...] = ()
    roots: tuple[bytes, ...] = ()
    at: datetime = NOW
    flags: tuple[str, ...] = ()


def case(end: Made, *others: Made, roots: tuple[Made, ...], at: datetime = NOW, flags: str = "") -> Case:
    """Make a case from made certificates."""
    return Case(end.der, tuple(o.der for o in others), tuple(r.der for r in roots), at, tuple(flags.split()))


ROOT = root()
CA = ca(ROOT)
LEAF = leaf(CA)
ODD = {"outer": NULL, "inner": NULL}
UNKNOWN = make.extension("1.3.6.1.4.1.99999.1", b"\x05\x00", critical=True)


def _kinds(top: str, middle: str, algorithm: str | None = None) -> Case:
    high = root(f"{top} ROOT", kind=top)
    low = ca(high, f"{middle} CA", kind=middle)
    return case(leaf(low, algorithm=algorithm), low, roots=(high,))


def _deep(count: int, **knobs: object) -> list[Made]:
    """Make a root and *count* CAs below one another, root first."""
    line = [ROOT]
    for number in range(count):
        line.append(ca(line[-1], f"SHAKEN CA {number}", **knobs))
    return line


def _long(count: int) -> Case:
    line = _deep(count)
    return case(leaf(line[-1]), *line[1:], roots=(ROOT,))


def _under(parent: Made, *others: Made, roots: tuple[Made, ...] = (ROOT,), **knobs: object) -> Case:
    """Make a leaf below a CA with a knob turned."""
    return case(leaf(parent), parent, *others, roots=roots, **knobs)


TWIN = ca(ROOT, key_label="another key")
SAME_NAME_ROOT = root(key_label="another root key")
LIMITED = ca(ROOT, "LIMITED CA", path_length=0)
LIMITED = LIMITED.but(extensions=(*LIMITED.extensions, make.subject_key_id(b"\x01")))
BELOW_LIMITED = ca(LIMITED, "BELOW CA")
SELF_ISSUED = ca(LIMITED, "LIMITED CA", key_label="rolled key")
SELF_ISSUED = SELF_ISSUED.but(  # without these OpenSSL takes it for self-signed
    extensions=(*SELF_ISSUED.extensions, make.subject_key_id(b"\x02"), make.authority_key_id(b"\x01"))
)
CASE_FOLDED = LEAF.but(issuer=CA.but(subject="shaken   ca", key_label="SHAKEN CA"))

GOOD: Final[dict[str, Callable[[], Case]]] = {
    "plain": lambda: case(LEAF, CA, roots=(ROOT,)),
    "root included": lambda: case(LEAF, CA, ROOT, roots=(ROOT,)),
    "wrong order": lambda: case(LEAF, ROOT, CA, roots=(ROOT,)),
    "stranger in the file": lambda: case(LEAF, root("OTHER"), CA, roots=(ROOT,)),
    "issuing CA trusted too": lambda: case(LEAF, roots=(ROOT, CA)),
    "issuing CA alone trusted": lambda: case(LEAF, roots=(CA,), flags="-partial_chain"),
    "leaf below the root": lambda: case(leaf(ROOT), roots=(ROOT,)),
    "two roots of one name": lambda: case(LEAF, CA, roots=(SAME_NAME_ROOT, ROOT)),
    "two CAs of one name": lambda: case(LEAF, TWIN, CA, roots=(ROOT,)),
    "NULL parameters in the leaf": lambda: case(LEAF.but(**ODD), CA, roots=(ROOT,)),
    "NULL parameters in the CA": lambda: _under(ca(ROOT, **ODD)),
    "NULL parameters in the root": lambda: _under(ca(root(**ODD)), roots=(root(**ODD),)),
    "NULL parameters everywhere": lambda: case(
        leaf(ca(root(**ODD), **ODD), **ODD), ca(root(**ODD), **ODD), roots=(root(**ODD),)
    ),
    "other parameters in the leaf": lambda: case(
        LEAF.but(outer=b"\x04\x00", inner=b"\x04\x00"), CA, roots=(ROOT,)
    ),
    "key identifiers with bytes behind": lambda: case(
        LEAF.but(extensions=(make.extension("2.5.29.35", b"\x30\x00\x00"),)), CA, roots=(ROOT,)
    ),
    "critical written out as false": lambda: case(
        LEAF.but(extensions=(make.extension("2.5.29.19", b"\x30\x03\x01\x01\x00", critical=False),)), CA, roots=(ROOT,)
    ),
    "KeyUsage with set bits behind its used ones": lambda: case(
        LEAF.but(extensions=(make.key_usage(b"\x07\xc0"),)), CA, roots=(ROOT,)
    ),
    "PrintableString with an underscore": lambda: case(
        LEAF.but(subject="SHAKEN_1234", subject_tag=0x13), CA, roots=(ROOT,)
    ),
    "P-384 and P-521": lambda: _kinds("P-521", "P-384"),
    "P-384 with SHA-384": lambda: _kinds("P-384", "P-384", make.ECDSA_SHA384),
    "P-521 with SHA-512": lambda: _kinds("P-256", "P-521", make.ECDSA_SHA512),
    "RSA": lambda: _kinds("RSA-2048", "RSA-2048"),
    "RSA with SHA-512": lambda: _kinds("RSA-2048", "RSA-2048", make.RSA_SHA512),
    "RSA above P-256": lambda: _kinds("RSA-2048", "P-256"),
    "RSA without parameters": lambda: case(
        LEAF.but(issuer=ca(root(kind="RSA-2048")), outer=b"", inner=b""), ca(root(kind="RSA-2048")),
        roots=(root(kind="RSA-2048"),),
    ),
    "CA without KeyUsage": lambda: _under(CA.but(extensions=(make.basic_constraints(ca=True),))),
    "KeyUsage counts no unused bits": lambda: _under(
        CA.but(extensions=(make.basic_constraints(ca=True), make.key_usage(b"\x00\x04")))
    ),
    "path length kept": lambda: _under(LIMITED),
    "path length and a self-issued CA": lambda: _under(SELF_ISSUED, LIMITED),
    "path as long as allowed": lambda: _long(4),
    "valid from this second": lambda: case(LEAF.but(not_before=NOW), CA, roots=(ROOT,)),
    "valid beyond 2050": lambda: case(LEAF.but(not_after=datetime(9999, 12, 31, tzinfo=UTC)), CA, roots=(ROOT,)),
    "one of two same-named CAs expired": lambda: case(
        LEAF, CA.but(not_after=NOW - SECOND), CA, roots=(ROOT,)
    ),
    "critical TNAuthList": lambda: case(
        LEAF.but(extensions=(make.basic_constraints(ca=False), make.extension(
            "1.3.6.1.5.5.7.1.26", bytes.fromhex("3008A006160431323334"), critical=True))), CA,
        roots=(ROOT,), flags="-ignore_critical",
    ),
    "key identifiers fit": lambda: case(
        LEAF.but(extensions=(make.authority_key_id(b"\x01\x02"),)),
        CA.but(extensions=(*CA.extensions, make.subject_key_id(b"\x01\x02"))), roots=(ROOT,),
    ),
    "CA has no key identifier": lambda: case(
        LEAF.but(extensions=(make.authority_key_id(b"\x01\x02"),)), CA, roots=(ROOT,)
    ),
    "authority's serial number fits": lambda: case(
        LEAF.but(extensions=(make.authority_key_id(None, serial=CA.serial),)),
        CA.but(issuer=root("root")), roots=(root("root"),),
    ),
    "serial number zero": lambda: case(LEAF.but(serial=0), CA, roots=(ROOT,)),
    "serial number negative": lambda: case(LEAF.but(serial=-5), CA, roots=(ROOT,)),
    "issuer's name in PrintableString": lambda: case(LEAF.but(issuer_tag=0x13), CA, roots=(ROOT,)),
    "issuer's name in BMPString": lambda: case(LEAF.but(issuer_tag=0x1E), CA, roots=(ROOT,)),
    "issuer's name in other case and spacing": lambda: case(CASE_FOLDED, CA, roots=(ROOT,)),
    "SHA-1": lambda: case(LEAF.but(algorithm=make.ECDSA_SHA1), CA, roots=(ROOT,)),
    "RSA of 1024 bits": lambda: _kinds("RSA-1024", "P-256"),
    "secp256k1 CA": lambda: _kinds("P-256", "secp256k1"),
    "v2 CA with extensions": lambda: case(LEAF, CA.but(version=1), roots=(ROOT,)),
    "v2 leaf with extensions": lambda: case(LEAF.but(version=1), CA, roots=(ROOT,)),
    "v1 leaf": lambda: case(LEAF.but(version=None, extensions=()), CA, roots=(ROOT,)),
    "v1 root": lambda: _under(
        ca(root(version=None, extensions=())), roots=(root(version=None, extensions=()),)
    ),
    "CA as leaf": lambda: case(CA, roots=(ROOT,)),
    "seven certificates": lambda: _long(5),
    "last second": lambda: case(LEAF.but(not_after=NOW), CA, roots=(ROOT,)),
    "broken distribution point": lambda: case(
        LEAF.but(extensions=(*LEAF.extensions, make.extension("2.5.29.31", b"\x04\x00"))), CA, roots=(ROOT,)
    ),
    "name constraints": lambda: _under(
        CA.but(extensions=(*CA.extensions, make.extension("2.5.29.30", b"\x30\x00")))
    ),
}  # fmt: skip
"""To be believed."""

BAD: Final[dict[str, Callable[[], Case]]] = {
    "issuing CA missing": lambda: case(LEAF, roots=(ROOT,)),
    "other roots trusted": lambda: case(LEAF, CA, ROOT, roots=(root("OTHER"),)),
    "root of the same name with another key": lambda: case(LEAF, CA, roots=(SAME_NAME_ROOT,)),
    "only the twin": lambda: case(LEAF, TWIN, roots=(ROOT,)),
    "NULL parameters outside only": lambda: case(LEAF.but(outer=NULL), CA, roots=(ROOT,)),
    "NULL parameters inside only": lambda: case(LEAF.but(inner=NULL), CA, roots=(ROOT,)),
    "signature by another key": lambda: case(LEAF.but(signer=TWIN), CA, roots=(ROOT,)),
    "CA's signature by another key": lambda: _under(CA.but(signer=TWIN)),
    "leaf changed after signing": lambda: case(LEAF.but(flip=1), CA, roots=(ROOT,)),
    "CA changed after signing": lambda: case(LEAF, CA.but(flip=1), roots=(ROOT,)),
    "RSA signature said to be ECDSA": lambda: case(
        LEAF.but(algorithm=make.RSA_SHA256, outer=NULL, inner=NULL), CA, roots=(ROOT,)
    ),
    "issuer is no CA": lambda: _under(LEAF.but(subject="ANOTHER LEAF"), CA),
    "issuer's constraints missing": lambda: _under(CA.but(extensions=(make.CERT_SIGN,))),
    "issuer says it is no CA": lambda: _under(
        CA.but(extensions=(make.basic_constraints(ca=False), make.CERT_SIGN))
    ),
    "issuer may only sign data": lambda: _under(
        CA.but(extensions=(make.basic_constraints(ca=True), make.DIGITAL_SIGNATURE))
    ),
    "issuer may only sign lists": lambda: _under(
        CA.but(extensions=(make.basic_constraints(ca=True), make.CRL_SIGN))
    ),
    "root may not sign": lambda: _under(
        ca(root(extensions=(make.basic_constraints(ca=True), make.CRL_SIGN))),
        roots=(root(extensions=(make.basic_constraints(ca=True), make.CRL_SIGN)),),
    ),
    "KeyUsage has set bits that it calls unused": lambda: _under(
        CA.but(extensions=(make.basic_constraints(ca=True), make.key_usage(b"\x03\x04")))
    ),
    "KeyUsage is empty": lambda: _under(
        CA.but(extensions=(make.basic_constraints(ca=True), make.key_usage(b"\x00")))
    ),
    "constraints written twice": lambda: _under(
        CA.but(extensions=(make.basic_constraints(ca=True), make.basic_constraints(ca=True), make.CERT_SIGN))
    ),
    "constraints are garbage": lambda: _under(
        CA.but(extensions=(make.extension("2.5.29.19", b"\x04\x00"), make.CERT_SIGN))
    ),
    "path length is negative": lambda: _under(
        CA.but(extensions=(make.basic_constraints(ca=True, path_length=-1), make.CERT_SIGN))
    ),
    "path length exceeded": lambda: _under(BELOW_LIMITED, LIMITED),
    "path length of the root exceeded": lambda: _under(
        ca(ca(root(extensions=LIMITED.extensions)), "LOW CA"), ca(root(extensions=LIMITED.extensions)),
        roots=(root(extensions=LIMITED.extensions),),
    ),
    "CA expired": lambda: _under(CA.but(not_after=NOW - SECOND)),
    "CA not yet valid": lambda: _under(CA.but(not_before=NOW + SECOND)),
    "root expired": lambda: _under(
        ca(root(not_after=NOW - SECOND)), roots=(root(not_after=NOW - SECOND),)
    ),
    "leaf expired": lambda: case(LEAF.but(not_after=NOW - SECOND), CA, roots=(ROOT,)),
    "leaf not yet valid": lambda: case(LEAF.but(not_before=NOW + SECOND), CA, roots=(ROOT,)),
    "unknown critical extension in the leaf": lambda: case(
        LEAF.but(extensions=(*LEAF.extensions, UNKNOWN)), CA, roots=(ROOT,)
    ),
    "unknown critical extension in the CA": lambda: _under(CA.but(extensions=(*CA.extensions, UNKNOWN))),
    "unknown critical extension in the root": lambda: _under(
        ca(root(extensions=(*ROOT.extensions, UNKNOWN))), roots=(root(extensions=(*ROOT.extensions, UNKNOWN)),)
    ),
    "v1 CA": lambda: _under(CA.but(version=None, extensions=())),
    "key identifiers differ": lambda: case(
        LEAF.but(extensions=(make.authority_key_id(b"\x01\x02"),)),
        CA.but(extensions=(*CA.extensions, make.subject_key_id(b"\x03"))), roots=(ROOT,),
    ),
    "authority's serial number differs": lambda: case(
        LEAF.but(extensions=(make.authority_key_id(None, serial=CA.serial + 1),)),
        CA.but(issuer=root("root")), roots=(root("root"),),
    ),
    "leaf trusted as its own root": lambda: case(LEAF, roots=(LEAF,)),
    "self-signed leaf": lambda: case(LEAF.but(issuer=None), roots=(ROOT,)),
    "cycle of two CAs": lambda: case(
        leaf(ca(Made("B"), "A")), ca(Made("B"), "A"), ca(Made("A"), "B"), roots=(ROOT,)
    ),
}  # fmt: skip
"""Not to be believed."""
