"""Certificate chains by URL."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from stir import limits
from stir.aio.certificates import CertificateCache, Counters
from stir.aio.fetch import Response
from stir.errors import CertificateFormatError, FetchError, UrlError
from tests.support.certificates import NOW, Made, ca, leaf, root

URL = "https://cr.example/a.pem"
OTHER = "https://cr.example/b.pem"
SECOND = timedelta(seconds=1)
ISSUER = ca(root())
FIRST = leaf(ISSUER, "SHAKEN 1").pem + ISSUER.pem
SECOND_KEY = leaf(ISSUER, "SHAKEN 2").pem + ISSUER.pem
GARBAGE = b"<html>gone</html>"


@dataclass
class Hands:
    """A clock that moves when it is told to."""

    at: datetime = NOW

    def now(self) -> datetime:
        """Return the time it was set to."""
        return self.at


@dataclass
class Repository:
    """A fetcher that serves what it holds, and counts; it answers when *open* is set."""

    serves: bytes | Exception | Response = FIRST
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: int = 0

    def __post_init__(self) -> None:
        self.open.set()

    async def fetch(self, url: str, *, max_bytes: int, headers: Mapping[str, str]) -> Response:
        """Serve what there is."""
        assert limits.CHAIN_BYTES == max_bytes
        self.asked.append((url, headers))
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.serves, Exception):
            raise self.serves
        return self.serves if isinstance(self.serves, Response) else Response(200, self.headers, self.serves)


@dataclass
class Rig:
    """A cache, its repository and its clock."""

    repository: Repository = field(default_factory=Repository)
    clock: Hands = field(default_factory=Hands)

    def __post_init__(self) -> None:
        self.cache = self.make()

    def make(self, **options: int) -> CertificateCache:
        """Return a cache of this repository and clock."""
        return CertificateCache(self.repository, clock=self.clock, stale_wait=0.01, **options)

    @property
    def fetches(self) -> int:
        """How often the repository was asked."""
        return len(self.repository.asked)


@pytest.fixture
def rig() -> Rig:
    """A cache, its repository and its clock."""
    return Rig()


def down() -> FetchError:
    """Return what a fetcher raises when the repository is down."""
    return FetchError("no connection", reason="connect")


async def test_the_same_object_while_it_lives(rig: Rig) -> None:
    """A chain is fetched once and then is the very same object, so that what was worked out for it is kept."""
    chain = await rig.cache.chain(URL)
    assert b"SHAKEN 1" in chain.leaf.der
    rig.clock.at += limits.CACHE_FLOOR - SECOND
    assert chain is await rig.cache.chain(URL)
    assert 1 == rig.fetches
    assert Counters(hits=1, misses=1, fetches=1) == rig.cache.counters


async def test_the_same_object_when_nothing_changed(rig: Rig) -> None:
    """When freshness ends the URL is fetched again; the same bytes keep their object."""
    chain = await rig.cache.chain(URL)
    rig.clock.at += limits.CACHE_FLOOR
    assert chain is await rig.cache.chain(URL)
    assert chain is await rig.cache.chain(URL)
    assert 2 == rig.fetches


async def test_a_changed_chain_is_taken_when_freshness_ends(rig: Rig) -> None:
    """The certificate at a URL may be replaced while the URL stays."""
    await rig.cache.chain(URL)
    rig.repository.serves = SECOND_KEY
    rig.clock.at += limits.CACHE_FLOOR
    assert b"SHAKEN 2" in (await rig.cache.chain(URL)).leaf.der


@pytest.mark.clause("passport-5-cache")
async def test_the_servers_directives_are_honoured(rig: Rig) -> None:
    """Cache-Control over a day is taken as it is."""
    rig.repository.headers = {"Cache-Control": "max-age=172800"}
    await rig.cache.chain(URL)
    rig.clock.at += timedelta(seconds=172_799)
    await rig.cache.chain(URL)
    assert 1 == rig.fetches
    rig.clock.at += SECOND
    await rig.cache.chain(URL)
    assert 2 == rig.fetches


@pytest.mark.clause("cache-4.3-validation")
async def test_a_condition_saves_the_body(rig: Rig) -> None:
    """With an ETag or a date, freshness is renewed by 304, and the object stays."""
    rig.repository.headers = {"ETag": '"1"', "Last-Modified": "Mon, 01 Jun 2026 12:00:00 GMT"}
    chain = await rig.cache.chain(URL)
    assert not {"If-None-Match", "If-Modified-Since", "Cache-Control"} & set(rig.repository.asked[0][1])
    rig.clock.at += limits.CACHE_FLOOR
    rig.repository.serves = Response(304, {}, b"")
    assert chain is await rig.cache.chain(URL)
    assert '"1"' == rig.repository.asked[1][1]["If-None-Match"]
    assert "Mon, 01 Jun 2026 12:00:00 GMT" == rig.repository.asked[1][1]["If-Modified-Since"]
    rig.clock.at += limits.CACHE_FLOOR - SECOND
    assert chain is await rig.cache.chain(URL)
    assert 2 == rig.fetches


@pytest.mark.clause("passport-5-collapse")
async def test_callers_share_one_fetch(rig: Rig) -> None:
    """A hundred calls of one provider at the same time are one fetch, and get one object."""
    rig.repository.open.clear()
    callers = [asyncio.create_task(rig.cache.chain(URL)) for _ in range(100)]
    await asyncio.sleep(0)
    rig.repository.open.set()
    assert 1 == len({id(chain) for chain in await asyncio.gather(*callers)})
    assert 1 == rig.fetches


async def test_a_cancelled_caller_leaves_the_fetch_to_the_others(rig: Rig) -> None:
    """Each caller has its own deadline; the first one's end is not the end of the fetch."""
    rig.repository.open.clear()
    first = asyncio.create_task(rig.cache.chain(URL))
    await asyncio.sleep(0)
    second = asyncio.create_task(rig.cache.chain(URL))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await rig.cache.chain(URL)
    rig.repository.open.set()
    assert b"SHAKEN 1" in (await second).leaf.der
    assert (1, 0) == (rig.fetches, rig.repository.cancelled)


