"""One GET at a stranger's request, over real sockets and real TLS."""

import asyncio
import errno
import socket
import ssl
from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme

from stir import limits
from stir.aio import connection
from stir.aio.fetch import Headers, HttpsFetcher, Response
from stir.aio.lookup import SystemResolver
from stir.errors import FetchError, UrlError
from stir.x5u import X5uPolicy
from tests.support.https import LOOPBACK, Names, NoNames, Script, Send, Server, always, answer, ca_file, serve

SECRET = b"ResponseBytesOfTheServer"


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    """File with the root of the tests' servers."""
    return ca_file(tmp_path)


def fetcher(server: Server, roots: Path, names: Names | NoNames | None = None, **options: float) -> HttpsFetcher:
    """Return a fetcher that is allowed to fetch from *server*."""
    return HttpsFetcher(server.policy(), tls_ca_file=roots, resolver=names or Names(), **{"timeout": 2, **options})


async def fetch_once(script: Script, roots: Path, *, max_bytes: int = 1_000, **headers: str) -> Response:
    """Fetch from a server that follows *script*."""
    async with serve(script) as server, fetcher(server, roots) as fetching:
        return await fetching.fetch(server.url(), max_bytes=max_bytes, headers=headers)


async def refusal(response: bytes, roots: Path, *, max_bytes: int = 1_000) -> FetchError:
    """Return how the fetch of *response* fails, having looked that the error quotes nothing of it."""
    with pytest.raises(FetchError) as caught:
        await fetch_once(always(response), roots, max_bytes=max_bytes)
    error: BaseException | None = caught.value
    assert error is not None
    assert error.__suppress_context__ or error.__context__ is None
    assert SECRET.decode() not in f"{error!r} {error.__cause__!r}"
    return caught.value


async def test_the_answer_is_whole(roots: Path) -> None:
    """A 200 comes back with its status, its fields by any case, fields of one name joined, and its body."""
    reply = answer(b"PEM", "Cache-Control: public", "ETag: x", "cache-control: max-age=1")
    response = await fetch_once(always(reply), roots)
    assert (200, b"PEM") == (response.status, response.body)
    assert "public, max-age=1" == response.headers["CACHE-control"]
    assert {"cache-control", "etag", "content-length"} == set(response.headers)
    assert 3 == len(response.headers)


def test_a_response_takes_any_mapping() -> None:
    """Whoever makes a response need not know how names are compared."""
    response = Response(200, {"ETag": "x"}, b"secret")
    assert "x" == response.headers["etag"] == Headers([("ETAG", "x")])["etag"]
    assert "secret" not in repr(response)


async def test_a_body_of_exactly_the_bound_is_read(roots: Path) -> None:
    """The bound is the longest body accepted, not the first refused."""
    response = await fetch_once(always(answer(b"x" * 1_000)), roots)
    assert 1_000 == len(response.body)


async def test_a_chunked_body_is_read(roots: Path) -> None:
    """Chunks are put together; their lengths count only in sum."""
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nPEM\r\n1\r\n!\r\n0\r\n\r\n"
    assert b"PEM!" == (await fetch_once(always(reply), roots)).body


async def test_the_request_says_no_more_than_it_must(roots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain GET: no cookies, no compression, no credentials or proxies from the environment, path as written."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with (
        serve(always(answer(b"", "Set-Cookie: a=b; Path=/"))) as server,
        fetcher(server, roots) as fetching,
    ):
        for _ in range(2):
            await fetching.fetch(server.url("/a%2Fb/../c"), max_bytes=9, headers={"Accept": "x/y"})
        lines = server.requests[1].decode().split("\r\n")
        assert "GET /a%2Fb/../c HTTP/1.1" == lines[0]
        names = {line.partition(":")[0]: line.partition(": ")[2] for line in lines[1:] if line}
    assert {"Host", "Accept", "Accept-Encoding", "User-Agent", "Connection"} == set(names)
    assert ("identity", "close", "x/y") == (names["Accept-Encoding"], names["Connection"], names["Accept"])


async def test_tls_names_the_host(roots: Path) -> None:
    """SNI carries the host name of the URL."""
    seen: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with HttpsFetcher(X5uPolicy(frozenset({port}), LOOPBACK), tls_ca_file=roots, resolver=Names()) as fetching:
        with pytest.raises(FetchError):
            await fetching.fetch(f"https://cr.example:{port}/a", max_bytes=9)
    server.close()
    await server.wait_closed()
    assert ["cr.example"] == seen


