"""Tests of stir.aio.service: what an operator set is what runs."""

from pathlib import Path

import pytest
import trustme

from stir.aio.clock import SystemClock
from stir.aio.configuration import CertificateSettings, SettingsError, TrustSettings
from stir.aio.references import ReferencedLists
from stir.aio.service import open_service
from stir.errors import NoTrustError
from stir.testing import World

NOWHERE = "https://127.0.0.1:1/crl"
"""Refused without a look: loopback is not among the networks that may be fetched from."""


@pytest.fixture
def anchors(tmp_path: Path) -> Path:
    """Return a file of one root."""
    file = tmp_path / "roots.pem"
    file.write_bytes(World().anchors_pem)
    return file


@pytest.mark.parametrize("fail_closed", [False, True])
async def test_without_a_crl_it_is_the_operators_choice_to_go_on(anchors: Path, *, fail_closed: bool) -> None:
    """By default verification goes on while the CRL cannot be had; with fail_closed nobody is believed."""
    trust = TrustSettings(anchors=anchors, crl_url=NOWHERE, fail_closed=fail_closed)
    async with open_service(trust, CertificateSettings(), clock=SystemClock()) as service:
        if fail_closed:
            with pytest.raises(NoTrustError, match="revocation"):
                service.trust.current()
        else:
            assert service.trust.current().revocation_wanted
        assert 1 == service.trust.status.unchecked


@pytest.mark.parametrize("wanted", [False, True])
async def test_lists_by_reference_are_fetched_only_if_set(anchors: Path, *, wanted: bool) -> None:
    """A certificate may make us fetch one more URL only where the operator lets it."""
    certificates = CertificateSettings(tn_auth_list_references=wanted)
    async with open_service(TrustSettings(anchors=anchors), certificates, clock=SystemClock()) as service:
        assert wanted == isinstance(service.verification._certificates, ReferencedLists)


async def test_the_cas_of_https_are_read_anew(anchors: Path, tmp_path: Path) -> None:
    """Another file of CAs counts after a reload, for repositories and lists; one that is broken is refused whole."""
    file = tmp_path / "cas.pem"
    trustme.CA().cert_pem.write_to_path(file)
    certificates = CertificateSettings(tls_ca_file=file)
    async with open_service(TrustSettings(anchors=anchors), certificates, clock=SystemClock()) as service:
        before = [fetcher._tls.get_ca_certs() for fetcher in service.fetchers]
        trustme.CA().cert_pem.write_to_path(file)
        await service.reload_tls()
        after = [fetcher._tls.get_ca_certs() for fetcher in service.fetchers]
        assert 2 == len(after)
        assert all(len(one) == 1 for one in after)
        assert before != after

        change(file, "broken")
        with pytest.raises(SettingsError, match="tls_ca_file"):
            await service.reload_tls()
        assert after == [fetcher._tls.get_ca_certs() for fetcher in service.fetchers]


def change(file: Path, text: str) -> None:
    """Write another text."""
    file.write_text(text)


async def test_a_file_of_cas_that_is_not_there_stops_the_start(anchors: Path, tmp_path: Path) -> None:
    """Without the CAs that the operator named nothing could be fetched, so nothing starts."""
    certificates = CertificateSettings(tls_ca_file=tmp_path / "gone.pem")
    with pytest.raises(SettingsError, match="tls_ca_file"):
        async with open_service(TrustSettings(anchors=anchors), certificates, clock=SystemClock()):
            pytest.fail("it started")
