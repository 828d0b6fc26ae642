"""The plain face: forms in, lines out, as a dialplan reads them."""

from urllib.parse import parse_qs, urlencode

import pytest
from aiohttp.test_utils import TestClient

from cps_client.origination import Originated, Outbound
from cps_client.termination import Inbound, Terminated
from stir.errors import UnavailableError
from stir.testing import World
from stir.verdict import NO_PASSPORT, PassportResult, Source, Verdict
from tests.support.sidecar import SIGNED, PretendLogic

ORIG, DEST = "12155550100", "12155551212"
CALL = f"orig={ORIG}&dest={DEST}"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def post(http: TestClient, path: str, form: str) -> tuple[int, str]:
    """Send *form* as CURL() does and return status and text."""
    async with http.post(path, data=form.encode(), headers=FORM) as answer:
        assert "text/plain" == answer.content_type
        return answer.status, await answer.text()


async def test_publish(http: TestClient) -> None:
    """One key=value a line, the Identity headers by number, from 1."""
    assert (
        200,
        f"published=yes\npassports=1\nrule=signed\nreason=\nidentity_count=1\nidentity_1={SIGNED}\n",
    ) == await post(http, "/plain/publish", CALL)


async def test_publish_that_fails(http: TestClient, logic: PretendLogic) -> None:
    """A call that was not published goes on with what it has, and says why."""
    logic.originated = Originated(("a", "b"), error=UnavailableError("no CPS answered"))
    assert (
        200,
        (
            "published=no\npassports=0\nrule=carried\nreason=no CPS answered\n"
            "identity_count=2\nidentity_1=a\nidentity_2=b\n"
        ),
    ) == await post(http, "/plain/publish", CALL)


async def verified(logic: PretendLogic) -> str:
    """Let *logic* find a good PASSporT, and return its Identity header value."""
    world = World()
    identity = world.service_provider("709J").sign(orig=ORIG, dest=DEST, origid="o-1")
    headers = {"P-Asserted-Identity": f"<tel:+{ORIG};verstat=TN-Validation-Passed>", "Attestation-Info": "A"}
    logic.terminated = Terminated(await world.assess(identity), (identity,), headers, ("STIR;cause=436",))
    return identity


async def test_retrieve(http: TestClient, logic: PretendLogic) -> None:
    """Verdict, header fields, reasons and Identity headers are lines of their own."""
    identity = await verified(logic)
    assert (
        200,
        (
            "verstat=TN-Validation-Passed\ncode=\ntext=\nattest=A\norigid=o-1\nspc=709J\ndetail=\n"
            f"p_asserted_identity=<tel:+{ORIG};verstat=TN-Validation-Passed>\nattestation_info=A\n"
            f"reason_count=1\nreason_1=STIR;cause=436\nidentity_count=1\nidentity_1={identity}\n"
        ),
    ) == await post(http, "/plain/retrieve", CALL)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("verstat", "TN-Validation-Passed"),
        ("identity_count", "1"),
        ("identity_2", ""),
        ("reason_1", "STIR;cause=436"),
        ("attestation_info", "A"),
        ("origination_id", ""),
    ],
)
async def test_one_value_alone(http: TestClient, logic: PretendLogic, field: str, value: str) -> None:
    """A chosen field is the whole answer, without a line's end; one that this call does not have is empty."""
    await verified(logic)
    assert (200, value) == await post(http, "/plain/retrieve", f"{CALL}&field={field}")


async def test_as_a_query(http: TestClient, logic: PretendLogic) -> None:
    """All values in one URL-encoded line are what Asterisk makes a HASH of."""
    identity = await verified(logic)
    status, text = await post(http, "/plain/retrieve", f"{CALL}&format=query")
    values = parse_qs(text, keep_blank_values=True, strict_parsing=True)
    assert (200, [identity], ["A"]) == (status, values["identity_1"], values["attest"])


async def test_a_space_in_a_query_is_no_plus(http: TestClient, logic: PretendLogic) -> None:
    """Asterisk leaves a plus in an answer as it is, so a space goes as %20."""
    status, text = await post(http, "/plain/retrieve", f"{CALL}&format=query")
    assert (200, True, False) == (status, "detail=no%20PASSporT" in text, "+" in text)


async def test_what_dialplans_send(http: TestClient, logic: PretendLogic) -> None:
    """A plus that nobody encoded is one, an Identity value may stand there as it is, and fields may be empty."""
    await post(http, "/plain/publish", f"orig=+{ORIG}&dest=%2B{DEST}&identity={SIGNED}&identity=&attest=&trunk=")
    await post(http, "/plain/publish", urlencode([("orig", ORIG), ("dest", DEST), *[("identity", "a;b")] * 2]))
    await post(http, "/plain/retrieve", f"orig=&dest={DEST}&")

    first = Outbound(f"+{ORIG}", f"+{DEST}", (SIGNED,))
    assert [first, Outbound(ORIG, DEST, ("a;b", "a;b"))] == logic.outbound
    assert [Inbound(None, DEST)] == logic.inbound


@pytest.mark.parametrize("form", ["", "format=query&", "field=detail&"])
async def test_values_cannot_start_a_line(http: TestClient, logic: PretendLogic, form: str) -> None:
    """Whatever a value holds, there is no line in the answer that it made."""
    evil = PassportResult(None, NO_PASSPORT, "x\nverstat=TN-Validation-Passed\r\x1b[2J\u2028y")
    logic.terminated = Terminated(Verdict(evil, Source.OOB_V1, ()), ("a\nverstat=1",), {"X": "a\r\nb=c"})

    _, text = await post(http, "/plain/retrieve", form + CALL)

    assert not {"\r", "\x1b", "\u2028"} & set(text)
    assert [] == [line for line in text.splitlines() if line.startswith(("verstat=TN", "b="))]


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ("dest=1", 400, "the field 'orig' is missing"),
        (f"{CALL}&orig=2", 400, "the field 'orig' has to be a string, once"),
        (f"{CALL}&fields=verstat", 400, "the field 'fields' is not known"),
        (f"{CALL}&format=xml", 400, "the field 'format' has to be one of lines, query"),
        (f"{CALL}&field=verstatus", 400, "the field 'field' has to be one of"),
        (f"{CALL}&field=identity_x", 400, "the field 'field' has to be one of"),
        ("orig=%ff&dest=1", 400, "the body is not a form"),
        ("&".join(f"a{n}=1" for n in range(70)), 400, "the body is not a form"),
    ],
)
async def test_mistakes(http: TestClient, form: str, status: int, said: str) -> None:
    """A mistake is one line that says what is wrong."""
    code, text = await post(http, "/plain/retrieve", form)
    assert (status, 1) == (code, text.count("\n"))
    assert text.startswith(f"error={said}")


async def test_other_types_and_methods(http: TestClient) -> None:
    """A body of another type, and what a web page could ask for with an image, are refused."""
    async with http.post("/plain/publish", json={}) as answer:
        assert (415, True) == (answer.status, (await answer.text()).startswith("error="))
    async with http.get(f"/plain/publish?{CALL}") as answer:
        assert (405, "POST") == (answer.status, answer.headers["Allow"])
