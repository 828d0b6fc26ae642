"""What the verification core costs, each part beside one raw ECDSA P-256 verification."""

import asyncio
import gc
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from itertools import cycle
from pathlib import Path
from threading import Thread
from typing import Any, Final

import uvloop
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from stir.aio.certificates import CertificateCache
from stir.aio.fetch import HttpsFetcher
from stir.aio.trust import FixedTrust
from stir.aio.verification import VerificationService
from stir.certificate import load_certificates, load_chain
from stir.decode import decode
from stir.identity import Identity
from stir.passport import Claims, Passport
from stir.path import TrustAnchors, validate
from stir.policy import Freshness
from stir.revocation import RevocationList
from stir.sign import Signer
from stir.testing import ServiceProvider, TlsAuthority, World
from stir.testing.revocation import Entry
from stir.testing.world import DEST, ORIG
from stir.tn import Party
from stir.tnauthlist import TNAuthList
from stir.token import Action, RequestToken, Target
from stir.trust import Trust
from stir.verdict import Source
from stir.verify import Call, Verifier
from stir.x5u import X5uPolicy
from tests.load.meter import Batch, Figure, measure

ROOTS: Final = 19
"""As many as the national list had in 2026."""
REVOKED: Final = 20_000
CALLS: Final = 200
"""Different PASSporTs that take turns, so that nothing can be remembered of one."""
HOST: Final = "127.0.0.1"
CALL: Final = Call(Party.parse(ORIG), Party.parse(DEST))
TARGET: Final = Target(Party.parse(DEST), Party.parse(ORIG))
YARDSTICK: Final = "one ECDSA P-256 verification, raw (pyca)"
TARGETS: Final = {"call verified, warm": 1.6}
"""The most that an operation may cost, in yardsticks."""


@dataclass
class Bench:
    """The world of the benchmark, and the loop that its coroutines run on."""

    runner: asyncio.Runner
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        for number in range(1, ROOTS):
            self.world.authority(f"Example CA {number}")
        self.provider = self.world.service_provider("709J")
        self.identities = [self.provider.sign(orig=ORIG, dest=DEST) for _ in range(CALLS)]
        self.passports = [identity.partition(";")[0] for identity in self.identities]
        self.chain_pem = self.provider.chain_pem
        self.crl = self._crl()
        self.revocation = RevocationList.from_bytes(self.crl)
        self.anchors = load_certificates(self.world.anchors_pem)[0]
        self.trust = self.fresh_trust()
        self.at = self.world.clock.now()

    def _crl(self) -> bytes:
        """Return the national list: indirect, with entries of every CA in turns."""
        issuers = [authority.issuing.subject for authority in self.world.trusted]
        at = self.world.clock.now()
        self.world.crl.entries = [Entry(issuers[n % len(issuers)], 2**100 + n, at) for n in range(REVOKED)]
        return self.world.crl.der()

    def fresh_trust(self) -> Trust:
        """Return what is trusted, with nothing worked out yet."""
        return Trust(TrustAnchors(self.anchors), self.revocation)

    def service(self) -> VerificationService:
        """Return a service as a CPS has it."""
        certificates = CertificateCache(self.world.fetcher, clock=self.world.clock)
        return VerificationService(Verifier(), certificates, FixedTrust(self.trust), self.world.clock)

    def repeated(self, work: Callable[[], Coroutine[Any, Any, object]]) -> Batch:
        """Return the batch of a coroutine."""

        async def all_of(count: int) -> None:
            for _ in range(count):
                await work()

        return lambda count: self.runner.run(all_of(count))


def _each(function: Callable[[Any], object], values: Sequence[object]) -> Batch:
    """Return the batch of a function, on *values* in turns."""
    turns = cycle(values)

    def batch(count: int) -> None:
        for _ in range(count):
            function(next(turns))

    return batch


def raw_verify(bench: Bench) -> Batch:
    """Check one signature over what was signed, with everything else done beforehand: the yardstick."""
    key = bench.provider.leaf.certificate.public_key
    assert isinstance(key, EllipticCurvePublicKey)
    algorithm = ECDSA(SHA256())
    signed = []
    for token in bench.passports:
        compact = Passport.parse(token).compact
        half = len(compact.signature) // 2
        r, s = (int.from_bytes(part) for part in (compact.signature[:half], compact.signature[half:]))
        signed.append((encode_dss_signature(r, s), compact.signing_input))
    return _each(lambda pair: key.verify(*pair, algorithm), signed)


def call_warm(bench: Bench) -> Batch:
    """Judge a call with one Identity header; its certificate is in the cache and was judged before."""
    service, turns = bench.service(), cycle(bench.identities)

    async def work() -> None:
        verdict = await service.verify([next(turns)], CALL, source=Source.IN_BAND)
        assert verdict.passed, verdict

    return bench.repeated(work)


def verifier_warm(bench: Bench) -> Batch:
    """Judge one Identity header with the chain at hand: no cache, no event loop, no verdict."""
    verifier, chain = Verifier(), load_chain(bench.chain_pem)

    def judge(identity: str) -> None:
        candidate = verifier.read_identity(identity, CALL, at=bench.at)
        verifier.confirm(candidate, chain, bench.trust, at=bench.at)

    return _each(judge, bench.identities)


