"""The commands: what they print, and the exit codes that scripts rely on."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner, Result

from cps_client.cli import app
from stir.constraints import ENHANCED
from stir.testing import RunningClock, ServiceProvider, Template, World, tnauthlist
from stir.testing.authority import CA_USAGE
from stir.testing.certificates import issue
from stir.testing.constraints import constraints
from tests.support.fake_cps import FakeCps, answering
from tests.support.vectors import VECTORS, needs_vectors

ORIG, DEST = "12155550100", "12155551212"
CALL = ("--orig", ORIG, "--dest", DEST)
Run = Callable[..., Result]


@pytest.fixture
def now() -> World:
    """A world that lives in the present, since commands do."""
    return World(RunningClock())


@pytest.fixture
def sp(now: World) -> ServiceProvider:
    """A provider of that world."""
    return now.service_provider("709J")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sp: ServiceProvider) -> Run:
    """Run a command in an environment that has the provider's credential."""
    for name in [name for name in os.environ if name.upper().startswith("CPS_")]:
        monkeypatch.delenv(name)
    key = tmp_path / "key.pem"
    key.write_bytes(sp.leaf.key_pem)
    given = {"SPC": sp.spc, "X5U": sp.x5u, "PRIVATE_KEY": str(key)}
    for name, value in given.items():
        monkeypatch.setenv(f"CPS_CLIENT_{name}", value)

    def invoke(*arguments: str, stdin: str | None = None, **settings: str | None) -> Result:
        env = {f"CPS_CLIENT_{name}": value for name, value in settings.items()}
        result = CliRunner().invoke(app, arguments, input=stdin, env=env)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return invoke


@pytest.fixture
def files(now: World, sp: ServiceProvider, tmp_path: Path) -> dict[str, str]:
    """Chain, roots and CRL as files."""
    contents = {"chain": sp.chain_pem, "anchors": now.anchors_pem, "crl": now.crl.der()}
    for name, content in contents.items():
        (tmp_path / f"{name}.pem").write_bytes(content)
    return {name: str(tmp_path / f"{name}.pem") for name in contents}


@contextmanager
def served(cps: FakeCps) -> Iterator[str]:
    """Run a fake CPS beside the test, whose commands have an event loop of their own."""
    ready, stops = threading.Event(), []

    async def main() -> None:
        stop = asyncio.Event()
        stops.append(partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set))
        async with cps.running():
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    ready.wait()
    try:
        yield json.dumps([cps.url])
    finally:
        stops[0]()
        thread.join()


def one_object(result: Result) -> dict:
    """Return the one JSON object on stdout."""
    return json.loads(result.stdout)


