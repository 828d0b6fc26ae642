"""Publish and retrieve over HTTP, in both generations: what works."""

from datetime import timedelta

import pytest

from stir.testing import ABSENT
from tests.cps_server.conftest import DEST, ORIG, Cps


@pytest.mark.clause("cps-0-both", "cps-3-request", "cps-3-201")
async def test_publish_is_created(cps: Cps) -> None:
    """A publish is answered 201 with the body of ATIS-1000096."""
    response = await cps.publish()
    assert 201 == response.status
    assert {"status": 201, "message": "Created"} == await response.json()


@pytest.mark.clause("cps-4-request", "cps-4-passports", "cps-4-tokens")
async def test_what_was_published_is_retrieved_with_its_token(cps: Cps) -> None:
    """A retrieve by another provider hands out the PASSporTs and the publish token (ATIS-1000096, section 7)."""
    passport = cps.passport()
    token = cps.token("publish", passports=[passport])
    await cps.publish([passport], token=token)

    response = await cps.retrieve()

    assert 200 == response.status
    assert {"tokens": [token], "passports": [passport]} == await response.json()
    assert "no-store" == response.headers["Cache-Control"]
    assert "application/json" == response.content_type


@pytest.mark.clause("cps-4-keeps")
async def test_reading_does_not_consume(cps: Cps) -> None:
    """A PASSporT can be retrieved again and again while it lives."""
    await cps.publish()
    assert [200, 200, 200] == [(await cps.retrieve()).status for _ in range(3)]


@pytest.mark.clause("cps-4-order", "oob-7-order")
async def test_passports_of_one_publish_keep_their_order(cps: Cps) -> None:
    """The PASSporTs of one publish are handed out in the order in which they came."""
    passports = [cps.passport(attest=attest) for attest in "CAB"]
    await cps.publish(passports)
    assert passports == await cps.found()


@pytest.mark.clause("cps-3-append", "oob-4.1-concurrent")
async def test_publishes_add_up_newest_first(cps: Cps) -> None:
    """Two calls between the same numbers may be in flight: both PASSporTs are there, the newer first."""
    older, newer = cps.passport(), cps.passport()
    await cps.publish([older])
    await cps.publish([newer])
    assert [newer, older] == await cps.found()


@pytest.mark.clause("cps-3-append")
async def test_identical_passports_count_once(cps: Cps) -> None:
    """A PASSporT that is published twice, alone and beside another, is handed out once."""
    first, second = cps.passport(), cps.passport()
    await cps.publish([first])
    await cps.publish([first])
    await cps.publish([first, second])
    assert [first, second] == await cps.found()


@pytest.mark.clause("cps-4-404", "cps-7-404")
async def test_nothing_stored_is_404(cps: Cps) -> None:
    """A retrieve that finds nothing is answered 404."""
    response = await cps.retrieve()
    assert 404 == response.status
    assert "application/problem+json" == response.content_type


@pytest.mark.clause("cps-1-parties", "cps-9-keys")
async def test_other_call_finds_nothing(cps: Cps) -> None:
    """The key is the called and the calling number, in this order."""
    await cps.publish()
    swapped = await cps.retrieve(orig=DEST, dest=ORIG, path=cps.path(orig=DEST, dest=ORIG))
    assert 404 == swapped.status


@pytest.mark.clause("cps-1-canonical", "cps-1-plus", "cps-13-plus")
async def test_a_plus_in_the_path_is_the_same_number(cps: Cps) -> None:
    """A leading + of a number in the path is left out, encoded or not."""
    await cps.publish(path=cps.path(dest=f"%2B{DEST}", orig=f"+{ORIG}"))
    assert 1 == len(await cps.found())


