"""Which numbers of which parts of the server are metrics; one line each, with the name that dashboards use."""

import platform
from collections.abc import Callable, Iterator
from datetime import datetime

from cps_server.audit import AuditLog
from cps_server.federation.republish import Republisher
from cps_server.gate import Gate
from cps_server.metrics import Reading, Value
from cps_server.partners import Partners
from cps_server.publish import Publisher
from cps_server.retrieve import Retriever
from cps_server.screening import Screening
from cps_server.store import SealedStore
from cps_server.version import VERSION
from stir.aio.certificates import CertificateCache
from stir.aio.clock import Clock
from stir.aio.logs import Lines
from stir.aio.refresh import ListStatus
from stir.aio.trust import LiveTrust


def of_calls(publisher: Publisher, retriever: Retriever, screening: Screening) -> Iterator[Reading]:
    """Yield what became of publishes, retrieves and PASSporTs."""
    yield Reading(
        "cps_publishes_total",
        "Publishes kept, by generation of the API and publisher.",
        lambda: publisher.published.counts,
        ("generation", "spc"),
    )
    yield Reading(
        "cps_retrieves_total",
        "Retrieves answered, by generation of the API, result (hit or miss) and retriever.",
        lambda: retriever.retrieved.counts,
        ("generation", "result", "spc"),
    )
    yield Reading(
        "cps_passports_accepted_total",
        "PASSporTs let in after a check of this depth found nothing: full, shape or off.",
        lambda: _keyed(screening.accepted),
        ("check",),
    )
    yield Reading(
        "cps_passports_unchecked_total",
        "PASSporTs let in although the check was not possible, by the code of the reason (fail open).",
        lambda: _keyed(screening.unchecked),
        ("code",),
    )
    yield Reading(
        "cps_passports_refused_total",
        "PASSporTs that failed their check, by case.",
        lambda: _keyed(screening.refused),
        ("case",),
    )


def of_process(lines: Lines | None, connections: Callable[[], int] | None = None) -> Iterator[Reading]:
    """Yield what concerns the process as a whole."""
    running: dict[tuple[str, ...], float] = {(VERSION, platform.python_version()): 1.0}
    yield Reading("cps_build_info", "Which version runs, on which Python.", lambda: running, ("version", "python"))
    if connections is not None:
        yield Reading("cps_connections", "Connections of clients that are open.", connections)
    if lines is not None:
        yield Reading("cps_log_lines_lost_total", "Lines of the log that could not be written.", lambda: lines.lost)


def of_store(store: SealedStore) -> Iterator[Reading]:
    """Yield what the seal found."""
    yield Reading(
        "cps_store_unreadable_total",
        "Entries of the store that did not open: a damaged database, or another secret.",
        lambda: store.unreadable,
    )


def of_admission(gate: Gate, partners: Partners, audit: AuditLog) -> Iterator[Reading]:
    """Yield who was turned away, and whether rules and audit log are as they should be."""
    yield Reading(
        "cps_partner_denials_total",
        "Genuine requests that the partner rules turned away, by reason and provider.",
        lambda: gate.denied.counts,
        ("reason", "spc"),
    )
    yield Reading("cps_partners", "Partners in the rules in force.", lambda: len(partners.rules.partners))
    yield Reading(
        "cps_partner_file_refused",
        "1 while partners.toml is refused and the rules from before are in force.",
        lambda: partners.last_error is not None,
    )
    yield Reading(
        "cps_partner_file_failures_total", "Versions of partners.toml that were refused.", lambda: partners.failures
    )
    yield Reading("cps_audit_lost_total", "Records that did not get into the audit log.", lambda: audit.lost)


