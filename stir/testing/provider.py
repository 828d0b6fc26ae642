"""A service provider of the test world: a certificate, the URL it is served at, and what it signs."""

import base64
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from stir.testing.authority import Authority
from stir.testing.certificates import Credential, PrivateKey, pem_block
from stir.testing.clock import ManualClock
from stir.testing.jws import ABSENT, SignatureKind, canonical, compact, overridden

ChainLayout = Literal[
    "leaf-first", "leaf-only", "with-root", "reversed", "comments", "crlf", "unreadable", "public-key", "twice"
]
"""How the chain file is laid out; all of these exist in production."""

EXP_SECONDS: Final = 15
"""How long after iat a second-generation publish expires unless told otherwise."""


def chain_pem(layout: ChainLayout, leaf: Credential, authority: Authority | None) -> bytes:
    """Return the file that a repository serves for *leaf*."""
    others = [authority.issuing] if authority else []
    root = [authority.root] if authority else []
    blocks = [credential.pem for credential in (leaf, *others)]
    return {
        "leaf-first": lambda: b"".join(blocks),
        "leaf-only": lambda: leaf.pem,
        "with-root": lambda: b"".join([*blocks, *(credential.pem for credential in root)]),
        "reversed": lambda: b"".join(reversed([*blocks, *(credential.pem for credential in root)])),
        "comments": lambda: b"# issued for example\n" + b"\nsubject=leaf\n# next\n".join(blocks) + b"# end\n",
        "crlf": lambda: b"".join(blocks).replace(b"\n", b"\r\n"),
        "unreadable": lambda: b"".join([*blocks, pem_block(b"\x30\x03\x02\x01\x01")]),
        "public-key": lambda: pem_block(b"\x30\x00", "PUBLIC KEY"),
        "twice": lambda: b"".join(blocks * 2),
    }[layout]()


def _identity(value: str) -> tuple[str, str]:
    return ("uri" if ":" in value else "tn"), value


def orig_claim(value: str) -> dict[str, object]:
    """Return the orig claim for a number or URI."""
    kind, text = _identity(value)
    return {kind: text}


def dest_claim(values: str | Sequence[str]) -> dict[str, object]:
    """Return the dest claim for one or several numbers or URIs."""
    found: dict[str, object] = {}
    for kind in ("tn", "uri"):
        matching = sorted(v for v in ([values] if isinstance(values, str) else values) if _identity(v)[0] == kind)
        if matching:
            found[kind] = matching
    return found


def digest_claim(passports: Sequence[str]) -> str:
    """Return the passports claim of a request token: the digest of the body's array."""
    return "sha256-" + base64.b64encode(hashlib.sha256(canonical(list(passports))).digest()).decode()


def _div_claim(value: str, hi: str | None) -> dict[str, object]:
    return orig_claim(value) | ({"hi": hi} if hi is not None else {})


def _with(made: Mapping[str, Any], **claims: object) -> dict[str, Any]:
    """Return *made* with the type's own *claims* beneath the overrides in it."""
    return {**made, "claims": {**claims, **made.get("claims", {})}}