async def test_callers_of_a_failed_fetch_have_their_own_errors(rig: Rig) -> None:
    """One failure, told to each caller by an exception of its own, with the reason kept."""
    rig.repository.serves = down()
    results = await asyncio.gather(*(rig.cache.chain(URL) for _ in range(3)), return_exceptions=True)
    assert ["connect"] * 3 == [error.reason for error in results if isinstance(error, FetchError)]
    assert 3 == len({id(error) for error in results})
    assert (1, 1) == (rig.fetches, rig.cache.counters.failures)


@pytest.mark.clause("passport-5-negative")
@pytest.mark.parametrize(("bad", "expected"), [(down(), FetchError), (GARBAGE, CertificateFormatError)])
async def test_failures_are_remembered_for_a_moment(bad: bytes | Exception, expected: type, rig: Rig) -> None:
    """A repository that is down, or serves nonsense, is asked once in 30 seconds."""
    rig.repository.serves = bad
    for _ in range(2):
        with pytest.raises(expected):
            await rig.cache.chain(URL)
    rig.repository.serves = FIRST
    rig.clock.at += limits.CACHE_RETRY - SECOND
    with pytest.raises(expected):
        await rig.cache.chain(URL)
    assert 1 == rig.fetches
    rig.clock.at += SECOND
    await rig.cache.chain(URL)
    assert 2 == rig.fetches
    assert {} == rig.cache._failures


@pytest.mark.parametrize("error", [UrlError("refused"), FetchError("no place", reason="busy")])
async def test_some_failures_are_not_remembered(error: UrlError | FetchError, rig: Rig) -> None:
    """A refused URL costs nothing to refuse again, and our own lack of places says nothing about the URL."""
    rig.repository.serves = error
    for _ in range(2):
        with pytest.raises(type(error)):
            await rig.cache.chain(URL)
    assert 2 == rig.fetches
    assert (2, 0) in {
        (rig.cache.counters.refused, rig.cache.counters.failures),
        (rig.cache.counters.failures, rig.cache.counters.refused),
    }


@pytest.mark.clause("cache-4.2.4-stale")
async def test_the_last_good_chain_bridges_an_outage(rig: Rig) -> None:
    """While its leaf is valid a chain serves on when the repository is down, which is asked every 30 seconds."""
    chain = await rig.cache.chain(URL)
    rig.repository.serves = down()
    rig.clock.at += limits.CACHE_FLOOR
    for _ in range(3):
        assert chain is await rig.cache.chain(URL)
    assert (2, 3) == (rig.fetches, rig.cache.counters.served_stale)
    rig.clock.at += limits.CACHE_RETRY
    assert chain is await rig.cache.chain(URL)
    assert 3 == rig.fetches


@pytest.mark.clause("cache-4.2.4-stale")
async def test_no_chain_bridges_an_outage_past_its_end(rig: Rig) -> None:
    """An expired certificate is not served in place of an answer."""
    rig.repository.serves = leaf(ISSUER, not_after=NOW + timedelta(hours=1)).pem
    await rig.cache.chain(URL)
    rig.repository.serves = down()
    rig.clock.at += timedelta(hours=1)
    with pytest.raises(FetchError):
        await rig.cache.chain(URL)