@pytest.mark.parametrize(
    ("names", "words"),
    [(("other.example",), "Hostname mismatch"), (("127.0.0.2",), "Hostname mismatch")],
)
async def test_another_hosts_certificate_is_refused(names: tuple[str, ...], words: str, roots: Path) -> None:
    """The server's TLS certificate must be for the host of the URL, also when the chain is good."""
    async with serve(always(answer()), *names) as server, fetcher(server, roots) as fetching:
        with pytest.raises(FetchError, match=words) as caught:
            await fetching.fetch(server.url(), max_bytes=9)
        assert ("tls", []) == (caught.value.reason, server.requests)


async def test_an_unknown_issuers_certificate_is_refused(tmp_path: Path) -> None:
    """The server's TLS certificate must come from a known root, and no request is sent before that is sure."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    async with serve(always(answer())) as server, fetcher(server, tmp_path / "other.pem") as fetching:
        with pytest.raises(FetchError) as caught:
            await fetching.fetch(server.url(), max_bytes=9)
        assert ("tls", []) == (caught.value.reason, server.requests)


@pytest.mark.clause("passport-5-https")
async def test_a_server_without_tls_is_refused(roots: Path) -> None:
    """Nothing is ever sent in the clear."""
    async with serve(always(answer()), tls=False) as server, fetcher(server, roots, timeout=0.3) as fetching:
        with pytest.raises(FetchError) as caught:
            await fetching.fetch(server.url(), max_bytes=9)
        assert caught.value.reason in {"tls", "timeout"}
        assert [] == server.requests


async def test_tls_alerts_are_reported(roots: Path) -> None:
    """A server that speaks something else than TLS is told from one that does not listen."""

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example ready\r\n" * 10)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with HttpsFetcher(X5uPolicy(frozenset({port}), LOOPBACK), tls_ca_file=roots, resolver=Names()) as fetching:
        with pytest.raises(FetchError) as caught:
            await fetching.fetch(f"https://cr.example:{port}/a", max_bytes=9)
    server.close()
    await server.wait_closed()
    assert "tls" == caught.value.reason


async def test_an_unreadable_ca_file_is_said_at_the_start(tmp_path: Path) -> None:
    """A wrong setting fails when the fetcher is made, not at the first call."""
    with pytest.raises(OSError, match="No such file"):
        HttpsFetcher(X5uPolicy(), tls_ca_file=tmp_path / "absent.pem")
    (tmp_path / "empty.pem").write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        HttpsFetcher(X5uPolicy(), tls_ca_file=tmp_path / "empty.pem")


@pytest.mark.clause("passport-5-redirect", "cert-3-status", "pki-p1-refuse")
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_redirects_are_not_followed(status: str, roots: Path) -> None:
    """A redirect could lead anywhere; its target is not even looked up."""
    error = await refusal(answer(b"", f"Location: https://{SECRET.decode()}/x", status=status), roots)
    assert "redirect" == error.reason


@pytest.mark.clause("passport-5-200", "cert-3-status")
@pytest.mark.parametrize("status", ["201 Created", "204 No Content", "206 Partial Content", "404 Gone", "500 Oops"])
async def test_only_200_is_an_answer(status: str, roots: Path) -> None:
    """Whatever is not 200 brings no certificate."""
    error = await refusal(answer(b"" if status.startswith("204") else SECRET, status=status), roots)
    assert ("status", f"the server answered {status[:3]}") == (error.reason, error.detail)


@pytest.mark.clause("cache-4.3-validation")
async def test_304_answers_only_a_condition(roots: Path) -> None:
    """304 is an answer where it was asked for, with no body whatever its fields say, and refused elsewhere."""
    reply = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99999\r\nETag: x\r\n\r\n"
    response = await fetch_once(always(reply), roots, **{"If-None-Match": "x"})
    assert (304, b"", "x") == (response.status, response.body, response.headers["ETag"])
    assert "redirect" == (await refusal(reply, roots)).reason


@pytest.mark.parametrize(
    "fields",
    ["Content-Encoding: gzip", "content-encoding: br", "Content-Encoding: identity, gzip", "Transfer-Encoding: gzip"],
)
async def test_compressed_bodies_are_refused(fields: str, roots: Path) -> None:
    """Nothing is unpacked, so that nothing can grow in our memory."""
    reply = f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n".encode() + SECRET
    assert "encoding" == (await refusal(reply, roots)).reason


async def test_a_long_body_is_refused_by_its_announcement(roots: Path) -> None:
    """Content-Length over the bound is enough; not a byte of the body is waited for."""
    error = await refusal(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", roots)
    assert ("too-large", "the answer is longer than 1000 bytes") == (error.reason, error.detail)


BROKEN = {
    "no HTTP": b"SSH-2.0-" + SECRET + b"\r\n\r\n",
    "a field too long": b"HTTP/1.1 200 OK\r\nX: " + SECRET + b"x" * limits.FETCH_HEADER_BYTES + b"\r\n\r\n",
    "a status line too long": b"HTTP/1.1 200 " + SECRET * 1_000 + b"\r\n\r\n",
    "too many fields": b"HTTP/1.1 200 OK\r\n" + (b"X: " + SECRET + b"\r\n") * (limits.FETCH_HEADERS + 1) + b"\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" + SECRET,
    "a length that is no number": b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n" + SECRET,
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + SECRET,
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" + SECRET,
    "a chunk that is none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + SECRET,
}


@pytest.mark.parametrize("reply", BROKEN.values(), ids=BROKEN)
async def test_broken_http_is_refused(reply: bytes, roots: Path) -> None:
    """What is not HTTP within its bounds is a FetchError that quotes nothing of it."""
    assert (await refusal(reply, roots)).reason in {"protocol", "broken"}


@pytest.mark.clause("passport-5-bytes", "pki-p8-bounds")
async def test_a_long_body_is_refused_as_it_comes(roots: Path) -> None:
    """A body that does not announce its length is read up to the bound, and no further."""
    error = await refusal(b"HTTP/1.1 200 OK\r\n\r\n" + SECRET * 100, roots)
    assert "too-large" == error.reason


async def test_a_body_cut_short_is_refused(roots: Path) -> None:
    """Half a chain is no chain."""

    async def half(_: bytes, send: Send) -> None:
        await send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + SECRET)

    with pytest.raises(FetchError) as caught:
        await fetch_once(half, roots)
    assert "broken" == caught.value.reason


async def test_no_listener(roots: Path) -> None:
    """A closed port is reported as such."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Server(port=free.getsockname()[1])
    async with fetcher(server, roots) as fetching:
        with pytest.raises(FetchError, match="refused") as caught:
            await fetching.fetch(server.url(), max_bytes=9)
    assert "connect" == caught.value.reason


