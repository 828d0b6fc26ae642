"""The gate over HTTP: who is turned away, what that tells, how fast one may ask."""

from collections.abc import AsyncIterator
from hashlib import sha256
from ssl import PEM_cert_to_DER_cert
from statistics import quantiles
from time import perf_counter

import pytest
from structlog.testing import capture_logs

from cps_server import keys
from cps_server.gate import Rates
from cps_server.partners import Mode, Partner, Partners, Rules
from cps_server.ratelimit import Rate, TooManyRequestsError
from cps_server.store import SealedStore
from stir.testing import World
from tests.cps_server.conftest import ORIG, Cps, run_cps

PUBLISHER, RETRIEVER = "709J", "456B"
SECOND = 1_000_000_000


class Now:
    """A steady clock that the test moves."""

    def __init__(self) -> None:
        self.value = 10**12

    def __call__(self) -> int:
        """Return the nanoseconds."""
        return self.value


@pytest.fixture
def partners() -> Partners:
    """Return rules that the test may change: two partners, of which one may ask for the other's."""
    return Partners(closed(Partner(PUBLISHER), Partner(RETRIEVER, retrieve_from=frozenset([PUBLISHER]))))


@pytest.fixture
def now() -> Now:
    """Return the clock of the rates."""
    return Now()


@pytest.fixture(params=[1, 2], ids=["generation-1", "generation-2"])
async def private(request, partners: Partners, now: Now) -> AsyncIterator[Cps]:
    """Return a private CPS, once for each generation."""
    async for running in run_cps(partners=partners, now=now, limits={"address_burst": 5, "address_rate": 1}):
        running.generation = request.param
        yield running


def closed(*partners: Partner, **lists: frozenset[str]) -> Rules:
    """Return the rules of closed mode with these partners."""
    return Rules(Mode.CLOSED, {partner.spc: partner for partner in partners}, **lists)


async def outcomes(cps: Cps) -> tuple[int, int]:
    """Return the statuses of a publish and a retrieve."""
    return (await cps.publish()).status, (await cps.retrieve()).status


async def test_partners_are_served(private: Cps) -> None:
    """In closed mode the listed publish and retrieve as ever."""
    assert (201, 200) == await outcomes(private)


@pytest.mark.clause("cps-6.3-partners", "oob-4.1-poll")
@pytest.mark.parametrize(
    ("publisher", "retriever", "expected"),
    [
        (None, Partner(RETRIEVER, retrieve_from=frozenset("*")), (403, 404)),
        (Partner(PUBLISHER), None, (201, 403)),
        (Partner(PUBLISHER, enabled=False), Partner(RETRIEVER, enabled=False), (403, 403)),
        (Partner(PUBLISHER, publish=False), Partner(RETRIEVER, retrieve=False), (403, 403)),
        (Partner(PUBLISHER, numbers=("44",)), Partner(RETRIEVER, retrieve_from=frozenset("*")), (403, 404)),
        (Partner(PUBLISHER, certificates=frozenset(["0" * 64])), None, (403, 403)),
    ],
)
async def test_who_is_turned_away(
    private: Cps, partners: Partners, publisher: Partner | None, retriever: Partner | None, expected: tuple[int, int]
) -> None:
    """Whoever may not is answered 403, and nothing is kept of what it published."""
    partners.rules = closed(*filter(None, (publisher, retriever)))
    assert expected == await outcomes(private)


async def test_a_change_counts_at_once(private: Cps, partners: Partners) -> None:
    """A partner that is disabled while the CPS runs is turned away from its next request on."""
    assert (201, 200) == await outcomes(private)
    partners.rules = closed(Partner(PUBLISHER, enabled=False), Partner(RETRIEVER, enabled=False))
    assert (403, 403) == await outcomes(private)


async def test_a_denied_certificate(private: Cps, partners: Partners) -> None:
    """One certificate can be denied, found by its fingerprint, while a new one of the same provider will do."""
    leaf = sha256(PEM_cert_to_DER_cert(private.publisher.leaf.pem.decode())).hexdigest()
    partners.rules = closed(Partner(PUBLISHER), Partner(RETRIEVER), denied_certificates=frozenset([leaf]))
    assert 403 == (await private.publish()).status
    private.publisher = private.world.service_provider(PUBLISHER)
    assert 201 == (await private.publish()).status


async def test_every_refusal_is_the_same(private: Cps, partners: Partners) -> None:
    """Why a partner may not is told to nobody: all refusals have the same body; the log has the reason."""
    answers = set()
    await private.publish()
    with capture_logs() as logs:
        for rules in (
            closed(),
            closed(Partner(RETRIEVER, enabled=False)),
            closed(Partner(RETRIEVER, retrieve=False)),
            closed(Partner(RETRIEVER), denied_spcs=frozenset([RETRIEVER])),
        ):
            partners.rules = rules
            response = await private.retrieve()
            answers.add((response.status, await response.text()))
    assert 1 == len(answers)
    assert ["unlisted", "disabled", "no-retrieve", "denied-spc"] == [
        log["reason"] for log in logs if log["event"] == "partner_denied"
    ]
    assert 1 == private.client.app[keys.metrics].registry.get_sample_value(
        "cps_partner_denials_total", {"reason": "unlisted", "spc": RETRIEVER}
    )


@pytest.fixture
async def guarded(partners: Partners) -> AsyncIterator[Cps]:
    """Return a private CPS of the second generation without a limit for addresses."""
    partners.rules = closed(Partner(PUBLISHER), Partner(RETRIEVER))  # each may ask for its own only
    async for running in run_cps(partners=partners, limits={"address_rate": 0, "spc_rate": 0}):
        running.generation = 2
        yield running


