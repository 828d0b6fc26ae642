"""
What an rcd PASSporT only points to: icons and jCards elsewhere, fetched and held against their digests (RFC 9795).

Whoever shows a caller asks for this once the verdict is there; no call waits for it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from stir import limits, strictjson
from stir.aio.fetch import Fetcher
from stir.errors import ClaimError, JsonError, UnavailableError, UrlError
from stir.extensions.rcd import Rcd, Reference, content_pointers, is_url, pointed, segments

_JCL: Final = "jcl"
_ACCEPT: Final = {"Accept": "image/*, application/json;q=0.9, */*;q=0.5"}


async def verify_external(rcd: Rcd, fetcher: Fetcher) -> Rcd:
    """
    Return *rcd* with what it points to verified.

    A member whose content has another digest is withheld; one whose content cannot be had stays unverified, and
    is not to be shown either. References inside a jCard that is itself elsewhere are followed, and no further.

    Args:
        rcd: Of a PASSporT that passed.
        fetcher: Reads URLs, within its own policy.
    """
    contents = _Contents(fetcher)
    signed = {each.pointer: each for each in rcd.references}
    for reference in rcd.references:
        if reference.member not in rcd.members:
            continue  # another reference of the same member was wrong
        try:
            good = await _holds(reference, signed, contents)
        except (UrlError, UnavailableError):
            continue
        rcd = _verified(rcd, reference) if good else rcd.without(reference.member)
    return rcd


class _Contents:
    """What was fetched for one PASSporT, each URL once."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._known: dict[str, bytes] = {}

    async def read(self, url: str) -> bytes:
        if url not in self._known:
            if len(self._known) == limits.CALLER_DATA_FETCHES:
                raise UrlError(f"the PASSporT has more than {limits.CALLER_DATA_FETCHES} references")
            response = await self._fetcher.fetch(url, max_bytes=limits.CALLER_DATA_BYTES, headers=_ACCEPT)
            self._known[url] = response.body
        return self._known[url]


async def _holds(reference: Reference, signed: Mapping[str, Reference], contents: _Contents) -> bool:
    """Return whether what is found by *reference*, one of those *signed*, is what was signed for."""
    content = await contents.read(reference.url)
    if reference.member != _JCL:
        return reference.digest.fits(content)
    # What is inside a jCard is only looked at if the jCard is the right one.
    if not signed[f"/{_JCL}"].digest.fits(content):
        return False
    try:
        card = _card(content)
        value = pointed(card, segments(reference.pointer))
    except (JsonError, ClaimError):
        return False
    if value is card[_JCL]:
        return all(pointer in signed for pointer in content_pointers(_JCL, value))
    return reference.digest.fits(await contents.read(value)) if is_url(value) else reference.digest.fits_inline(value)


def _card(content: bytes) -> dict[str, object]:
    """Return the jCard, an array, as the member of an object."""
    card = strictjson.loads(b'{"jcl":' + content + b"}", max_bytes=limits.CALLER_DATA_BYTES + len('{"jcl":}'))
    if card.keys() != {_JCL}:
        raise ClaimError("the content is more than one JSON value")
    return card


def _verified(rcd: Rcd, reference: Reference) -> Rcd:
    return replace(rcd, references=tuple(each for each in rcd.references if each is not reference))