async def test_a_refused_url_costs_nothing(roots: Path) -> None:
    """A URL that the policy refuses is not even resolved."""
    names = Names()
    async with serve(always(answer())) as server, fetcher(server, roots, names) as fetching:
        with pytest.raises(UrlError):
            await fetching.fetch(server.url().replace("https", "http"), max_bytes=9)
        assert (0, []) == (server.connections, names.asked)
    assert names.closed


@pytest.mark.parametrize("addresses", [("127.0.0.1", "10.0.0.1"), ("10.0.0.1", "127.0.0.1"), ("::ffff:10.0.0.1",)])
async def test_one_forbidden_address_refuses_all(addresses: tuple[str, ...], roots: Path) -> None:
    """A name is fetched when every address it resolves to is public or inside ALLOW_NETWORKS."""
    async with serve(always(answer())) as server, fetcher(server, roots, Names([addresses])) as fetching:
        with pytest.raises(FetchError) as caught:
            await fetching.fetch(server.url(), max_bytes=9)
        assert ("refused-address", 0) == (caught.value.reason, server.connections)


async def test_a_forbidden_address_behind_many_is_found(roots: Path) -> None:
    """All addresses are judged, though only the first few are tried."""
    many = [[*(f"127.0.0.{n}" for n in range(1, 20)), "10.0.0.1"]]
    async with serve(always(answer())) as server, fetcher(server, roots, Names(many)) as fetching:
        with pytest.raises(FetchError) as caught:
            await fetching.fetch(server.url(), max_bytes=9)
    assert "refused-address" == caught.value.reason


async def test_a_second_address_is_tried(roots: Path) -> None:
    """Where the first address does not answer, the next one is asked."""
    async with serve(always(answer(b"x"))) as server:
        async with fetcher(server, roots, Names([["127.0.0.9", "127.0.0.1"]])) as fetching:
            assert b"x" == (await fetching.fetch(server.url(), max_bytes=9)).body
        async with fetcher(server, roots, Names([["::1", "127.0.0.1"]])) as fetching:
            assert b"x" == (await fetching.fetch(server.url(), max_bytes=9)).body


@pytest.mark.parametrize("names", [NoNames(), Names([[]])])
async def test_an_unknown_name(names: Names | NoNames, roots: Path) -> None:
    """A name without addresses is reported as such."""
    async with fetcher(Server(port=443), roots, names) as fetching:
        with pytest.raises(FetchError) as caught:
            await fetching.fetch("https://cr.example/a", max_bytes=9)
    assert "resolve" == caught.value.reason


@pytest.mark.clause("passport-5-time")
async def test_a_resolver_that_hangs_is_left_behind(roots: Path) -> None:
    """Name resolution is inside the deadline."""

    class Hanging(Names):
        async def resolve(self, host: str) -> list[object]:
            await asyncio.Event().wait()
            return []

    async with fetcher(Server(port=443), roots, Hanging(), timeout=0.05) as fetching:
        with pytest.raises(FetchError) as caught:
            await fetching.fetch("https://cr.example/a", max_bytes=9)
    assert "timeout" == caught.value.reason


