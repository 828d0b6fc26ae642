"""Remarks on repositories: how a chain is served (ATIS-1000080; RFC 8555, section 9.1)."""

import pytest

from stir.certificate import load_certificates
from stir.errors import FetchError
from stir.repository import CHAIN_TYPE, lint_answer, lint_chain, lint_failure, lint_url
from stir.testing import World
from stir.x5u import X5uPolicy

GOOD = {"content-type": CHAIN_TYPE, "cache-control": "public, max-age=86400"}
PEM = b"-----BEGIN CERTIFICATE-----"


@pytest.mark.clause("cert-9-repository")
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://cr.example.net/a.pem", []),
        ("https://cr.example.net:8443/a.pem", []),
        ("http://cr.example.net/a.pem", ["URL_NOT_HTTPS"]),
        ("http://cr.example.net:80/a.pem", ["URL_NOT_HTTPS", "URL_PORT"]),
        ("https://cr.example.net:444/a.pem", ["URL_PORT"]),
        ("https://cr.example.net/a.pem?x=1", ["URL_QUERY"]),
        ("https://cr.example.net:444/a.pem?x=1", ["URL_PORT", "URL_QUERY"]),
        ("https://user@cr.example.net/a.pem", ["URL_REFUSED"]),
        ("https://cr.example.net/a.pem#x", ["URL_REFUSED"]),
        ("https://cr.example.net:x/a.pem", ["URL_REFUSED"]),
        ("https://10.0.0.1/a.pem", ["URL_REFUSED"]),
    ],
)
def test_urls_that_no_verifier_fetches(url: str, expected: list[str]) -> None:
    """Scheme, port and query have findings of their own; all are refused."""
    found = lint_url(url, X5uPolicy())
    assert expected == [one.code for one in found]
    assert all(one.refused for one in found)


@pytest.mark.clause("cert-3-type", "cert-3-cache")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"content-type": f"{CHAIN_TYPE.upper()}; charset=utf-8"}, []),
        ({"content-type": "text/plain"}, ["CONTENT_TYPE"]),
        ({"content-type": ""}, ["CONTENT_TYPE"]),
        ({"cache-control": ""}, ["NO_CACHE_CONTROL"]),
        ({"cache-control": "public"}, ["CACHE_UNDER_A_DAY"]),
        ({"cache-control": "max-age=86399"}, ["CACHE_UNDER_A_DAY"]),
        ({"cache-control": "Public, Max-Age=604800"}, []),
        ({"cache-control": "private, max-age=86400"}, ["CACHE_FORBIDDEN"]),
        ({"cache-control": "no-store"}, ["CACHE_FORBIDDEN"]),
        ({"cache-control": "no-cache"}, ["CACHE_FORBIDDEN"]),
        ({"pragma": "no-cache"}, ["CACHE_FORBIDDEN"]),
    ],
)
def test_header_fields_of_the_answer(changes: dict[str, str], expected: list[str]) -> None:
    """The type is the chain's, and caches may keep it for a day or more."""
    assert expected == [one.code for one in lint_answer({**GOOD, **changes}, PEM)]


def test_a_body_without_a_certificate() -> None:
    """What is no PEM chain is refused."""
    (found,) = lint_answer(GOOD, b"\x30\x00")
    assert ("NOT_PEM", True) == (found.code, found.refused)


@pytest.mark.clause("cert-9-repository")
@pytest.mark.parametrize(
    ("reason", "expected"), [("redirect", ["REDIRECT"]), ("status", ["STATUS_NOT_200"]), ("timeout", [])]
)
def test_answers_that_are_no_chain(reason: str, expected: list[str]) -> None:
    """Redirects and other statuses are the repository's fault; an outage may be anybody's."""
    assert expected == [one.code for one in lint_failure(FetchError("x", reason=reason))]


@pytest.mark.clause("cert-9-repository")
def test_chain_files() -> None:
    """The leaf is first, its issuer next, the root left out, and all of it readable."""
    world = World()
    pem = world.service_provider("709J", chain="with-root").chain_pem
    leaf, issuing, root = load_certificates(pem)[0]
    cases = {
        (leaf, issuing): [],
        (issuing,): [],
        (root,): [],
        (): [],
        (leaf,): ["CHAIN_INCOMPLETE"],
        (leaf, root): ["CHAIN_ROOT_INCLUDED", "CHAIN_INCOMPLETE", "CHAIN_ORDER"],
        (leaf, issuing, root): ["CHAIN_ROOT_INCLUDED"],
        (issuing, leaf): ["CHAIN_ORDER"],
        (root, leaf, issuing): ["CHAIN_ROOT_INCLUDED", "CHAIN_ORDER"],
    }
    for certificates, expected in cases.items():
        assert expected == [one.code for one in lint_chain(certificates)]
    assert ["CHAIN_UNREADABLE"] == [one.code for one in lint_chain((leaf, issuing), unreadable=1)]
