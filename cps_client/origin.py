"""Making the PASSporT of a call that has none."""

from datetime import datetime
from uuid import uuid4

from stir.identity import Identity
from stir.sign import Signer
from stir.tn import Party


def signed(signer: Signer, *, orig: str, dest: str, attest: str, origid: str | None, at: datetime) -> Identity:
    """
    Return the Identity header with a new ``shaken`` PASSporT.

    Args:
        signer: Whose signature it is.
        orig: The calling number.
        dest: The called number.
        attest: A, B or C.
        origid: UUID by which the source is found again; None: a new one.
        at: The instant of signing.

    Raises:
        NumberError: *orig* or *dest* is neither a number nor a URI.
        AttestationError: *attest* is none of the three.
    """
    parties = Party.parse(orig), [Party.parse(dest)]
    return signer.shaken(*parties, attest=attest, origid=origid or str(uuid4()), at=at)