def complaint(result: Result) -> str:
    """Return the one line on stderr."""
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.clause("use-1-lowest")
def test_sign_prints_an_identity_header(run: Run, sp: ServiceProvider) -> None:
    """The value can go into a SIP message as it stands; it vouches for the least unless told otherwise."""
    plain = run("sign", *CALL)
    full = run("sign", *CALL, "--attest", "A", "--origid", "4aec94e2-508c-4c1c-907b-3737bac0a80e", "--json")

    assert plain.stdout.strip().endswith(f";info=<{sp.x5u}>;alg=ES256;ppt=shaken")
    shown = one_object(full)
    assert shown["identity"].startswith(shown["passport"] + ";")
    claims = one_object(run("decode", "--json", shown["identity"]))["payload"]
    assert ("A", "4aec94e2-508c-4c1c-907b-3737bac0a80e") == (claims["attest"], claims["origid"])
    assert "C" == one_object(run("decode", "--json", plain.stdout))["payload"]["attest"]


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "said"),
    [
        (("sign", "--orig", "anonymous", "--dest", DEST), {}, 2, "not a telephone number"),
        (("sign", *CALL, "--attest", "D"), {}, 2, "attest is none of A, B and C"),
        (("sign", *CALL), {"X5U": None}, 78, "CPS_CLIENT_X5U is not set"),
        (("sign", *CALL), {"PRIVATE_KEY": "/absent.pem"}, 78, "CPS_CLIENT_PRIVATE_KEY: /absent.pem cannot be read"),
        (("sign", *CALL), {"GENERATON": "2"}, 78, "CPS_CLIENT_GENERATON is not a setting; did you mean CPS_CLIENT_GEN"),
        (("sign", *CALL, "--config", "/absent.toml"), {}, 78, "/absent.toml cannot be read"),
        (("publish", *CALL), {}, 78, "CPS_CLIENT_CPS_URLS is not set"),
        (("publish", *CALL), {"CPS_URLS": '["http://cps.example"]'}, 78, "CPS_CLIENT_CPS_URLS (0): must be an https"),
        (("publish", *CALL), {"CPS_URLS": '["http://127.0.0.1:9"]'}, 69, "not published: no connection"),
        (("retrieve", *CALL), {"CPS_URLS": '["http://127.0.0.1:9"]'}, 69, "nothing was retrieved: no connection"),
        (("retrieve", *CALL, "--verify"), {"CPS_URLS": '["http://127.0.0.1:9"]'}, 69, "nothing was retrieved: no con"),
        (("retrieve", *CALL, "--spc", "456B"), {"CPS_URLS": '["http://127.0.0.1:9"]'}, 2, "second generation only"),
        (("verify", *CALL, "--identity", "x", "--at", "noon"), {}, 2, "--at is an RFC 3339 time"),
        (("verify", *CALL, "--identity", "x", "--at", "2026-03-02T12:00:00"), {}, 2, "--at needs an offset from UTC"),
        (("verify", *CALL, "--identity", "x", "--at", "9" * 30), {}, 2, "--at is an RFC 3339 time"),
        (("verify", *CALL, "--identity", "x", "--at", "iat"), {}, 2, "--at iat: no PASSporT"),
        (("verify", *CALL, "--identity", "x", "--crl", "x"), {}, 2, "--crl goes with --anchors"),
        (("verify", *CALL, "--identity", "x", "--chain", "/absent"), {}, 2, "/absent cannot be read"),
        (("decode", "no.passport"), {}, 1, "that is no PASSporT"),
        (("cert", "inspect", "/absent.pem"), {}, 2, "/absent.pem cannot be read"),
        (("cert", "inspect", "http://a.example/b"), {}, 2, "the certificate URL is not https"),
        (("cert", "inspect", "https://127.0.0.1/b"), {}, 2, "an address, and not one in the allowed networks"),
        (("cert", "inspect", "/dev/null", "--crl", "x"), {}, 2, "--crl goes with --anchors"),
        (("verify", *CALL, "--identity", "x", "--chain", "/dev/zero"), {}, 2, "/dev/zero is longer than 65536 bytes"),
        (("check",), {"CPS_URLS": '["http://127.0.0.1:9"]'}, 78, "no trusted STI-CA root is known"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], settings: dict, code: int, said: str, run: Run) -> None:
    """Whatever is wrong, it is one clear line on stderr and the exit code that tells its kind."""
    result = run(*arguments, **settings)

    assert code == result.exit_code, result.output
    assert said in complaint(result)
    assert complaint(result).startswith("cps-client: ")


def test_mistakes_as_json(run: Run) -> None:
    """With --json a mistake is one object, too."""
    result = run("sign", *CALL, "--json", X5U=None)

    assert (78, "bad-credential") == (result.exit_code, one_object(result)["error"]["code"])