async def test_places_are_limited_per_host_and_in_total(roots: Path) -> None:
    """One host cannot hold all places; who finds none in time is told so, and no place is lost by it."""
    begun, release = asyncio.Semaphore(0), asyncio.Event()

    async def wait(_: bytes, send: Send) -> None:
        begun.release()
        await release.wait()
        await send(answer(b"x"))

    async with (
        serve(wait, "a.example", "b.example", "c.example") as server,
        fetcher(server, roots, timeout=5, places=3, places_per_host=2) as fetching,
    ):
        held = [
            asyncio.create_task(fetching.fetch(server.url(host=host), max_bytes=9))
            for host in ("a.example", "a.example", "b.example")
        ]
        for _ in held:
            await begun.acquire()
        fetching._timeout = 0.05
        for host in ("a.example", "c.example"):
            with pytest.raises(FetchError) as caught:
                await fetching.fetch(server.url(host=host), max_bytes=9)
            assert "busy" == caught.value.reason
        assert 3 == server.connections
        release.set()
        assert [b"x"] * 3 == [(await task).body for task in held]
        fetching._timeout = 5
        assert b"x" == (await fetching.fetch(server.url(host="c.example"), max_bytes=9)).body
        assert {} == fetching._places._hosts


async def test_a_cancelled_fetch_leaves_nothing_open(roots: Path) -> None:
    """A caller that gives up ends the connection too."""
    begun, gone = asyncio.Event(), asyncio.Event()

    async def endless(_: bytes, send: Send) -> None:
        begun.set()
        try:
            await send(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                await send(b"")
                await asyncio.sleep(0.01)
        finally:
            gone.set()

    async with serve(endless) as server, fetcher(server, roots) as fetching:
        task = asyncio.create_task(fetching.fetch(server.url(), max_bytes=9))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(1):
            await gone.wait()


async def test_no_socket_outlives_its_fetch(roots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ignores our TLS goodbye cannot keep the connection: held ones would add up beyond all bounds."""
    opened: list[socket.socket] = []
    cut = connection._cut
    monkeypatch.setattr(connection, "_cut", lambda sockets: (opened.extend(sockets), cut(sockets)))
    left = asyncio.Event()

    async def deaf(_: bytes, send: Send) -> None:
        await send(answer(b"x"))
        await left.wait()

    async with serve(deaf, deaf=True) as server, fetcher(server, roots) as fetching:
        assert b"x" == (await fetching.fetch(server.url(), max_bytes=9)).body
        await asyncio.sleep(0.05)
        assert [-1] == [each.fileno() for each in opened]
        left.set()


@pytest.mark.clause("passport-5-public")
async def test_no_socket_to_an_address_that_was_not_checked() -> None:
    """Whatever the library does, no socket is opened to another address than those that were judged."""
    async with connection.connect(ssl.create_default_context(), [ip_address("127.0.0.1")]) as session:
        assert session.connector is not None
        factory = session.connector._socket_factory
        with pytest.raises(PermissionError) as caught:
            factory((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.2", 443)))
        factory((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 443))).close()
        resolver = session.connector._resolver
        assert ["127.0.0.1"] == [found["host"] for found in await resolver.resolve("any", 1, socket.AF_INET)]
        assert [] == await resolver.resolve("any", 1, socket.AF_INET6)
    assert errno.EACCES == caught.value.errno


async def test_the_machines_resolver() -> None:
    """The machine's resolver gives every address once, and an unknown name is a FetchError."""
    resolver = SystemResolver(threads=1)
    found = await resolver.resolve("localhost")
    assert {"127.0.0.1", "::1"} & {str(address) for address in found}
    assert len(set(found)) == len(found)
    for name in ("absent.invalid", "a" * 64 + ".invalid"):
        with pytest.raises(FetchError) as caught:
            await resolver.resolve(name)
        assert "resolve" == caught.value.reason
    await resolver.close()
    await resolver.close()


async def test_localhost_is_judged_by_its_addresses(roots: Path) -> None:
    """A name is no address: localhost is refused for what it resolves to, and allowed where that is."""
    async with HttpsFetcher(X5uPolicy(), tls_ca_file=roots) as fetching:
        with pytest.raises(FetchError) as caught:
            await fetching.fetch("https://localhost/a", max_bytes=9)
    assert "refused-address" == caught.value.reason
    async with (
        serve(always(answer(b"x")), "localhost") as server,
        HttpsFetcher(server.policy(), tls_ca_file=roots) as fetching,
    ):
        assert b"x" == (await fetching.fetch(server.url(host="localhost"), max_bytes=9)).body
