"""What surrounds every request: a defect of ours, a deadline, and the log line."""

import asyncio

import pytest
from structlog.testing import capture_logs

from cps_server import limits
from cps_server.store.sealed import SealedStore
from stir.errors import StirError, StoreError
from tests.cps_server.conftest import DEST, ORIG, Cps


def failing(error: BaseException):
    """Return a store method that raises *error*."""

    async def fail(*_, **__) -> None:
        raise error

    return fail


async def test_a_defect_is_500_without_our_insides(cps: Cps, monkeypatch) -> None:
    """A programming error is answered 500, with nothing of it in the answer and its type in the log."""
    monkeypatch.setattr(SealedStore, "retrieve", failing(KeyError("secret inside")))
    with capture_logs() as logs:
        response = await cps.retrieve()
    assert 500 == response.status
    assert "secret inside" not in await response.text()
    assert "request_failed" in [log["event"] for log in logs]


async def test_an_error_without_a_status_is_500(cps: Cps, monkeypatch) -> None:
    """An error of the tree that no status is meant for is a defect of ours."""
    monkeypatch.setattr(SealedStore, "retrieve", failing(StirError("what?")))
    assert 500 == (await cps.retrieve()).status


@pytest.mark.clause("cps-7-503")
@pytest.mark.parametrize("action", ["publish", "retrieve"])
async def test_a_store_that_fails_is_503(cps: Cps, monkeypatch, action: str) -> None:
    """A store that does not answer is 503 with Retry-After, and nothing about the store."""
    monkeypatch.setattr(SealedStore, action, failing(StoreError("disk of cps-7 is full")))
    response = await getattr(cps, action)()
    assert (503, "1") == (response.status, response.headers["Retry-After"])
    assert "cps-7" not in await response.text()


async def test_a_request_that_takes_too_long_is_503(cps: Cps, monkeypatch) -> None:
    """No request is kept longer than its deadline."""

    async def hang(*_, **__) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.1)
    monkeypatch.setattr(SealedStore, "retrieve", hang)
    assert 503 == (await cps.retrieve()).status


@pytest.mark.clause("cps-9-memory")
async def test_one_line_a_request_and_no_number_in_it(cps: Cps) -> None:
    """The log has one line for every request: method, route, status, time, what was done or why it was refused."""
    with capture_logs() as logs:
        await cps.publish()
        await cps.retrieve(path=cps.path(orig="1"))
    lines = [log for log in logs if log["event"] == "request_completed"]
    assert lines == logs
    assert [("POST", 201), ("GET", 403)] == [(line["method"], line["status"]) for line in lines]
    assert {"spc": "709J", "passports": 1, "generation": cps.generation}.items() <= lines[0].items()
    assert "forbidden" == lines[1]["error"]
    assert not any(secret in str(logs) for secret in (ORIG, DEST, "eyJ"))