def test_call_over_a_cps(run: Run, now: World, sp: ServiceProvider, files: dict[str, str]) -> None:
    """Publish and retrieve over a CPS, for people and for scripts."""
    cps = FakeCps(sp.private_key.public_key())
    with served(cps) as urls:
        nothing = run("retrieve", *CALL, CPS_URLS=urls)
        nothing_json = run("retrieve", *CALL, "--json", CPS_URLS=urls)
        none = run("retrieve", *CALL, "--verify", "--json", CPS_URLS=urls)
        published = run("publish", *CALL, "--attest", "B", CPS_URLS=urls)
        identity = sp.sign(orig=ORIG, dest=DEST)
        again = run("publish", *CALL, "--identity", identity, "--identity", "junk", "--json", CPS_URLS=urls)
        plain = run("retrieve", *CALL, CPS_URLS=urls)
        found = run("retrieve", *CALL, "--json", CPS_URLS=urls)
        unverified = run("retrieve", *CALL, "--verify", "--json", CPS_URLS=urls, TRUST__ANCHORS=files["anchors"])

    assert (1, 1, 1) == (nothing.exit_code, nothing_json.exit_code, none.exit_code)
    assert "the CPS has no PASSporT for this call" in complaint(nothing)
    assert not one_object(nothing_json)["found"]
    assert ("No-TN-Validation", "none", []) == tuple(one_object(none)[name] for name in ("verstat", "case", "identity"))
    assert (0, "published") == (published.exit_code, published.stdout.split()[0])
    assert (True, 1, 1) == tuple(one_object(again)[name] for name in ("published", "passports", "dropped"))
    assert 2 == len(plain.stdout.splitlines())
    assert plain.stdout.splitlines() == one_object(found)["passports"]
    assert identity.partition(";")[0] in plain.stdout
    # The certificate's host does not exist, so the budget runs out or the name cannot be resolved.
    assert 69 == unverified.exit_code
    assert identity in one_object(unverified)["identity"]


def test_refusal(run: Run, sp: ServiceProvider) -> None:
    """A CPS that says no is neither unreachable nor a success."""
    cps = FakeCps(sp.private_key.public_key(), reactions=[answering(403, {"detail": "not a partner"})])
    with served(cps) as urls:
        result = run("publish", *CALL, "--json", CPS_URLS=urls)

    assert 1 == result.exit_code
    assert "not published: the CPS refused (403): not a partner" in complaint(result)
    assert 403 == one_object(result)["status"]


def test_values_left_out_are_told(run: Run, sp: ServiceProvider) -> None:
    """What was given and is no PASSporT is not silently left out."""
    with served(FakeCps(sp.private_key.public_key())) as urls:
        result = run("publish", *CALL, "--identity", sp.sign(orig=ORIG, dest=DEST), "--identity", "x", CPS_URLS=urls)

    assert "left out" in result.stdout


def test_verify_offline(run: Run, sp: ServiceProvider, files: dict[str, str]) -> None:
    """With chain, roots and CRL as files nothing is fetched, and the time may be that of the PASSporT."""
    identity = sp.sign(orig=ORIG, dest=DEST, iat=int(datetime.now(UTC).timestamp()) - 3600)
    offline = ("--chain", files["chain"], "--anchors", files["anchors"], "--crl", files["crl"])

    passed = run("verify", *CALL, "--identity", identity, *offline, "--at", "iat", "--json")
    stale = run("verify", *CALL, "--identity", identity, *offline)
    stdin = run("verify", *CALL, "--identity", "-", *offline, "--at", "iat", stdin=f"{identity}\n\n")
    other = run("verify", "--orig", ORIG, "--dest", "1", "--identity", identity, *offline, "--at", "iat", "--json")

    assert (0, "TN-Validation-Passed", "ok") == (
        passed.exit_code,
        *(one_object(passed)[name] for name in ("verstat", "case")),
    )
    assert (1, 0, 1) == (stale.exit_code, stdin.exit_code, other.exit_code)
    assert "E15" in stale.stdout
    assert "403 Stale Date" in stale.stdout
    assert "TN-Validation-Passed" in stdin.stdout
    assert "\x1b" not in stdin.stdout
    assert "E16" == one_object(other)["case"]


def test_verify_when_revoked(run: Run, now: World, sp: ServiceProvider, files: dict[str, str]) -> None:
    """A revocation list given as a file counts."""
    now.crl.revoke(sp.leaf)
    Path(files["crl"]).write_bytes(now.crl.der())
    offline = ("--chain", files["chain"], "--anchors", files["anchors"], "--crl", files["crl"])

    result = run("verify", *CALL, "--identity", sp.sign(orig=ORIG, dest=DEST), *offline, "--json")

    forged = sp.sign(orig=ORIG, dest=DEST, signature="other-key")
    unsigned = run("verify", *CALL, "--identity", forged, *offline[:4], "--json")

    assert (1, "E17") == (result.exit_code, one_object(result)["case"])
    assert (1, "E18") == (unsigned.exit_code, one_object(unsigned)["case"])
    assert "revoked" in one_object(result)["detail"]