@dataclass
class ServiceProvider:
    """A telephone company with an SPC certificate; it signs calls and asks the CPS."""

    spc: str
    leaf: Credential
    chain_pem: bytes
    x5u: str
    clock: ManualClock

    @property
    def private_key(self) -> PrivateKey:
        """The key behind the certificate."""
        return self.leaf.private_key

    def passport(
        self,
        *,
        orig: str,
        dest: str | Sequence[str],
        attest: str = "A",
        origid: str | None = None,
        iat: int | None = None,
        header: Mapping[str, object] | None = None,
        claims: Mapping[str, object] | None = None,
        signature: SignatureKind = "raw",
    ) -> str:
        """Return a ``shaken`` PASSporT; overrides in *header* and *claims* make the defects."""
        made = {"attest": attest, "origid": origid or str(uuid.uuid4()), **(claims or {})}
        return self.make("shaken", orig=orig, dest=dest, iat=iat, header=header, claims=made, signature=signature)

    def make(
        self,
        ppt: str | None,
        *,
        orig: str,
        dest: str | Sequence[str],
        iat: int | None = None,
        header: Mapping[str, object] | None = None,
        claims: Mapping[str, object] | None = None,
        signature: SignatureKind = "raw",
    ) -> str:
        """Return a PASSporT of any type, None for a base one, with what its type adds in *claims*."""
        made = {
            "dest": dest_claim(dest),
            "iat": self.clock.timestamp() if iat is None else iat,
            "orig": orig_claim(orig),
        }
        parameters = {"alg": "ES256", "ppt": ABSENT if ppt is None else ppt, "typ": "passport", "x5u": self.x5u}
        return compact(overridden(parameters, header), overridden(made, claims), self.private_key, signature=signature)

    def div(self, *, orig: str, dest: str | Sequence[str], div: str, hi: str | None = None, **made: Any) -> str:
        """Return a ``div`` PASSporT: whoever called *div* was sent on to *dest*."""
        return self.make("div", orig=orig, dest=dest, **_with(made, div=_div_claim(div, hi)))

    def div_o(self, *, orig: str, dest: str | Sequence[str], div: str, opt: str, **made: Any) -> str:
        """Return a ``div-o`` PASSporT, with the one before it inside."""
        return self.make("div-o", orig=orig, dest=dest, **_with(made, div=_div_claim(div, None), opt=opt))

    def rph(
        self, *, orig: str, dest: str | Sequence[str], auth: Sequence[str], sph: str | None = None, **made: Any
    ) -> str:
        """Return an ``rph`` PASSporT for these values of Resource-Priority."""
        own: dict[str, object] = {"rph": {"auth": list(auth)}} | ({"sph": sph} if sph is not None else {})
        return self.make("rph", orig=orig, dest=dest, **_with(made, **own))

    def rcd(self, *, orig: str, dest: str | Sequence[str], rcd: Mapping[str, object], **made: Any) -> str:
        """Return an ``rcd`` PASSporT; rcdi and crn go into *claims*."""
        return self.make("rcd", orig=orig, dest=dest, **_with(made, rcd=dict(rcd)))

    def sign(
        self,
        *,
        orig: str,
        dest: str | Sequence[str],
        attest: str = "A",
        origid: str | None = None,
        iat: int | None = None,
        header: Mapping[str, object] | None = None,
        claims: Mapping[str, object] | None = None,
        signature: SignatureKind = "raw",
    ) -> str:
        """Return an Identity header field value with a ``shaken`` PASSporT."""
        return self.identity(
            self.passport(
                orig=orig,
                dest=dest,
                attest=attest,
                origid=origid,
                iat=iat,
                header=header,
                claims=claims,
                signature=signature,
            )
        )

    def identity(
        self, passport: str, *, info: str | None = None, alg: str = "ES256", ppt: str | None = "shaken"
    ) -> str:
        """Return the Identity header field value that carries *passport*."""
        value = f"{passport};info=<{info or self.x5u}>;alg={alg}"
        return value if ppt is None else f"{value};ppt={ppt}"

    def request_token(
        self,
        action: str,
        *,
        orig: str,
        dest: str,
        aud: str = "localhost",
        passports: Sequence[str] | None = None,
        generation: Literal[1, 2] = 1,
        spc: str | None = None,
        iat: int | None = None,
        exp: int | None = None,
        jti: str | None = None,
        header: Mapping[str, object] | None = None,
        claims: Mapping[str, object] | None = None,
        signature: SignatureKind = "raw",
    ) -> str:
        """Return the bearer token of a request to a CPS; *spc* names the publisher in generation 2."""
        issued = self.clock.timestamp() if iat is None else iat
        made: dict[str, object] = {
            "action": action,
            "aud": aud,
            "dest": dest_claim(dest),
            "iat": issued,
            "iss": self.spc,
            "jti": jti or str(uuid.uuid4()),
            "orig": orig_claim(orig),
        }
        made |= {"sub": self.spc} if generation == 1 else {"spc": spc or self.spc}
        if passports is not None:
            made["passports"] = digest_claim(passports)
        if exp is not None or (generation != 1 and action == "publish"):
            made["exp"] = issued + EXP_SECONDS if exp is None else exp
        parameters = {"alg": "ES256", "x5u": self.x5u}
        return compact(overridden(parameters, header), overridden(made, claims), self.private_key, signature=signature)
