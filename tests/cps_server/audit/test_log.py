"""The audit log of a running CPS: complete, never in the way, and honest about what it lost."""

import asyncio
import errno
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

import pytest
from structlog.testing import capture_logs

from cps_server import limits
from cps_server.audit import AuditError, AuditLog, Kind, open_secret, verify
from cps_server.audit.file import AuditFile
from cps_server.partners import Mode, Partners, Rules
from stir.testing import ManualClock, World
from stir.tn import Party
from stir.token import Target
from tests.cps_server.conftest import DEST, ORIG, Cps, run_cps
from tests.support.eventually import eventually

TARGET = Target(Party.tn(DEST), Party.tn(ORIG))


def opened(path: Path, clock: ManualClock | None = None) -> AuditLog:
    """Return the log in *path*."""
    return AuditLog.open(path, None, rotate_bytes=10**9, clock=clock or ManualClock())


def records(path: Path, kind: str = "request") -> list[dict[str, object]]:
    """Return the genuine records of a *kind* in the file."""
    secret = open_secret(path.with_suffix(".key"))
    lines = [dict(secret.open(line).fields) for line in path.read_bytes().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def text(path: Path) -> str:
    """Return what the file holds."""
    return path.read_text()


def kinds(path: Path) -> list[Kind]:
    """Return what is noticed about the file."""
    (report,) = verify([path], open_secret(path.with_suffix(".key")))
    return [finding.kind for finding in report.findings]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the log is."""
    return tmp_path / "audit.jsonl"


@pytest.fixture
async def audited(path: Path) -> AsyncIterator[Cps]:
    """Return a CPS of the second generation with an audit log, which is closed with it."""
    world = World()
    async for running in run_cps(world=world, audit=opened(path, world.clock)):
        running.generation = 2
        yield running


async def closed(cps: Cps, path: Path) -> list[dict[str, object]]:
    """Stop the CPS and return what it recorded."""
    await cps.client.close()
    assert [] == kinds(path)
    return records(path)


async def test_publishes_and_retrieves_are_recorded(audited: Cps, path: Path) -> None:
    """Who, what, by which certificate, about whose call, with which outcome, from where, under which request id."""
    published = await audited.publish()
    retrieved = await audited.retrieve()
    first, second = await closed(audited, path)
    assert {
        "action": "publish",
        "generation": 2,
        "spc": "709J",
        "target_spc": "709J",
        "result": "done",
        "reason": None,
        "passports": 1,
        "request_id": published.headers["X-Request-ID"],
        "peer": "127.0.0.1",
    } == {name: first[name] for name in first if name in _ABOUT}
    assert ("retrieve", "456B", "709J", 1) == tuple(
        second[name] for name in ("action", "spc", "target_spc", "passports")
    )
    assert retrieved.headers["X-Request-ID"] == second["request_id"]
    assert first["certificate"] != second["certificate"]
    assert [first[name] for name in ("orig", "dest", "pair")] == [second[name] for name in ("orig", "dest", "pair")]
    assert 3 == len({first[name] for name in ("orig", "dest", "pair")})


_ABOUT = {"action", "generation", "spc", "target_spc", "result", "reason", "passports", "request_id", "peer"}


async def test_no_number_and_no_token_stands_in_it(audited: Cps, path: Path) -> None:
    """The file holds neither telephone numbers nor tokens nor PASSporTs."""
    await audited.publish()
    await audited.client.close()
    content = text(path)
    assert not any(secret in content for secret in (ORIG, DEST, "eyJ"))


async def test_refusals_are_recorded(path: Path) -> None:
    """Denials have their reason; misses, replays and PASSporTs that failed are recorded with how they ended."""
    world, partners = World(), Partners()
    async for cps in run_cps(world=world, audit=opened(path, world.clock), partners=partners):
        token = cps.token("retrieve")
        await cps.retrieve(token=token)
        await cps.retrieve(token=token)
        await cps.publish([cps.passport(iat=1)])
        partners.rules = Rules(Mode.CLOSED)
        await cps.retrieve()
        await cps.retrieve(token="forged")  # nobody knows by whom
        found = await closed(cps, path)
    assert [
        ("retrieve", "done", None, 0),
        ("retrieve", "replayed-token", None, 0),
        ("publish", "passport-refused", None, 0),
        ("retrieve", "forbidden", "unlisted", 0),
    ] == [tuple(one[name] for name in ("action", "result", "reason", "passports")) for one in found]


async def test_recording_does_not_wait_for_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are taken at once, up to a bound; what came while it was reached is counted, and told as a gap."""
    monkeypatch.setattr(limits, "AUDIT_QUEUE", 100)
    monkeypatch.setattr(limits, "AUDIT_FLUSH_SECONDS", 0.01)
    log = opened(path)
    log.start()
    started = perf_counter()
    for number in range(1_000):
        log.record(TARGET, {"n": number})
    assert perf_counter() - started < 1
    assert 900 == log.lost
    await eventually(lambda: records(path, "gap"))
    log.record(TARGET, {"n": 1_000})
    await log.close()
    assert [900] == [gap["lost"] for gap in records(path, "gap")]
    assert [*range(100), 1_000] == [record["n"] for record in records(path)]
    assert [Kind.GAP] == kinds(path)


async def test_a_disk_that_fails_loses_records_and_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a full disk did not take is counted, logged once, and told as a gap as soon as there is room."""
    monkeypatch.setattr(limits, "AUDIT_FLUSH_SECONDS", 0.01)
    append, log = AuditFile.append, opened(path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log.start()
    with capture_logs() as logs:
        monkeypatch.setattr(AuditFile, "append", full)
        for number in range(1, 4):
            log.record(TARGET, {"n": number})
            await eventually(lambda number=number: log.lost == number)
        monkeypatch.setattr(AuditFile, "append", append)
        log.record(TARGET, {"n": 4})
        await eventually(lambda: records(path))
        await log.close()
    assert [("audit_failed", None), ("audit_recovered", 3)] == [(one["event"], one.get("lost")) for one in logs]
    assert ([3], [4]) == ([gap["lost"] for gap in records(path, "gap")], [one["n"] for one in records(path)])


async def test_a_failing_log_fails_no_call(audited: Cps, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPS whose audit log cannot be written goes on serving."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(limits, "AUDIT_FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(AuditFile, "append", full)
    for _ in range(3):
        assert 201 == (await audited.publish()).status
        await asyncio.sleep(0.01)


async def test_nothing_is_lost_by_stopping(path: Path) -> None:
    """What was recorded before the stop is in the file, each record once, and a line says that this was all."""
    for _ in range(5):
        log = opened(path)
        log.start()
        for number in range(200):
            log.record(TARGET, {"n": number})
            if number % 50 == 0:
                await asyncio.sleep(0.003)
        await log.close()
        log.record(TARGET, {"n": -1})
    assert list(range(200)) * 5 == [record["n"] for record in records(path)]
    assert 5 == len(records(path, "stop"))
    assert [] == kinds(path)


async def test_stopping_in_the_middle_of_a_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that is being written when the CPS stops is finished first, and written once."""
    monkeypatch.setattr(limits, "AUDIT_FLUSH_SECONDS", 0.0)
    log = opened(path)
    log.start()
    for number in range(20_000):
        log.record(TARGET, {"n": number})
    await asyncio.sleep(0.02)
    log.record(TARGET, {"n": 20_000})
    await log.close()
    assert list(range(20_001)) == [record["n"] for record in records(path)]


async def test_without_a_file_nothing_is_recorded() -> None:
    """Without CPS_AUDIT__FILE there is no log, and nothing to close."""
    log = AuditLog.open(None, None, rotate_bytes=1, clock=ManualClock())
    log.start()
    log.record(TARGET, {})
    await log.close()
    assert 0 == log.lost


@pytest.mark.parametrize("what", ["folder", "key"])
def test_what_cannot_be_opened_is_told_at_the_start(path: Path, what: str) -> None:
    """A log that cannot be written, and a key that others may read, stop the start."""
    path.with_suffix(".key").write_bytes(b"k" * 32)
    path.with_suffix(".key").chmod(0o644 if what == "key" else 0o600)
    if what == "folder":
        path.mkdir()
    with pytest.raises(AuditError, match="0600" if what == "key" else "cannot be written: Is a directory"):
        opened(path)