async def test_a_slow_repository_costs_no_call_its_deadline(rig: Rig) -> None:
    """While an old chain is at hand a call waits a moment for the new one, which is taken when it comes."""
    chain = await rig.cache.chain(URL)
    rig.repository.serves = SECOND_KEY
    rig.repository.open.clear()
    rig.clock.at += limits.CACHE_FLOOR
    async with asyncio.timeout(1):
        assert chain is await rig.cache.chain(URL)
    assert 1 == rig.cache.counters.served_stale
    rig.repository.open.set()
    assert b"SHAKEN 2" in (await rig.cache.chain(URL)).leaf.der
    assert 2 == rig.fetches


@pytest.mark.clause("pki-p6-expired")
async def test_an_expired_chain_is_fetched_and_kept_a_moment(rig: Rig) -> None:
    """Expired certificates stay at their URLs for years; fetching one is normal, judging it is done elsewhere."""
    rig.repository.serves = leaf(ISSUER, not_after=NOW - SECOND).pem
    chain = await rig.cache.chain(URL)
    assert chain is await rig.cache.chain(URL)
    rig.clock.at += limits.CACHE_RETRY
    assert chain is await rig.cache.chain(URL)
    assert 2 == rig.fetches


@pytest.mark.clause("passport-5-notafter")
@pytest.mark.parametrize(
    ("leaf_hours", "issuer_hours", "expected"),
    [(5, 3, 3), (3, 5, 3), (5, -3, 5)],
    ids=["issuer", "leaf", "dead issuer"],
)
async def test_kept_until_the_first_of_the_chain_expires(
    leaf_hours: int, issuer_hours: int, expected: int, rig: Rig
) -> None:
    """Never beyond notAfter, of the leaf and of what is served with it; what had expired before does not count."""

    def until(hours: int) -> dict[str, datetime]:
        return {"not_after": NOW + timedelta(hours=hours)}

    issuer: Made = ca(root(), **until(issuer_hours))
    rig.repository.serves = leaf(issuer, **until(leaf_hours)).pem + issuer.pem
    await rig.cache.chain(URL)
    rig.clock.at += timedelta(hours=expected) - SECOND
    await rig.cache.chain(URL)
    assert 1 == rig.fetches
    rig.clock.at += SECOND
    await rig.cache.chain(URL)
    assert 2 == rig.fetches


@pytest.mark.clause("pki-p5-replaced")
async def test_refetch_brings_the_new_key(rig: Rig) -> None:
    """A signature fails under a cached certificate: fetch once more, past all caches in between."""
    stale = await rig.cache.chain(URL)
    rig.repository.serves = SECOND_KEY
    rig.clock.at += limits.CACHE_RETRY
    fresh = await rig.cache.refetch(URL, stale)
    assert b"SHAKEN 2" in fresh.leaf.der
    assert "no-cache" == rig.repository.asked[1][1]["Cache-Control"]
    assert fresh is await rig.cache.refetch(URL, stale)
    assert fresh is await rig.cache.chain(URL)
    assert (2, 1) == (rig.fetches, rig.cache.counters.refetches)


async def test_forged_tokens_cannot_make_us_hammer_a_repository(rig: Rig) -> None:
    """However many signatures fail, a URL is fetched at most once in 30 seconds, also when it fails."""
    stale = await rig.cache.chain(URL)
    for _ in range(3):
        assert stale is await rig.cache.refetch(URL, stale)
    assert 1 == rig.fetches
    rig.clock.at += limits.CACHE_RETRY
    assert {id(stale)} == {
        id(each) for each in await asyncio.gather(*(rig.cache.refetch(URL, stale) for _ in range(9)))
    }
    assert 2 == rig.fetches
    rig.clock.at += limits.CACHE_RETRY
    rig.repository.serves = down()
    for _ in range(3):
        assert stale is await rig.cache.refetch(URL, stale)
    assert 3 == rig.fetches
    assert stale is await rig.cache.chain(URL)


async def test_refetch_of_what_is_no_longer_kept(rig: Rig) -> None:
    """A chain that went out of the cache in the meantime is fetched again."""
    stale = await rig.cache.chain(URL)
    cache = rig.make()
    assert b"SHAKEN 1" in (await cache.refetch(URL, stale)).leaf.der
    assert 2 == rig.fetches


async def test_the_least_recently_used_goes_first(rig: Rig) -> None:
    """The cache is bounded in entries, failures apart: failing URLs push no good chain out."""
    cache = rig.make(entries=2)
    await cache.chain(URL)
    await cache.chain(OTHER)
    await cache.chain(URL)
    await cache.chain("https://cr.example/c.pem")
    rig.repository.serves = down()
    for number in range(5):
        with pytest.raises(FetchError):
            await cache.chain(f"https://bad.example/{number}")
    assert 2 == len(cache._failures)
    await cache.chain(URL)
    with pytest.raises(FetchError):
        await cache.chain(OTHER)


