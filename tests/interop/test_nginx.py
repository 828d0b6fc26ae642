"""The nginx configuration that is shipped, in Debian's nginx, with a client that speaks HTTP/2 only."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trustme
from aiohttp import web

from cps_client.lab.process import free_ports
from cps_server.api.clients import Clients
from tests.cps_server.conftest import Cps, run_cps

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "cps.conf"

AROUND = """
daemon off;
pid {folder}/pid;
error_log stderr crit;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/cps.conf;
}}
"""

pytestmark = pytest.mark.system("nginx-light")


def adapted(folder: Path, port: int, upstream: int) -> str:
    """Return the shipped configuration with the addresses and files of this test in place of an operator's."""
    text = SHIPPED.read_text()
    for theirs, ours in {
        "listen 443": f"listen 127.0.0.1:{port}",
        "    listen [::]:443 ssl http2;\n": "",
        "127.0.0.1:8080": f"127.0.0.1:{upstream}",
        "/etc/cps/tls": str(folder),
        "/var/log/nginx": str(folder),
        "cps.example.com": "localhost",
    }.items():
        assert theirs in text, theirs
        text = text.replace(theirs, ours)
    return text


@asynccontextmanager
async def nginx(folder: Path, upstream: int, *, http2: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """Run nginx in front of the CPS at the port *upstream*, and return a client."""
    (port,) = free_ports(1)
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(folder / "fullchain.pem", append=True)
    (folder / "cps.conf").write_text(adapted(folder, port, upstream))
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
    command = ("nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf")

    checked = await asyncio.create_subprocess_exec(*command, "-t", stderr=asyncio.subprocess.PIPE)
    _, complaints = await checked.communicate()
    assert 0 == checked.returncode, complaints.decode()
    assert b"[warn]" not in complaints.replace(b'[warn] the "user" directive', b"")

    running = await asyncio.create_subprocess_exec(*command)
    try:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        base = f"https://localhost:{port}"
        async with httpx.AsyncClient(
            http1=not http2, http2=http2, verify=context, base_url=base, trust_env=False
        ) as client:
            await until_up(client)
            yield client
    finally:
        running.terminate()
        await running.wait()


async def until_up(client: httpx.AsyncClient) -> None:
    """Wait until nginx accepts connections."""
    async with asyncio.timeout(10):
        while True:
            try:
                await client.get("/health")
            except httpx.ConnectError:
                await asyncio.sleep(0.05)
            else:
                return


@pytest.fixture
async def cps() -> AsyncIterator[Cps]:
    """Return a CPS that believes its proxy about addresses."""
    async for running in run_cps(trusted_proxies=["127.0.0.1/32"]):
        yield running


async def test_publish_and_retrieve_over_http2(cps: Cps, tmp_path: Path) -> None:
    """A client that speaks only HTTP/2 publishes and retrieves; an encoded path arrives as it was sent."""
    urn, path = "urn:service:sos", "/passports/urn%3Aservice%3Asos/12155550100"
    passports = [cps.passport(dest=urn)]
    async with nginx(tmp_path, cps.client.port) as client:
        token = cps.token("publish", passports=passports, dest=urn)
        published = await client.post(path, json={"passports": passports}, headers={"Authorization": f"Bearer {token}"})
        retrieved = await client.get(path, headers={"Authorization": f"Bearer {cps.token('retrieve', dest=urn)}"})

    assert ("HTTP/2", 201) == (published.http_version, published.status_code)
    assert passports == retrieved.json()["passports"]
    assert "no-store" == retrieved.headers["Cache-Control"]


async def test_connections_to_the_cps_are_kept(cps: Cps, tmp_path: Path) -> None:
    """Fifty requests cost the CPS few connections."""
    async with nginx(tmp_path, cps.client.port) as client:
        answers = [await client.get("/health") for _ in range(50)]

    assert {200} == {answer.status_code for answer in answers}
    assert len(cps.client.server.runner.server.connections) <= 2


async def test_problem_documents_pass_and_nginx_gives_its_own(cps: Cps, tmp_path: Path) -> None:
    """What the CPS refuses arrives as it said it, and what nginx refuses looks the same."""
    async with nginx(tmp_path, cps.client.port) as client:
        answers = {}
        answers[401] = await client.get("/passports/12155551212/12155550100")
        answers[404] = await client.get("/nowhere")
        answers[405] = await client.put("/health")
        await cps.client.server.close()
        answers[503] = await client.get("/health")

    for status, answer in answers.items():
        assert (status, "application/problem+json") == (answer.status_code, answer.headers["Content-Type"])
        assert status == answer.json()["status"]
    assert "GET" in answers[405].headers["Allow"]
    assert "1" == answers[503].headers["Retry-After"]


async def test_a_body_that_is_too_large_goes_no_further(cps: Cps, tmp_path: Path) -> None:
    """What the CPS would refuse for its size nginx refuses, in the same words."""
    async with nginx(tmp_path, cps.client.port, http2=False) as client:
        answer = await client.post("/passports/12155551212/12155550100", content=b"x" * 70_000)

    assert ("HTTP/1.1", 413) == (answer.http_version, answer.status_code)
    assert "urn:oob-shaken:problem:request-entity-too-large" == answer.json()["type"]


def logged(folder: Path) -> str:
    """Return all that nginx wrote into its logs."""
    return "".join(path.read_text() for path in folder.glob("*.log"))


async def test_logs_name_nobody(cps: Cps, tmp_path: Path) -> None:
    """Neither a telephone number nor a token gets into nginx's logs."""
    async with nginx(tmp_path, cps.client.port) as client:
        token = cps.token("retrieve")
        await client.get("/passports/12155551212/12155550100", headers={"Authorization": f"Bearer {token}"})
        await client.get("/passports/%zz/12155550100")
        await cps.client.server.close()
        await client.get("/passports/12155551212/12155550100", headers={"Authorization": f"Bearer {token}"})

    written = logged(tmp_path)
    assert "/passports" in written
    assert "1215555" not in written
    assert "eyJ" not in written
    assert all(json.loads(line)["protocol"] for line in (tmp_path / "cps.log").read_text().splitlines())


async def test_an_address_that_the_client_claims_is_dropped(cps: Cps, tmp_path: Path, monkeypatch) -> None:
    """X-Forwarded-For holds what nginx saw, whatever the client put there."""
    seen: list[list[str]] = []
    original = Clients.address

    def address(self: Clients, request: web.Request) -> str:
        seen.append(request.headers.getall("X-Forwarded-For", []))
        return original(self, request)

    monkeypatch.setattr(Clients, "address", address)
    async with nginx(tmp_path, cps.client.port) as client:
        await client.get("/health", headers={"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1"})

    assert [["127.0.0.1"]] == seen[-1:]
