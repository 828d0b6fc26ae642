"""Where fuzzing begins: what the pretend world makes, and what other people made; nothing of it is committed."""

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from stir.testing import ManualClock, ServiceProvider, World, der
from stir.testing.certificates import Template, issue
from stir.testing.constraints import constraints as made_constraints
from stir.testing.world import DEST, ORIG

VECTORS: Final = Path(os.environ.get("STIR_VECTORS", Path(__file__).resolve().parents[3] / "shared" / "vectors"))
"""Certificates and tokens made by other people, see tests/support/vectors.py; used if they are there."""

_LAYOUTS: Final = ("leaf-first", "leaf-only", "with-root", "reversed", "comments", "crlf", "unreadable", "twice")
_SIGNATURES: Final = ("raw", "der", "zero", "short", "padded", "empty")
_SPC: Final = "a00616043730394a"
_RANGE: Final = "a1123010160a3537313535353132313202020314"
_ONE: Final = "a20c160a37303335353531323132"


def world(at: datetime) -> World:
    """Return a world at the instant *at*, with somebody revoked."""
    made = World(ManualClock(at))
    for spc in ("123A", "456B"):
        made.crl.revoke(made.service_provider(spc).leaf, reason=1)
    return made


def passports(made: World) -> Iterator[bytes]:
    """Return PASSporTs, good and odd, of every type."""
    provider = made.service_provider("709J")
    for signature in _SIGNATURES:
        yield provider.passport(orig=ORIG, dest=DEST, signature=signature).encode()
    yield from (token.encode() for token in _typed(provider))
    yield b".." + b"A" * 86
    yield from (held["token"].encode() for held in _published("tokens"))


def _typed(provider: ServiceProvider) -> Iterator[str]:
    """Return a PASSporT with the claims of each type."""
    original = provider.passport(orig=ORIG, dest="12155550133")
    div = {"tn": "12155550133", "hi": "1"}
    rcd = {"nam": "Café", "icn": "https://example.com/i.png", "jcd": ["vcard", [["fn", {}, "text", "Café"]]]}
    extra: dict[str, dict[str, object]] = {
        "div": {"div": div},
        "div-o": {"div": div, "opt": original},
        "rph": {"rph": {"auth": ["ets.0", "wps.1"]}, "sph": "psap-callback"},
        "rcd": {"rcd": rcd, "rcdi": {"/icn": "sha256-" + "A" * 43}, "crn": "appointment"},
        "msg": {"mky": [{"alg": "sha-256", "dig": "02"}]},
    }
    for ppt, claims in extra.items():
        yield provider.passport(orig=ORIG, dest=DEST, header={"ppt": ppt}, claims=claims)
    yield provider.passport(orig="sip:alice@example.com", dest=["urn:service:sos", "911", DEST])


def identities(made: World) -> Iterator[bytes]:
    """Return Identity header field values in the spellings that are in use."""
    provider = made.service_provider("709J")
    token = provider.passport(orig=ORIG, dest=DEST)
    info = f"info=<{provider.x5u}>"
    yield provider.sign(orig=ORIG, dest=DEST).encode()
    yield f'{token} ; {info} ; alg = "ES256" ; ppt="shaken"; x'.encode()
    yield f"{token};{info}".encode()
    yield f"Identity: {token};INFO=<{provider.x5u}>;Alg=ES256;ppt=shaken;a=b".encode()
    yield from (f"{other.decode()};{info};alg=ES256;ppt=shaken".encode() for other in passports(made))
    yield from (value.encode() for held in _published("tokens") if (value := held.get("identity_header")))


