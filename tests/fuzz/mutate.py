"""Mutations that keep the form: what comes out still gets past the outermost layer, where plain bytes would not."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

Mutator = Callable[[bytes, Random], bytes]

_NUMBERS: Final = (0, -1, 1, 2**31, 2**63, 253_402_300_799, 253_402_300_800, 10**63, 10**64, -(10**400), 0.5, 1e308)
_STRINGS: Final = ("", "+", "12155550100", "1" * 16, "sip:a@b;user=phone", "\x00", "\ud800", "\u0130", "é" * 40, "A")
_ODD: Final = (None, True, False, float("nan"), float("inf"), [], {}, [[]], {"tn": "1"}, {"": ""}, ["1", "1"])
_CONTENTS: Final = (
    *(b"", b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff", b"\x00\xff", b"\xff" * 9, b"\x80" * 20, b"\x7f" + b"\xff" * 40),
    *(b"991231235959Z", b"00000101000000Z", b"99991231235959Z", b"490229000000Z", b"20260101000000.5Z", b"260101"),
    *(b"\x30\x80\x00\x00", b"\x30\x84\xff\xff\xff\xff", b"\x1f\xff\x7f\x00", b"12155550100", b"\xc3\x28", b"\xd8\x00"),
)
_TAGS: Final = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A, 0x0C, 0x13, 0x16, 0x17, 0x18, 0x1E, 0x30, 0x31, 0x80, 0xA0)
_DEEPEST: Final = 24
_BEGIN, _END = b"-----BEGIN ", b"-----END "


def raw(data: bytes, random: Random) -> bytes:
    """Change, insert, delete or repeat a few bytes, as any fuzzer does."""
    out = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randint(0, len(out))
        match random.randint(0, 4):
            case 0 if out:
                out[at % len(out)] ^= 1 << random.randint(0, 7)
            case 1:
                out[at:at] = random.randbytes(random.randint(1, 8))
            case 2:
                del out[at : at + random.randint(1, 16)]
            case 3:
                out[at:at] = out[at : at + random.randint(1, 64)] * random.randint(1, 8)
            case _:
                out[at:at] = random.choice((b";", b"=", b".", b"<>", b'"', b"{", b"[", b"\\u", b"\x00", b"-----", b","))
    return bytes(out)


def json_text(data: bytes, random: Random) -> bytes:
    """Change one value or name somewhere inside a JSON text."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return raw(data, random)
    changed = _json_changed(value, random, random.randint(0, 5))
    return json.dumps(changed, separators=(",", ":"), ensure_ascii=random.random() < 0.5).encode(errors="surrogatepass")


def _json_changed(value: object, random: Random, depth: int) -> object:
    if depth and isinstance(value, dict | list) and value:
        inside = _member_changed if isinstance(value, dict) else _entry_changed
        return inside(value, random, depth)
    match random.randint(0, 4):
        case 0:
            return random.choice(_NUMBERS)
        case 1:
            return random.choice(_STRINGS) * random.choice((1, 1, 1, 300))
        case 2 if isinstance(value, str):
            return raw(value.encode(errors="replace"), random).decode(errors="replace")
        case 3:
            return [value] * random.choice((1, 2, 20))
        case _:
            return random.choice(_ODD)


def _entry_changed(value: list[object], random: Random, depth: int) -> list[object]:
    at = random.randrange(len(value))
    return [*value[:at], _json_changed(value[at], random, depth - 1), *value[at + random.randint(0, 1) :]]


def _member_changed(value: dict[str, object], random: Random, depth: int) -> dict[str, object]:
    name = random.choice(list(value))
    if random.random() < 0.1:
        return {own: held for own, held in value.items() if own != name}
    if random.random() < 0.1:
        return {**value, random.choice(("crit", "ppt", "opt", "div", "rcd", "exp", "x5c", "")): value[name]}
    return {**value, name: _json_changed(value[name], random, depth - 1)}


def jws(data: bytes, random: Random) -> bytes:
    """Change what is inside one part of a compact JWS; JSON as JSON."""
    parts = data.split(b".")
    at = random.randrange(len(parts))
    mutator = json_text if at < len(parts) - 1 or len(parts) == 1 else raw
    parts[at] = _recoded(parts[at], random, mutator)
    return b".".join(parts)


def _recoded(part: bytes, random: Random, mutator: Mutator) -> bytes:
    try:
        inside = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except (ValueError, binascii.Error):
        return raw(part, random)
    return base64.urlsafe_b64encode(mutator(inside, random)).rstrip(b"=")


def identity(data: bytes, random: Random) -> bytes:
    """Change the PASSporT in an Identity header field value, or what stands behind it."""
    token, semicolon, parameters = data.partition(b";")
    if random.random() < 0.7:
        return jws(token, random) + semicolon + parameters
    return token + semicolon + raw(parameters, random)


def lines(data: bytes, random: Random) -> bytes:
    """Change, drop, repeat or shuffle the Identity header field values of a call, one a line."""
    values = data.split(b"\n")
    at = random.randrange(len(values))
    match random.randint(0, 5):
        case 0:
            random.shuffle(values)
        case 1:
            values[at : at + 1] = [values[at]] * random.choice((0, 2, 12))
        case _:
            values[at] = identity(values[at], random)
    return b"\n".join(values)