def of_mesh(republisher: Republisher) -> Iterator[Reading]:
    """Yield how the peers take what is republished to them."""
    yield Reading(
        "cps_republishes_total",
        "Publishes sent on to a peer, by how that ended: delivered, or why not.",
        lambda: {
            (link.peer.hostname, outcome): count
            for link in republisher.links
            for outcome, count in link.outcomes.items()
        },
        ("peer", "outcome"),
    )
    yield Reading(
        "cps_peer_outbox",
        "Publishes that wait to be sent on to a peer.",
        lambda: {(link.peer.hostname,): link.waiting for link in republisher.links},
        ("peer",),
    )
    yield Reading(
        "cps_peer_circuit_open",
        "1 while a peer is left alone because it failed again and again.",
        lambda: {(link.peer.hostname,): link.breaker.is_open for link in republisher.links},
        ("peer",),
    )


def of_certificates(cache: CertificateCache) -> Iterator[Reading]:
    """Yield how the cache of certificate chains does."""
    counters = cache.counters
    yield Reading(
        "cps_certificate_requests_total",
        "Certificate chains asked for: hit (fresh in the cache) or miss.",
        lambda: {("hit",): counters.hits, ("miss",): counters.misses},
        ("result",),
    )
    yield Reading("cps_certificate_fetches_total", "Fetches of certificate chains begun.", lambda: counters.fetches)
    yield Reading(
        "cps_certificate_fetch_failures_total",
        "Fetches of certificate chains that brought none.",
        lambda: counters.failures,
    )
    yield Reading(
        "cps_certificate_urls_refused_total", "Certificate URLs that are never fetched.", lambda: counters.refused
    )
    yield Reading(
        "cps_certificate_served_stale_total",
        "Uses of a chain past its freshness because no new one could be had (fail open).",
        lambda: counters.served_stale,
    )
    yield Reading(
        "cps_certificate_refetches_total",
        "Chains fetched anew because a signature failed under the old one.",
        lambda: counters.refetches,
    )


def of_trust(trust: LiveTrust, clock: Clock) -> Iterator[Reading]:
    """Yield who is trusted, and how old what is known about that is."""

    def lists(read: Callable[[ListStatus, datetime], float | None]) -> Callable[[], Value]:
        def values() -> Value:
            now, status = clock.now(), trust.status
            found = {(one.name,): read(one, now) for one in (status.ca_list, status.crl) if one is not None}
            return {name: value for name, value in found.items() if value is not None}

        return values

    yield Reading("cps_trust_anchors", "STI-CA roots in force.", lambda: trust.status.anchors)
    yield Reading(
        "cps_trust_list_age_seconds",
        "Time since the CA list (ca-list) or the revocation list (crl) was last read well.",
        lists(_seconds),
        ("list",),
    )
    yield Reading(
        "cps_trust_list_stale",
        "1 if there is no such list, or its successor should have been there.",
        lists(lambda one, now: one.is_stale(now)),
        ("list",),
    )
    yield Reading(
        "cps_trust_list_failures",
        "Failures to read the list since the last success.",
        lists(lambda one, _: one.failures),
        ("list",),
    )
    yield Reading(
        "cps_trust_list_entries",
        "Entries of the list that is held.",
        lists(lambda one, _: one.edition.entries if one.edition else None),
        ("list",),
    )
    yield Reading(
        "cps_revocation_known",
        "1 if a revocation list is held that is not overdue; 0 also when revocation is off.",
        lambda: trust.status.revocation_known,
    )
    yield Reading(
        "cps_revocation_unchecked_total",
        "Judgements made without a current revocation list although one is configured (fail open).",
        lambda: trust.status.unchecked,
    )
    yield Reading(
        "cps_trust_refreshing",
        "1 if all that keeps the lists fresh is running.",
        lambda: trust.status.refreshing,
    )


def _seconds(status: ListStatus, now: datetime) -> float | None:
    age = status.age(now)
    return None if age is None else age.total_seconds()


def _keyed(counts: dict[str, int]) -> dict[tuple[str, ...], float]:
    return {(name,): count for name, count in counts.items()}