def test_verify_online(run: Run, sp: ServiceProvider, files: dict[str, str]) -> None:
    """What no file gives comes from the network and the settings; a certificate that cannot be had is exit 69."""
    identity = sp.sign(orig=ORIG, dest=DEST)

    unreachable = run("verify", *CALL, "--identity", identity, "--anchors", files["anchors"], "--json")
    settled = run("verify", *CALL, "--identity", identity, "--chain", files["chain"], TRUST__ANCHORS=files["anchors"])

    assert (69, "E8") == (unreachable.exit_code, one_object(unreachable)["case"])
    assert 0 == settled.exit_code


@pytest.mark.parametrize("name", ["chain", "anchors", "crl"])
def test_verify_with_broken_files(name: str, run: Run, sp: ServiceProvider, files: dict[str, str]) -> None:
    """A file that does not hold what it should is the user's mistake, told in one line."""
    Path(files[name]).write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    offline = [each for option, path in files.items() for each in (f"--{option}", path)]

    result = run("verify", *CALL, "--identity", sp.sign(orig=ORIG, dest=DEST), *offline)

    assert 2 == result.exit_code
    assert complaint(result)


def test_decode(run: Run, sp: ServiceProvider) -> None:
    """Header, claims and what is odd, for people and for scripts; also from stdin."""
    identity = sp.sign(orig="+12155550100", dest=DEST)

    at = ("--at", "1760000000")
    plain, stdin = run("decode", identity, *at), run("decode", "-", *at, stdin=f"Identity: {identity}\n")
    shown = one_object(run("decode", identity, "--json", *at))

    assert plain.stdout == stdin.stdout
    for piece in ("Identity", "Header", "Claims", "Findings", "TN_LEADING_PLUS", sp.x5u, "12155551212"):
        assert piece in plain.stdout
    assert shown["well_formed"]
    assert "shaken" == shown["identity"]["ppt"]
    assert {"IAT_NOT_FRESH", "TN_LEADING_PLUS"} <= {finding["code"] for finding in shown["findings"]}


@pytest.mark.parametrize(
    "value",
    ["", ".", "..", "a.b.c", "é", "\x00", "\x1b[2J", "eyJ.eyJ.x", "bnVsbA.bnVsbA.AA", "{}", "A" * 100_000, "\udcff"],
)
def test_decode_survives_anything(value: str, run: Run) -> None:
    """Malformed input is a finding, never a traceback, and never reaches the terminal as control characters."""
    for arguments in (("decode", value), ("decode", value, "--json")):
        result = run(*arguments)
        assert result.exit_code in {0, 1}
        assert "\x1b" not in result.output
    assert one_object(result)["findings"]


def test_nothing_reaches_the_terminal_raw(run: Run, sp: ServiceProvider) -> None:
    """A claim may hold what would clear a screen; it is shown without."""
    token = sp.passport(orig=ORIG, dest=DEST, claims={"note": "\x1b[2J\x07seen"})

    for arguments in (("decode", token), ("decode", token, "--json")):
        result = run(*arguments)
        assert "seen" in result.stdout
        assert not {"\x1b", "\x07"} & set(result.stdout)


@pytest.mark.clause("cert-9-inspect")
def test_cert_inspect(run: Run, now: World, sp: ServiceProvider, files: dict[str, str]) -> None:
    """A chain is judged with roots, only linted without, and not trusted when revoked, untrusted or too late."""
    chain, roots = files["chain"], ("--anchors", files["anchors"])
    stranger = now.service_provider("666X", issuer=now.authority("Other", trusted=False), common_name="x")
    Path(chain + ".other").write_bytes(stranger.chain_pem)

    trusted = run("cert", "inspect", chain, *roots, "--crl", files["crl"], "--json")
    unjudged = run("cert", "inspect", chain, "--json")
    plain = run("cert", "inspect", chain)
    settled = run("cert", "inspect", chain, "--json", TRUST__ANCHORS=files["anchors"])
    late = run("cert", "inspect", chain, *roots, "--at", "2040-01-01T00:00:00Z", "--json")
    other = run("cert", "inspect", chain + ".other", *roots, "--json")
    now.crl.revoke(sp.leaf)
    Path(files["crl"]).write_bytes(now.crl.der())
    revoked = run("cert", "inspect", chain, *roots, "--crl", files["crl"], "--json")

    results = (trusted, unjudged, settled, late, other, revoked)
    assert [0, 0, 0, 1, 1, 1] == [result.exit_code for result in results]
    assert [True, None, True, False, False, False] == [one_object(result)["trusted"] for result in results]
    assert ["ok", None, "ok", "E17", "E17", "E17"] == [one_object(result)["case"] for result in results]
    assert ["expired", "untrusted", "revoked"] == [one_object(result)["code"] for result in (late, other, revoked)]
    shown = one_object(trusted)
    assert ("709J", []) == (shown["spc"], shown["findings"])
    assert shown["not_before"] < f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" < shown["not_after"]
    assert "CN_WITHOUT_SHAKEN" in one_object(other)["findings"]
    assert "not judged" in plain.stdout
    assert "709J" in plain.stdout