def ca_list(data: bytes, random: Random) -> bytes:
    """Change a signed CA list, or the JSON object around it, or a certificate in it."""
    if data.startswith(b"{"):
        return json_text(data, random)
    if random.random() < 0.5:
        return jws(data, random)
    header, _, rest = data.partition(b".")
    payload, _, signature = rest.partition(b".")
    return b".".join((header, _recoded(payload, random, _root), signature))


def _root(data: bytes, random: Random) -> bytes:
    try:
        value = json.loads(data)
        value["trustList"] = [pem(entry.encode(), random).decode() for entry in value["trustList"]]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return raw(data, random)
    return json.dumps(value).encode()


def pem(data: bytes, random: Random) -> bytes:
    """Change the DER in one of the blocks, or shuffle, drop or repeat blocks."""
    blocks = [_BEGIN + block for block in data.split(_BEGIN)[1:]]
    if not blocks or random.random() < 0.1:
        return raw(data, random)
    at = random.randrange(len(blocks))
    match random.randint(0, 9):
        case 0:
            random.shuffle(blocks)
        case 1:
            blocks[at : at + 1] = [blocks[at]] * random.randint(0, 3)
        case _:
            blocks[at] = _reblocked(blocks[at], random)
    return b"".join(blocks)


def _reblocked(block: bytes, random: Random) -> bytes:
    begin, _, rest = block.partition(b"\n")
    body, end, tail = rest.partition(_END)
    try:
        inside = base64.b64decode(b"".join(body.split()))
    except (ValueError, binascii.Error):
        return raw(block, random)
    return begin + b"\n" + base64.encodebytes(der(inside, random)) + end + tail


def crl(data: bytes, random: Random) -> bytes:
    """Change a CRL in DER or PEM."""
    return pem(data, random) if data.startswith(_BEGIN) else der(data, random)


@dataclass
class _Node:
    """One DER element; its content is bytes, or the elements in it, behind a prefix where a string holds DER."""

    tag: int
    content: bytes
    children: list["_Node"] | None = None

    def encoded(self) -> bytes:
        body = self.content if self.children is None else b"".join(child.encoded() for child in self.children)
        if len(body) < 128:
            return bytes((self.tag, len(body))) + body
        size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
        return bytes((self.tag, 128 | len(size))) + size + body

    def walk(self) -> list["_Node"]:
        return [self, *(deep for child in self.children or () for deep in child.walk())]


def der(data: bytes, random: Random) -> bytes:
    """Change an element anywhere in a DER structure, and set the lengths around it right."""
    tree = _parsed(data, 0)
    if not tree or random.random() < 0.1:
        return raw(data, random)
    for _ in range(random.randint(1, 2)):
        node = random.choice([deep for root in tree for deep in root.walk()])
        _change(node, random)
    return b"".join(root.encoded() for root in tree)


def _change(node: _Node, random: Random) -> None:
    match random.randint(0, 5):
        case 0:
            node.tag = random.choice(_TAGS)
        case 1 if node.children:
            at = random.randrange(len(node.children))
            node.children[at : at + 1] = [node.children[at]] * random.choice((0, 2, 2, 3, 200))
        case 2 if node.children:
            random.shuffle(node.children)
        case 3 if node.children is None:
            node.content = raw(node.content, random)
        case 4:
            node.children = [_Node(random.choice(_TAGS), random.choice(_CONTENTS))]
        case _:
            node.content, node.children = random.choice(_CONTENTS) * random.choice((1, 1, 1, 50)), None


def _parsed(data: bytes, depth: int) -> list[_Node]:
    """Return the elements that *data* is made of, or none if it is no row of elements."""
    nodes: list[_Node] = []
    at = 0
    while at < len(data):
        head = _head(data, at)
        if head is None or depth > _DEEPEST:
            return []
        begin, end = head
        node = _Node(data[at], data[begin:end])
        inside = _parsed(node.content, depth + 1) if node.tag & 0x20 or node.tag == 0x04 else []
        node.children = inside or None
        nodes.append(node)
        at = end
    return nodes


def _head(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the content of the element at *at* begins and ends."""
    if at + 2 > len(data):
        return None
    first = data[at + 1]
    octets = first & 0x7F if first & 0x80 else 0
    begin = at + 2 + octets
    size = int.from_bytes(data[at + 2 : begin]) if octets else first
    return (begin, begin + size) if begin + size <= len(data) and octets <= 4 else None


def mixed(structured: Mutator) -> Mutator:
    """Return a mutator that keeps the form three times out of four."""

    def mutate(data: bytes, random: Random) -> bytes:
        return (structured if random.random() < 0.75 else raw)(data, random)

    return mutate


def several(data: Sequence[bytes], mutator: Mutator, random: Random, rounds: int) -> list[bytes]:
    """Return *rounds* inputs, each one of *data* with one to three mutations."""
    made = []
    for _ in range(rounds):
        one = random.choice(data)
        for _ in range(random.randint(1, 3)):
            one = mutator(one, random)
        made.append(one)
    return made
