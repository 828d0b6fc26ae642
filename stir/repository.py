"""What is unusual about how a certificate repository serves a chain (ATIS-1000080; ATIS-1000074; RFC 8555)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final
from urllib.parse import urlsplit

from stir.certificate import Certificate
from stir.errors import FetchError, UrlError
from stir.lint import CertificateFinding, Remark, finding
from stir.x5u import X5uPolicy

CHAIN_TYPE: Final = "application/pem-certificate-chain"
_DAY: Final = 86_400
_MAX_AGE: Final = re.compile(r'max-age="?(\d{1,10})"?')


def lint_url(url: str, policy: X5uPolicy) -> tuple[CertificateFinding, ...]:
    """Return why no verifier under *policy* fetches *url*: its scheme, port, query and so on."""
    try:
        policy.check(url)
    except UrlError as error:
        remarks = list(_parts(url, policy)) or [("URL_REFUSED", error.detail)]
        return tuple(finding(code, detail) for code, detail in remarks)
    return ()


def lint_failure(error: FetchError) -> tuple[CertificateFinding, ...]:
    """Return what is wrong with a repository that answered, but not with a chain."""
    code = {"redirect": "REDIRECT", "status": "STATUS_NOT_200"}.get(error.reason)
    return (finding(code, error.detail),) if code else ()


def lint_answer(headers: Mapping[str, str], body: bytes) -> tuple[CertificateFinding, ...]:
    """
    Return what is unusual about a repository's answer with status 200; its chain is :func:`lint_chain`'s.

    Args:
        headers: Header fields; names without regard to case, or in lower case.
        body: What was served.
    """
    remarks = [*_type(headers.get("content-type", "")), *_caching(headers)]
    if b"-----BEGIN CERTIFICATE-----" not in body:
        remarks.append(("NOT_PEM", "the body holds no PEM block of a certificate"))
    return tuple(finding(code, detail) for code, detail in remarks)


def lint_chain(certificates: Sequence[Certificate], unreadable: int = 0) -> tuple[CertificateFinding, ...]:
    """
    Return what is unusual about the *certificates* of a chain file, in the order in which they stand.

    Args:
        certificates: The readable ones.
        unreadable: How many blocks were none.
    """
    return tuple(finding(code, detail) for code, detail in _order(certificates, unreadable))


def _parts(url: str, policy: X5uPolicy) -> Iterator[Remark]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return
    if parts.scheme != "https":
        yield "URL_NOT_HTTPS", "the URL is not https"
    if port is not None and port not in policy.ports:
        yield "URL_PORT", f"the port is {port}"
    if parts.query:
        yield "URL_QUERY", "the URL has a query"


def _type(value: str) -> Iterator[Remark]:
    media_type = value.partition(";")[0].strip().lower()
    if media_type != CHAIN_TYPE:
        yield "CONTENT_TYPE", f"the content type is {media_type!r}" if media_type else "there is no content type"


def _caching(headers: Mapping[str, str]) -> Iterator[Remark]:
    value = headers.get("cache-control", "").lower()
    directives = {part.partition("=")[0].strip() for part in value.split(",")}
    if "no-cache" in headers.get("pragma", "").lower() or directives & {"private", "no-store", "no-cache"}:
        yield "CACHE_FORBIDDEN", "the answer must not be kept: private, no-store or no-cache"
    elif not value.strip():
        yield "NO_CACHE_CONTROL", "there is no Cache-Control"
    else:
        age = _MAX_AGE.search(value)
        if age is None or int(age[1]) < _DAY:
            yield "CACHE_UNDER_A_DAY", f"max-age is {age[1] if age else 'missing'}, not {_DAY} or more"


def _order(certificates: Sequence[Certificate], unreadable: int) -> Iterator[Remark]:
    if unreadable:
        yield "CHAIN_UNREADABLE", f"{unreadable} of the blocks cannot be read as certificates"
    roots = [one for one in certificates if one.is_ca and one.is_self_issued]
    if roots and len(certificates) > 1:
        yield "CHAIN_ROOT_INCLUDED", "the root is in the chain file"
    if len(certificates) == 1 + len(roots) and not any(one.is_ca for one in certificates if one not in roots):
        yield "CHAIN_INCOMPLETE", "the leaf stands alone, without its issuing CA's certificate"
    if any(below.issuer != above.subject for below, above in pairwise(certificates)):
        yield "CHAIN_ORDER", "the certificates do not stand in the order leaf, issuer, issuer's issuer"