async def test_bounded_in_bytes(rig: Rig) -> None:
    """The cache is bounded in bytes, and counts them right also when a chain is replaced."""
    cache = rig.make(max_bytes=2 * len(FIRST))
    for _ in range(3):
        await cache.chain(URL)
        await cache.chain(OTHER)
        rig.clock.at += limits.CACHE_FLOOR
    assert 2 * len(FIRST) == cache._bytes
    await cache.chain("https://cr.example/c.pem")
    assert [OTHER, "https://cr.example/c.pem"] == list(cache._entries)


async def test_close_ends_what_is_under_way(rig: Rig) -> None:
    """At shutdown no fetch goes on, and who waits for one is told."""
    rig.repository.open.clear()
    caller = asyncio.create_task(rig.cache.chain(URL))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await rig.cache.close()
    with pytest.raises(FetchError):
        await caller
    assert 1 == rig.repository.cancelled
    assert {} == rig.cache._flights


async def test_a_defect_of_ours_is_not_taken_for_theirs(rig: Rig) -> None:
    """Only the errors of a fetch or a parse are remembered; any other is a defect and comes through."""
    rig.repository.serves = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await rig.cache.chain(URL)
    rig.repository.serves = FIRST
    await rig.cache.chain(URL)


URLS = st.sampled_from([URL, OTHER])


class CacheMachine(RuleBasedStateMachine):
    """
    The cache against a model in three lines per URL.

    Known is what was last fetched and when; the answer may be no older than the rules say, an error only where
    nothing valid is known, and fetches of one URL are never closer than 30 seconds, unless it was not kept.
    """

    @initialize()
    def start(self) -> None:
        """Begin with nothing known and everything served."""
        self.rig = Rig()
        self.runner = asyncio.Runner()
        self.served: dict[str, bytes | None] = {URL: FIRST, OTHER: FIRST}
        self.known: dict[str, tuple[bytes, datetime]] = {}
        self.tried: dict[str, datetime] = {}
        self.chains: dict[str, object] = {}

    def teardown(self) -> None:
        """Close the loop."""
        if hasattr(self, "runner"):
            self.runner.close()

    @rule(url=URLS, served=st.sampled_from([FIRST, SECOND_KEY, GARBAGE, None]))
    def serve(self, url: str, served: bytes | None) -> None:
        """The repository changes, breaks or recovers."""
        self.served[url] = served

    @rule(seconds=st.sampled_from([1, 29, 30, 3_600, 86_370, 86_400]))
    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.rig.clock.at += timedelta(seconds=seconds)

    @rule(url=URLS)
    def ask(self, url: str) -> None:
        """A call needs the chain."""
        now = self.rig.clock.at
        known = self.known.get(url)
        fresh = known is not None and now < known[1] + limits.CACHE_FLOOR
        self._try(url, due=not fresh and not self._failed_lately(url))
        known = self.known.get(url)
        try:
            chain = self._run(self.rig.cache.chain(url), url)
        except (FetchError, CertificateFormatError):
            assert known is None
            return
        assert known is not None
        assert (b"SHAKEN 1" in chain.leaf.der) == (known[0] == FIRST)

    @rule(url=URLS)
    def ask_again(self, url: str) -> None:
        """A signature failed under the chain."""
        stale = self.chains.get(url)
        if stale is None:
            return
        known = self.known[url]
        due = self.rig.clock.at >= known[1] + limits.CACHE_RETRY and not self._failed_lately(url)
        self._try(url, due=due)
        chain = self._run(self.rig.cache.refetch(url, stale), url)
        assert (b"SHAKEN 1" in chain.leaf.der) == (self.known[url][0] == FIRST)

    @invariant()
    def never_twice_for_nothing(self) -> None:
        """The repository was asked exactly as often as the model says."""
        if hasattr(self, "rig"):
            assert self.fetches == self.rig.fetches

    fetches = 0

    def _failed_lately(self, url: str) -> bool:
        return url in self.tried and self.rig.clock.at < self.tried[url] + limits.CACHE_RETRY

    def _try(self, url: str, *, due: bool) -> None:
        """Let the model fetch, if a fetch is due."""
        if not due:
            return
        self.fetches += 1
        served = self.served[url]
        if served in {FIRST, SECOND_KEY}:
            assert served is not None
            self.known[url] = (served, self.rig.clock.at)
            self.tried.pop(url, None)
        else:
            self.tried[url] = self.rig.clock.at

    def _run(self, coroutine, url: str):
        """Let the cache answer; equal bytes must come as the same object."""
        served = self.served[url]
        self.rig.repository.serves = served if served is not None else down()
        before = self.chains.get(url)
        chain = self.runner.run(coroutine)
        assert before is None or (chain == before) == (chain is before)
        self.chains[url] = chain
        return chain


CacheMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestCacheMachine = CacheMachine.TestCase