def test_cert_inspect_of_a_ca(run: Run, now: World, files: dict[str, str], tmp_path: Path) -> None:
    """A CA's certificate is judged by its path; a root by being one."""
    names = {"root": now.issuer.root, "issuing": now.issuer.issuing, "other": now.authority("O", trusted=False).root}
    for name, credential in names.items():
        (tmp_path / name).write_bytes(credential.pem)
    roots = ("--anchors", files["anchors"], "--json")

    trusted = [one_object(run("cert", "inspect", str(tmp_path / name), *roots))["trusted"] for name in names]
    late = run("cert", "inspect", str(tmp_path / "root"), *roots, "--at", "2100-01-01T00:00:00Z")
    now.crl.revoke(now.issuer.issuing)
    Path(files["crl"]).write_bytes(now.crl.der())
    revoked = run("cert", "inspect", str(tmp_path / "issuing"), *roots, "--crl", files["crl"])

    assert [True, True, False] == trusted
    assert ["expired", "revoked"] == [one_object(result)["code"] for result in (late, revoked)]


@pytest.mark.parametrize("content", [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_cert_inspect_of_something_else(content: bytes, run: Run, files: dict[str, str], tmp_path: Path) -> None:
    """What is no certificate is said to be none, with the case that a verifier would give it."""
    path = tmp_path / "x.pem"
    path.write_bytes(content)

    judged = run("cert", "inspect", str(path), "--anchors", files["anchors"], "--json")
    plain = run("cert", "inspect", str(path))

    assert (1, 1) == (judged.exit_code, plain.exit_code)
    assert (False, "E17", None) == tuple(one_object(judged)[name] for name in ("trusted", "case", "spc"))


def test_cert_inspect_over_the_network(run: Run, files: dict[str, str]) -> None:
    """A URL that cannot be read is exit 69; a CA file that cannot be used is exit 78."""
    url = "https://localhost:8443/chain.pem"
    unreachable = run("cert", "inspect", url, CERTIFICATES__ALLOW_NETWORKS='["127.0.0.0/8", "::1/128"]')
    misconfigured = run("cert", "inspect", url, CERTIFICATES__TLS_CA_FILE="/absent.pem")

    assert (69, 78) == (unreachable.exit_code, misconfigured.exit_code)
    assert "CPS_CLIENT_CERTIFICATES__TLS_CA_FILE cannot be used" in complaint(misconfigured)


def test_cert_inspect_of_a_delegate(run: Run, now: World, files: dict[str, str], tmp_path: Path) -> None:
    """A delegate certificate may not sign shaken; that it may sign other types is said, and what it is limited to."""
    at, day = now.clock.now(), timedelta(days=1)
    plain = {"not_before": at - day, "not_after": at + day}
    over = Template("SHAKEN CA", **plain, is_ca=True, key_usage=CA_USAGE, tn_auth_list=tnauthlist.spc("709J"))
    above = issue(over, now.issuer.issuing)
    value = constraints(include=["rcd"], permitted=[("attest", ["B", "C"])], exclude=["crn"])
    held = tnauthlist.span(ORIG, 5)[2:] + tnauthlist.numbers(DEST)[2:]
    below = Template(
        "Shop",
        **plain,
        tn_auth_list=bytes([0x30, len(held)]) + held,
        extensions=((ENHANCED, value, False), tnauthlist.reference("https://cr.example.net/list")),
    )
    path = tmp_path / "delegate.pem"
    path.write_bytes(issue(below, above).pem + above.pem + now.issuer.issuing.pem)
    arguments = ("cert", "inspect", str(path), "--anchors", files["anchors"])

    shown, plainly = one_object(run(*arguments, "--json")), run(*arguments).stdout

    assert (False, "E17", True, False, "off") == tuple(
        shown[name] for name in ("trusted", "case", "delegate", "proven", "revocation")
    )
    leaf, upper, issuing = shown["certificates"]
    assert [f"5 numbers from {ORIG}", f"number {DEST}"] == leaf["tn_auth_list"]
    assert ["https://cr.example.net/list"] == leaf["tn_auth_list_urls"]
    assert [{"mustInclude": ["rcd"], "permittedValues": {"attest": ["B", "C"]}, "mustExclude": ["crn"]}] == leaf[
        "claim_constraints"
    ]
    assert (["code 709J"], None) == (upper["tn_auth_list"], issuing["tn_auth_list"])
    assert "it may sign PASSporTs without ppt and of type rcd" in plainly
    assert "not provable" in plainly
    assert "must have rcd; attest only as B or C; must not have crn" in plainly


def test_cert_inspect_tells_what_to_do(run: Run, now: World, files: dict[str, str], tmp_path: Path) -> None:
    """Findings come with severity, clause and advice, the ones that verifiers refuse first; broken parts are no end."""
    path = tmp_path / "odd.pem"
    knobs = {"tn_auth_list": tnauthlist.TRUNCATED, "extensions": ((ENHANCED, b"x", False),), "serial": 7}
    path.write_bytes(now.service_provider("709J", **knobs, chain="with-root").chain_pem)

    shown = one_object(run("cert", "inspect", str(path), "--anchors", files["anchors"], "--json"))
    lines = [line.split() for line in run("cert", "inspect", str(path)).stdout.splitlines()]

    assert ["SERIAL_UNDER_64_BITS", "TNAUTHLIST_MALFORMED", "CONSTRAINTS_MALFORMED"] == shown["findings"]
    assert {"code", "severity", "detail", "clause", "advice", "refused"} == shown["remarks"][0].keys()
    assert (None, None) == tuple(shown["certificates"][0][name] for name in ("tn_auth_list", "claim_constraints"))
    assert ["CHAIN_ROOT_INCLUDED"] == [one["code"] for one in shown["chain"]]
    graded = [line[0] for line in lines if line and line[0] in {"refused", "error", "warning"}]
    assert ["refused", "refused", "error", "warning"] == graded


def test_cert_inspect_of_der(run: Run, sp: ServiceProvider, tmp_path: Path) -> None:
    """One certificate in DER is read too; a public key alone is no certificate."""
    for name, content in (
        ("leaf", sp.leaf.der),
        ("key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"),
    ):
        (tmp_path / name).write_bytes(content)

    read, refused = (run("cert", "inspect", str(tmp_path / name), "--json") for name in ("leaf", "key"))

    assert (0, 1) == (read.exit_code, refused.exit_code)
    assert ("709J", []) == (one_object(read)["spc"], one_object(read)["chain"])
    assert (None, "E17") == (one_object(refused)["trusted"], one_object(refused)["case"])


async def test_cert_inspect_of_a_repository(
    run: Run, sp: ServiceProvider, files: dict[str, str], tmp_path: Path
) -> None:
    """How a chain is served is looked at too: URL, status, type and freshness; none of it makes a traceback."""
    answers = {"/good": (200, "application/pem-certificate-chain"), "/odd": (200, "text/plain"), "/moved": (302, "x/y")}

    async def answer(request: web.Request) -> web.Response:
        status, kind = answers[request.path]
        return web.Response(status=status, body=sp.chain_pem, content_type=kind, headers={"Location": "/good"})

    app = web.Application()
    app.router.add_get("/{any}", answer)
    (authority := trustme.CA()).cert_pem.write_to_path(str(tmp_path / "tls.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    server = TestServer(app, host="localhost", scheme="https")
    await server.start_server(ssl=context)
    async with server:
        options = {
            "CERTIFICATES__ALLOW_NETWORKS": '["127.0.0.0/8", "::1/128"]',
            "CERTIFICATES__ALLOW_PORTS": f"[{server.port}]",
            "CERTIFICATES__TLS_CA_FILE": str(tmp_path / "tls.pem"),
            "TRUST__ANCHORS": files["anchors"],
        }
        results = {
            path: await asyncio.to_thread(run, "cert", "inspect", str(server.make_url(path)), "--json", **options)
            for path in (*answers, "/good?x=1")
        }
    shown = {path: one_object(result) for path, result in results.items()}

    assert [0, 0, 69, 2] == [result.exit_code for result in results.values()]
    assert [True, True, None, None] == [one["trusted"] for one in shown.values()]
    assert ["ok", "ok", "E8", "E7"] == [one["case"] for one in shown.values()]
    expected = [["NO_CACHE_CONTROL"], ["CONTENT_TYPE", "NO_CACHE_CONTROL"], ["REDIRECT"], ["URL_QUERY"]]
    assert expected == [one["findings"] for one in shown.values()]


@needs_vectors
def test_published_chains(run: Run) -> None:
    """Every published chain is trusted inside its validity, and not before and after."""
    entries = json.loads((VECTORS / "manifest.json").read_text())["certificates"]
    chains = [entry for entry in entries if "verifies_against" in entry["expect"]]
    for entry in chains[:4]:
        expect = entry["expect"]
        for when, trusted in ((expect["at"], True), (expect["before"], False), (expect["after"], False)):
            arguments = (str(VECTORS / entry["file"]), "--anchors", str(VECTORS / expect["verifies_against"]))
            shown = one_object(run("cert", "inspect", *arguments, "--at", when, "--json"))
            assert trusted is shown["trusted"], (entry["file"], when)


def test_check(run: Run, sp: ServiceProvider, files: dict[str, str]) -> None:
    """The settings in effect are shown with their origin, and what cannot be reached is named."""
    with served(FakeCps(sp.private_key.public_key())) as urls:
        result = run("check", CPS_URLS=urls, TRUST__ANCHORS=files["anchors"])
        as_json = run("check", "--json", CPS_URLS=urls, TRUST__ANCHORS=files["anchors"])

    assert 69 == result.exit_code == as_json.exit_code
    assert "CPS_CLIENT_SPC=709J  # environment" in result.stdout
    assert "CPS_CLIENT_GENERATION=1  # default" in result.stdout
    assert "fetch-failed" == one_object(as_json)["error"]["code"]


def test_help_teaches(run: Run) -> None:
    """Every command's help says what it does and shows an example."""
    for command in ("sign", "publish", "retrieve", "verify", "decode", "check", "lab", "cert inspect"):
        result = run(*command.split(), "--help")
        assert 0 == result.exit_code
        assert f"cps-client {command}" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "code"), [(("--help",), 0), (("decode", "x"), 1), (("nonsense",), 2), (("sign",), 2)]
)
def test_as_a_process(arguments: tuple[str, ...], code: int) -> None:
    """The module runs as a program, with these exit codes and without a traceback."""
    done = subprocess.run([sys.executable, "-m", "cps_client", *arguments], capture_output=True, text=True, check=False)

    assert code == done.returncode
    assert "Traceback" not in done.stderr


def test_lab_is_handed_over(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The lab gets its directory and form of output, and its exit code is the command's."""
    given = []
    monkeypatch.setattr(
        "cps_client.lab.command.lab", lambda directory, *, as_json: given.append((directory, as_json)) or 7
    )

    assert 7 == run("lab", "--dir", str(tmp_path), "--json").exit_code
    assert [(tmp_path, True)] == given


def test_light_start() -> None:
    """Help and decode load no HTTP library and no settings: they start at once."""
    script = (
        "import sys\nfrom typer.testing import CliRunner\nfrom cps_client.cli import app\n"
        "CliRunner().invoke(app, ['--help']); CliRunner().invoke(app, ['decode', 'x'])\n"
        "print([name for name in ('aiohttp', 'pydantic_settings') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()