def token_warm(bench: Bench) -> Batch:
    """Check a publish token against its request, as a CPS does, with the chain at hand."""
    chain, passports = load_chain(bench.chain_pem), bench.passports[:1]
    ask = partial(bench.provider.request_token, "publish", orig=ORIG, dest=DEST, passports=passports)

    def check(text: str) -> None:
        token = RequestToken.parse(text)
        token.check_audience("localhost")
        token.check_time(Freshness(), bench.at)
        token.check_target(Action.PUBLISH, TARGET)
        token.check_digest(passports)
        signer = bench.trust.signer(chain, at=bench.at)
        token.check_scope(signer.authorized)
        token.check_signature(signer.certificate.public_key)

    return _each(check, [ask() for _ in range(CALLS)])


def chain_cold(bench: Bench) -> Batch:
    """Read a chain file and judge its leaf as a signer: path, revocation, profile; nothing is remembered."""
    return _each(lambda pem: bench.fresh_trust().signer(load_chain(pem), at=bench.at), [bench.chain_pem])


def path_cold(bench: Bench) -> Batch:
    """Find and validate the path of a chain that was read before; nothing is remembered."""
    chain = load_chain(bench.chain_pem)
    return _each(lambda anchors: validate(chain, TrustAnchors(anchors), at=bench.at), [bench.anchors])


def identity_parse(bench: Bench) -> Batch:
    """Take an Identity header field value apart."""
    return _each(Identity.parse, bench.identities)


def passport_parse(bench: Bench) -> Batch:
    """Take a PASSporT apart and read its claims."""
    return _each(lambda token: Claims.of(Passport.parse(token)), bench.passports)


def decoded(bench: Bench) -> Batch:
    """Decode an Identity header with all its findings."""
    return _each(lambda value: decode(value, at=bench.at), bench.identities)


def signed(bench: Bench) -> Batch:
    """Sign a call."""
    key: Any = bench.provider.private_key
    signer, origid = Signer(key, bench.provider.x5u), "4aec94e2-508c-4c1c-907b-3737bac0a80e"
    sign = partial(signer.shaken, CALL.orig, attest="A", origid=origid, at=bench.at)
    return _each(sign, [[CALL.dest]])


def tn_auth_list(_: Bench) -> Batch:
    """Read a TNAuthList with one service provider code."""
    return _each(TNAuthList.from_der, [TNAuthList.of(spcs=["709J"]).to_der()])


def crl_load(bench: Bench) -> Batch:
    """Read and index the revocation list."""
    return _each(RevocationList.from_bytes, [bench.crl])


def crl_look_up(bench: Bench) -> Batch:
    """Look a certificate up in it."""
    return _each(bench.revocation.is_revoked, [load_chain(bench.chain_pem).leaf])


def call_cold(bench: Bench, url: str, tls_ca: Path) -> Batch:
    """Judge a call whose certificate nobody has: fetched with a new TLS connection, read, and judged."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    policy = X5uPolicy(frozenset({port}), (ip_network("127.0.0.0/8"),))
    fetcher = HttpsFetcher(policy, tls_ca_file=tls_ca)
    here = ServiceProvider("709J", bench.provider.leaf, bench.chain_pem, url, bench.world.clock)
    identities = cycle([here.sign(orig=ORIG, dest=DEST) for _ in range(CALLS)])

    async def work() -> None:
        certificates = CertificateCache(fetcher, clock=bench.world.clock)
        trust = FixedTrust(bench.fresh_trust())
        service = VerificationService(Verifier(x5u=policy), certificates, trust, bench.world.clock)
        verdict = await service.verify([next(identities)], CALL, source=Source.IN_BAND)
        assert verdict.passed, verdict

    return bench.repeated(work)


@contextmanager
def served(body: bytes, folder: Path) -> Iterator[tuple[str, Path]]:
    """Serve *body* over HTTPS in a thread of its own; yield its URL and the CA file to believe."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/pem-certificate-chain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    authority = TlsAuthority()
    context = authority.certificate(HOST).server_context()
    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    (folder / "ca.pem").write_bytes(authority.ca_pem)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://{HOST}:{server.server_port}/chain.pem", folder / "ca.pem"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def bench_core(*, repeats: int, seconds: float) -> list[Figure]:
    """Return the figures of the core: medians of *repeats* batches of some *seconds*."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="core-bench-")))
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        bench = Bench(runner)
        yardstick = raw_verify(bench)
        url, tls_ca = stack.enter_context(served(bench.chain_pem, folder))
        rows: dict[str, Batch] = {
            YARDSTICK: raw_verify(bench),
            "call verified, warm": call_warm(bench),
            "PASSporT verified, chain at hand": verifier_warm(bench),
            "request token checked, chain at hand": token_warm(bench),
            "call verified, cold: chain over HTTPS": call_cold(bench, url, tls_ca),
            "chain file read and judged, cold": chain_cold(bench),
            "path validated, cold": path_cold(bench),
            "Identity header parsed": identity_parse(bench),
            "PASSporT parsed, claims read": passport_parse(bench),
            "Identity header decoded, with findings": decoded(bench),
            "PASSporT signed": signed(bench),
            "TNAuthList read": tn_auth_list(bench),
            "CRL of 20,000 entries read": crl_load(bench),
            "CRL of 20,000 entries asked": crl_look_up(bench),
        }
        stack.callback(gc.unfreeze)
        gc.freeze()  # what was made so far is no garbage: to look at it before every batch would take most of the time
        return [measure(what, batch, yardstick, repeats=repeats, seconds=seconds) for what, batch in rows.items()]
