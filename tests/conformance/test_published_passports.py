"""PASSporTs that other people made and published, each with what is to be expected of it."""

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey

from stir import jws
from stir.decode import decode
from stir.errors import NotFullFormError, SignatureError
from tests.support.vectors import VECTORS, needs_vectors

pytestmark = needs_vectors

VALID_UNDER_A_LOST_KEY = "valid under a key that is not printed"


def tokens(*forms: str) -> list[Any]:
    """Return every published token under its name, once for each of *forms* in which it was published."""
    path = VECTORS / "passports.json"
    published = json.loads(path.read_text())["tokens"] if path.is_file() else []
    if not forms:
        return [pytest.param(token, id=token["id"]) for token in published]
    return [
        pytest.param(token, form, id=f"{token['id']}-{form}") for token in published for form in forms if token[form]
    ]


def verifies(token: str, jwk: dict[str, str]) -> bool:
    """Tell whether *token* is signed by the key of *jwk*."""
    try:
        parts = jws.split(token)
        jws.verify(ECKey.import_key(jwk).public_key, parts.signing_input, parts.signature)
    except (NotFullFormError, SignatureError):
        return False
    return True


@pytest.mark.parametrize("published", tokens())
def test_a_published_signature_is_good_or_bad_as_it_should_be(published: dict[str, Any]) -> None:
    """The signature verifies with the key that belongs to the token, or with none (RFC 8225, section 6)."""
    key, expected = published["key"], published["expect"]["signature"]
    if key is not None:
        assert (expected in {"valid", VALID_UNDER_A_LOST_KEY}) is verifies(published["token"], key["jwk"])
    elif expected == "invalid":
        some_key = ECKey.generate_key("P-256").as_dict(private=False)
        assert not verifies(published["token"], some_key)
    else:
        assert "unknown" == expected


@pytest.mark.clause("pki-t2-8225")
@pytest.mark.parametrize("published", tokens())
def test_keys_that_are_printed_beside_a_token_and_are_not_its_own_do_not_verify(published: dict[str, Any]) -> None:
    """The example of RFC 8225, appendix A verifies with neither of the keys printed there."""
    for jwk in published.get("printed_keys", {}).values():
        assert not verifies(published["token"], jwk)


@pytest.mark.clause("pki-t3-oddities")
@pytest.mark.parametrize(("published", "form"), tokens("token", "identity_header"))
def test_a_published_token_is_decoded_with_its_findings(published: dict[str, Any], form: str) -> None:
    """Everything odd about a token is found, and nothing else, alone and inside its header field."""
    expected = set(published["expect"]["findings"])
    if form == "token" and published["identity_header"] is not None:
        expected = {code for code in expected if not code.startswith(("INFO_", "PARAM_"))}
    decoded = decode(published[form])

    assert expected == {finding.code for finding in decoded.findings}
    assert published["expect"]["well_formed"] is decoded.well_formed
    assert published["is_passport"] is decoded.is_passport


@pytest.mark.parametrize("published", tokens())
def test_a_published_token_is_decoded_into_its_parts(published: dict[str, Any]) -> None:
    """Header and payload come out as published, also where the verifier would refuse them."""
    decoded = decode(published["token"])

    assert published["header"] == decoded.header
    assert published["payload"] == decoded.payload