def json_texts(_: World) -> Iterator[bytes]:
    """Return JSON texts, good and bad."""
    yield b'{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://cr.example.net/a.pem"}'
    yield b'{"dest":{"tn":["12155551212"],"uri":[]},"iat":1443208345,"\\u00e9":"\\ud83d\\ude00"}'
    yield b'{"a":[1,-2,3.5e10,1E-400,true,false,null,"\\\\\\"\\/\\b"],"":{}}'
    yield from (b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\\ud800"}', b'{"a":"\xff"}')
    yield from (b"[]", b"\xef\xbb\xbf{}")
    yield b'{"a":' + b"[" * 20 + b"]" * 20 + b"}"


def tn_auth_lists(_: World) -> Iterator[bytes]:
    """Return values of the extension."""
    for entries in ("", _SPC, _RANGE, _ONE, _SPC + _RANGE + _ONE, _SPC * 30):
        yield der.sequence(bytes.fromhex(entries))
    yield from (bytes.fromhex(held["der_hex"]) for held in _vectors("extension-vectors.json", "vectors"))


def certificates(made: World) -> Iterator[bytes]:
    """Return certificates of leaves and CAs, plain and odd."""
    authorities = [made.authority(f"CA {curve}", key_curve=curve) for curve in ("P-256", "P-384", "P-521", "RSA-2048")]
    for authority in (*authorities, made.authority("NULL CA", null_parameters=True)):
        yield from (authority.root.der, authority.issuing.der)
        yield made.service_provider("709J", issuer=authority).leaf.der
    yield made.service_provider("709J", is_ca=None, key_usage=None, policy=None, key_identifiers=False).leaf.der
    now = made.clock.now()
    odd = Template(" ", now - timedelta(days=1), now + timedelta(days=9_999), serial=1, is_ca=True, path_length=0)
    yield issue(odd).der
    yield made.crl.signer.der
    for block in _pem_vectors():
        yield from (der_of for der_of in _ders(block))


def chains(made: World) -> Iterator[bytes]:
    """Return chain files in every layout."""
    for layout in _LAYOUTS:
        yield made.service_provider("709J", chain=layout).chain_pem
    yield made.service_provider("709J", issuer=made.authority("R", key_curve="RSA-2048")).chain_pem
    yield made.anchors_pem
    yield from _pem_vectors()


def crls(made: World) -> Iterator[bytes]:
    """Return CRLs."""
    yield from (made.crl.der(), made.crl.pem())
    made.crl.sticky = True
    made.crl.extensions = (der.extension("2.5.29.35", der.sequence(der.implicit(0, b"\x01" * 20))),)
    yield made.crl.der()
    made.crl.sticky, made.crl.extensions = False, ()
    made.crl.indirect, held, made.crl.entries = None, made.crl.entries, []
    made.crl.lifetime = None
    yield made.crl.der()
    made.crl.indirect, made.crl.entries, made.crl.lifetime = True, held, timedelta(days=1)


def ca_lists(made: World) -> Iterator[bytes]:
    """Return CA lists."""
    made.ca_list.embedded = True
    yield made.ca_list.body()
    made.ca_list.embedded, made.ca_list.wrapped = False, True
    yield made.ca_list.body()
    made.ca_list.wrapped = False
    yield made.ca_list.body()
    made.ca_list.claims = {"sequence": "12", "version": None, "trustList": [made.issuer.root.pem.decode(), "", 1]}
    yield made.ca_list.body()
    made.ca_list.claims = {}


def tokens(made: World) -> Iterator[bytes]:
    """Return the bearer tokens of requests to a CPS."""
    provider = made.service_provider("709J")
    held = [provider.passport(orig=ORIG, dest=DEST)]
    for generation in (1, 2):
        for action in ("publish", "retrieve", "republish"):
            passports_claim = None if action == "retrieve" else held
            made_token = provider.request_token(
                action, orig=ORIG, dest=DEST, generation=generation, passports=passports_claim
            )
            yield made_token.encode()
    yield provider.request_token("publish", orig=ORIG, dest=DEST, claims={"aud": ["localhost", "b"]}).encode()


def constraints(_: World) -> Iterator[bytes]:
    """Return values of both extensions."""
    yield made_constraints(include=["attest"], permitted=[("attest", ["A", "B"]), ("foo", ["1"])], exclude=["rcd"])
    yield made_constraints(include=["rcd", "rcdi"])
    yield made_constraints(exclude=["crn"])
    yield from (bytes.fromhex(held["der_hex"]) for held in _vectors("extension-vectors.json", "vectors"))


def calls(made: World) -> Iterator[bytes]:
    """Return calls: the Identity header field values of each, one a line."""
    provider = made.service_provider("709J")
    shaken = provider.sign(orig=ORIG, dest="12155550133")
    diverted = {"ppt": "div"}, {"div": {"tn": "12155550133"}}
    div = provider.passport(orig=ORIG, dest=DEST, header=diverted[0], claims=diverted[1])
    opt = {**diverted[1], "opt": shaken.partition(";")[0]}
    div_o = provider.passport(orig=ORIG, dest=DEST, header={"ppt": "div-o"}, claims=opt)
    yield provider.sign(orig=ORIG, dest=DEST).encode()
    yield "\n".join((shaken, provider.identity(div, ppt="div"))).encode()
    yield provider.identity(div_o, ppt="div-o").encode()
    yield "\n".join((provider.sign(orig=ORIG, dest=DEST, signature="tampered"), shaken, "", "x")).encode()
    others = [token.decode() for token in passports(made)]
    yield "\n".join(others[:9]).encode()
    yield "\n".join(provider.identity(token, ppt="rcd") for token in others[5:12]).encode()


def reasons(_: World) -> Iterable[bytes]:
    """Return Reason header field values."""
    return (
        b'STIR ;cause=436 ;text="Bad Identity Info" ;ppi="..' + b"A" * 86 + b'"',
        b'SIP;cause=200;text="a, \\"b\\"", STIR;cause=438, Q.850;cause=16',
        b"STIR;cause=403;x=y;z",
    )


def numbers(_: World) -> Iterable[bytes]:
    """Return header fields that hold numbers, with a verstat here and there."""
    return (
        b'"A" <sip:+12155550100;verstat=TN-Validation-Passed@example.com;user=phone>;tag=1;verstat="x"',
        b"<tel:+12155550100;verstat=No-TN-Validation>, <sip:a@b?verstat=c>",
        b"tel:+1;ver;verstat;verstat=;VERSTAT = a",
    )


def urls(_: World) -> Iterable[bytes]:
    """Return certificate URLs, those included that are never fetched."""
    return (
        *(b"https://cr.example.net/a.pem", b"https://cr.example.net:8443/a/b%20c", b"https://127.0.0.1/a"),
        *(b"https://[::1]/a", b"https://[64:ff9b::7f00:1]:443/a", b"https://2130706433/a", b"https://0x7f.1/a"),
        *(b"http://a.example/a", b"https://u:p@a.example/a", b"https://a.example/a?b#c", b"https://\xe4.example/a"),
    )


def _published(key: str) -> list[dict[str, str]]:
    return _vectors("passports.json", key)


def _vectors(file: str, key: str) -> list[dict[str, str]]:
    path = VECTORS / file
    return json.loads(path.read_text())[key] if path.exists() else []


def _pem_vectors() -> list[bytes]:
    return [path.read_bytes() for path in sorted(VECTORS.glob("certs/*.pem"))]


def _ders(pem: bytes) -> Iterator[bytes]:
    for body in re.findall(rb"-----BEGIN CERTIFICATE-----(.*?)-----END", pem, re.DOTALL):
        yield base64.b64decode(body)