@pytest.mark.clause("cps-1-uri")
async def test_a_uri_is_a_key_too(cps: Cps) -> None:
    """A call to a URI is published and found under the percent-encoded URI (``urn:service:sos``)."""
    urn = "urn:service:sos"
    passports = [cps.passport(dest=urn)]
    path = cps.path(dest="urn%3Aservice%3Asos")
    published = await cps.publish(passports, path=path, dest=urn)
    retrieved = await cps.retrieve(path=path, dest=urn)
    assert (201, 200) == (published.status, retrieved.status)


@pytest.mark.clause("cps-0-both", "cps-9-apart")
async def test_the_key_spaces_are_apart(cps: Cps) -> None:
    """What is published under an SPC is not found by the two-part path, nor the reverse."""
    await cps.publish()
    cps.generation = 2 if cps.generation == 1 else 1
    assert 404 == (await cps.retrieve()).status


@pytest.mark.clause("cps-1-spc")
async def test_the_spc_is_compared_without_case(cps: Cps) -> None:
    """709J and 709j are the same provider."""
    cps.generation = 2
    await cps.publish(path=cps.path(spc="709j"))
    response = await cps.retrieve(spc="709j", path=cps.path(spc="709J"))
    assert 200 == response.status


@pytest.mark.clause("cps-9-15")
async def test_first_generation_lives_for_the_retention(cps: Cps) -> None:
    """Without exp a PASSporT is there for the retention, to the second, and not at its end."""
    claims = {"exp": ABSENT}
    await cps.publish(claims=claims)
    cps.world.clock.advance(timedelta(seconds=14.999))
    assert 200 == (await cps.retrieve()).status
    cps.world.clock.advance(timedelta(seconds=0.001))
    assert 404 == (await cps.retrieve()).status


@pytest.mark.clause("cps-9-exp")
async def test_second_generation_lives_until_exp(cps: Cps) -> None:
    """The publisher's exp is the time of deletion in the second generation."""
    cps.generation = 2
    await cps.publish(exp=cps.world.clock.timestamp() + 3)
    cps.world.clock.advance(timedelta(seconds=2.999))
    assert 200 == (await cps.retrieve()).status
    cps.world.clock.advance(timedelta(seconds=0.001))
    assert 404 == (await cps.retrieve()).status


async def test_a_token_from_the_future_does_not_prolong_life(cps: Cps) -> None:
    """A clock that runs ahead buys no more than 60 seconds here."""
    cps.generation = 2
    ahead = cps.world.clock.timestamp() + 50
    assert 201 == (await cps.publish(iat=ahead, exp=ahead + 60)).status
    cps.world.clock.advance(timedelta(seconds=60))
    assert 404 == (await cps.retrieve()).status


@pytest.mark.clause("cps-14-5", "oob-5.4-dest", "oob-5.4-some")
async def test_div_chain_may_hold_other_destinations(cps: Cps) -> None:
    """One PASSporT for the path's number is enough; a div chain holds others (RFC 8946)."""
    before = cps.passport(dest="12155559999")
    diverted = cps.passport(
        header={"ppt": "div"}, claims={"div": {"tn": "12155559999"}, "attest": ABSENT, "origid": ABSENT}
    )
    assert 201 == (await cps.publish([before, diverted])).status


@pytest.mark.clause("passport-4.5-pass", "oob-7-relevant")
async def test_unknown_type_is_carried(cps: Cps) -> None:
    """A PASSporT of a type that we do not judge is checked for what all types have, and carried."""
    other = cps.passport(header={"ppt": "new"})
    assert 201 == (await cps.publish([cps.passport(), other])).status
    assert 2 == len(await cps.found())


async def test_every_answer_names_its_request(cps: Cps) -> None:
    """Answers carry a request id, by which the log can be searched, and not what software this is."""
    responses = [await cps.publish(), await cps.retrieve(), await cps.client.get("/nowhere")]
    identifiers = {response.headers["X-Request-ID"] for response in responses}
    assert 3 == len(identifiers)
    assert {"oob-shaken"} == {response.headers["Server"] for response in responses}