@pytest.mark.clause("oob-4.1-poll")
async def test_a_denial_tells_nothing_about_what_is_stored(guarded: Cps, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not yours and not there are one answer, and the store is not even asked."""
    touched = []
    original = SealedStore.retrieve

    async def noted(self: SealedStore, *arguments, **named):
        touched.append(arguments)
        return await original(self, *arguments, **named)

    monkeypatch.setattr(SealedStore, "retrieve", noted)
    await guarded.publish()
    there = await guarded.retrieve()
    absent = await guarded.retrieve(orig="12155559999", path=guarded.path(orig="12155559999"))
    nobody = await guarded.retrieve(spc="999Z", path=guarded.path(spc="999Z"))
    shown = [
        (answer.status, await answer.text(), {**answer.headers, "X-Request-ID": "", "Date": ""})
        for answer in (there, absent, nobody)
    ]
    assert shown[0] == shown[1] == shown[2]
    assert (403, []) == (there.status, touched)


async def test_a_denial_takes_as_long_whatever_is_stored(guarded: Cps) -> None:
    """The time of a denial does not depend on what is stored: measured in turns, the lower quartiles are alike."""
    for _ in range(10):
        await guarded.publish()
    times: dict[str, list[float]] = {ORIG: [], "12155559999": []}
    for _ in range(100):
        for orig, taken in times.items():
            token = guarded.token("retrieve", orig=orig)
            started = perf_counter()
            answer = await guarded.retrieve(token=token, path=guarded.path(orig=orig))
            taken.append(perf_counter() - started)
            assert 403 == answer.status
    there, absent = (quantiles(taken, n=4)[0] for taken in times.values())
    assert 0.75 < there / absent < 1.33


async def test_open_mode_lets_everyone_in(private: Cps, partners: Partners) -> None:
    """In open mode an entry takes away what it names, and whoever has none may do everything."""
    partners.rules = Rules(Mode.OPEN, {RETRIEVER: Partner(RETRIEVER, retrieve=False)})
    assert (201, 403) == await outcomes(private)
    stranger = private.world.service_provider("111X")
    assert 200 == (await private.retrieve(by=stranger)).status


async def test_a_denied_token_is_not_used_up(private: Cps, partners: Partners) -> None:
    """Nothing is recorded for a request that is turned away: the token is good once the rules allow it."""
    rules, token = partners.rules, private.token("retrieve")
    await private.publish()
    partners.rules = closed()
    assert 403 == (await private.retrieve(token=token)).status
    partners.rules = rules
    assert 200 == (await private.retrieve(token=token)).status


@pytest.mark.clause("cps-7-429", "oob-4.1-poll", "oob-4.1-rate")
async def test_a_provider_has_its_rate(private: Cps, partners: Partners, now: Now) -> None:
    """Who asks faster than its entry allows is answered 429 with Retry-After; others are not touched by that."""
    partners.rules = Rules(partners={RETRIEVER: Partner(RETRIEVER, rate=0.5, burst=2)})
    await private.publish()
    answers = [await private.retrieve() for _ in range(3)]
    assert [200, 200, 429] == [answer.status for answer in answers]
    assert ("2", "application/problem+json") == (answers[2].headers["Retry-After"], answers[2].content_type)
    assert "urn:oob-shaken:problem:too-many-requests" == (await answers[2].json())["type"]
    assert 200 == (await private.retrieve(by=private.world.service_provider("111X"))).status
    now.value += 2 * SECOND
    assert 200 == (await private.retrieve()).status


async def test_a_token_that_came_too_early_is_good_later(private: Cps, partners: Partners, now: Now) -> None:
    """429 uses no token up, so a client may send the same request again."""
    partners.rules = Rules(partners={RETRIEVER: Partner(RETRIEVER, rate=1, burst=1)})
    await private.publish()
    await private.retrieve()
    token = private.token("retrieve")
    assert 429 == (await private.retrieve(token=token)).status
    now.value += SECOND
    assert 200 == (await private.retrieve(token=token)).status


@pytest.mark.clause("oob-4.1-rate")
async def test_a_forged_token_spends_nobodys_rate(private: Cps, partners: Partners) -> None:
    """Only a genuine token counts against its provider, or anybody could silence anybody."""
    partners.rules = Rules(partners={RETRIEVER: Partner(RETRIEVER, rate=0.001, burst=1)})
    forger = World(private.world.clock).service_provider(RETRIEVER)
    assert 401 == (await private.retrieve(by=forger)).status
    assert 404 == (await private.retrieve()).status


@pytest.mark.parametrize(
    ("default", "partner", "allowed"),
    [
        (None, None, None),
        (None, Partner("123A"), None),
        (None, Partner("123A", burst=3), None),
        (Rate(1, 4), None, 4),
        (Rate(1, 4), Partner("123A"), 4),
        (Rate(1, 4), Partner("123A", burst=3), 3),
        (Rate(1, 4), Partner("123A", rate=3), 6),
        (Rate(1, 4), Partner("123A", rate=0.1), 1),
        (None, Partner("123A", rate=3, burst=5), 5),
    ],
)
def test_which_rate_counts(default: Rate | None, partner: Partner | None, allowed: int | None) -> None:
    """An entry's rate stands over the default, key by key; a rate without a burst has twice itself."""
    rates = Rates(default, Now())
    rules = Rules(partners={partner.spc: partner} if partner else {})
    for _ in range(50 if allowed is None else allowed):
        rates.take("123A", rules)
    if allowed is not None:
        with pytest.raises(TooManyRequestsError):
            rates.take("123A", rules)
