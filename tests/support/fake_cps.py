"""A small CPS of its own making, on a bare socket, so that it can also misbehave in every way a socket allows."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

Reaction = Callable[["Asked", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Asked:
    """A request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def segments(self) -> list[str]:
        """The parts of the path, decoded once."""
        return [unquote(part) for part in self.path.split("/")[2:]]

    @property
    def claims(self) -> dict:
        """What the request token says."""
        return json.loads(_decoded(self.headers["authorization"].split()[1].split(".")[1]))


@dataclass
class FakeCps:
    """Keeps publishes by path, checks tokens with *key*, and does what :attr:`reactions` say first."""

    key: EllipticCurvePublicKey
    audience: str = "127.0.0.1"
    url: str = ""
    kept: dict[str, list[str]] = field(default_factory=dict)
    tokens: dict[str, list[str]] = field(default_factory=dict)
    requests: list[Asked] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    connections: int = 0
    jtis: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def running(self, tls: SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator["FakeCps"]:
        """Listen on a port of the system's choice."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def __post_init__(self) -> None:
        self._tasks: set[asyncio.Task] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        self.connections += 1
        try:
            while (asked := await _request(reader)) is not None:
                self.requests.append(asked)
                reaction = self.reactions.pop(0) if self.reactions else self._answer
                await reaction(asked, writer)
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path == "/health":
            reply(writer, 200, {"status": 200, "message": "OK"})
            return
        if problem := self._refusal(asked):
            reply(writer, 401, {"type": "x", "title": "Unauthorized", "status": 401, "detail": problem})
        elif asked.method == "POST":
            self.kept.setdefault(asked.path, []).extend(json.loads(asked.body)["passports"])
            self.tokens.setdefault(asked.path, []).append(asked.headers["authorization"].split()[1])
            reply(writer, 201, {"status": 201, "message": "Created"})
        elif asked.path in self.kept:
            reply(writer, 200, {"tokens": self.tokens[asked.path], "passports": self.kept[asked.path]})
        else:
            reply(writer, 404, {"type": "x", "title": "Not Found", "status": 404})

    def _refusal(self, asked: Asked) -> str | None:
        """Check the token as the specification has it, without a line of the product."""
        header, payload, signature = asked.headers["authorization"].removeprefix("Bearer ").split(".")
        raw = _decoded(signature)
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        self.key.verify(der, f"{header}.{payload}".encode(), ECDSA(SHA256()))
        claims = json.loads(_decoded(payload))
        *spc, dest, orig = asked.segments
        own = {"spc": spc[0]} if spc else {"sub": claims["iss"]}
        wanted = {
            "action": "publish" if asked.method == "POST" else "retrieve",
            "aud": self.audience,
            "dest": {"tn" if dest[0].isdigit() else "uri": [dest]},
            "orig": {"tn" if orig[0].isdigit() else "uri": orig},
            **own,
        }
        if asked.method == "POST":
            array = json.dumps(json.loads(asked.body)["passports"], separators=(",", ":")).encode()
            wanted["passports"] = "sha256-" + base64.b64encode(hashlib.sha256(array).digest()).decode()
        wrong = [name for name, value in wanted.items() if claims.get(name) != value]
        if claims["jti"] in self.jtis:
            wrong.append("jti")
        self.jtis.add(claims["jti"])
        unexpected = claims.keys() - {*wanted, "iat", "iss", "jti"} - ({"exp"} if spc else set())
        return f"wrong: {wrong} {unexpected}" if wrong or unexpected else None


def reply(writer: asyncio.StreamWriter, status: int, body: object, **headers: str) -> None:
    """Write one answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + content)


def answering(status: int, body: object = b"", **headers: str) -> Reaction:
    """Return a reaction that answers just this."""

    async def react(_: Asked, writer: asyncio.StreamWriter) -> None:
        reply(writer, status, body, **headers)

    return react


async def hang(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(30)


async def hang_up(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Close the connection without an answer."""
    writer.close()


async def half_body(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Promise more than is sent, and close."""
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"passports":["eyJ')
    await writer.drain()
    writer.close()


async def endless_body(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Send for as long as anybody reads."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


async def drip(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    for _ in range(500):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def no_http(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Speak something else."""
    writer.write(b"220 mail.example ESMTP\r\n")


async def _request(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
