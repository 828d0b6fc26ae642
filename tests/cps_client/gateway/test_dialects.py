"""What the dialects make of results that no PASSporT of today's settings has."""

from cps_client.gateway.dialects import ms_verification
from stir.verdict import PASSED, PassportResult, Source, Verdict


def test_claims_that_stand_in_no_token() -> None:
    """A compact form, which was restored to be verified, has passed; its claims are those of the call, and not told."""
    for token in (None, "..signature"):
        result = PassportResult(None, PASSED, token=token)
        response = ms_verification(Verdict(result, Source.IN_BAND, (result,)), request_id=None, display_name=None)
        ((told,),) = [one.values() for one in response["verificationResponse"]["verifyResults"]]
        assert {"status": "pass"} | ({"passport": token} if token else {}) == told
