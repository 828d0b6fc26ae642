"""Which of the PASSporTs that a CPS handed out belong to a call, and so into its INVITE."""

from collections.abc import Iterable
from datetime import datetime

from stir import extensions
from stir.assess import bind
from stir.errors import ClaimError, StaleError
from stir.passport import Claims, Passport
from stir.policy import Freshness
from stir.verify import Call, Candidate


def relevant(passports: Iterable[Passport], call: Call, *, freshness: Freshness, at: datetime) -> tuple[Passport, ...]:
    """
    Return those that are fresh and about *call*, in order: by caller and called number, or by a chain of diversions.

    Of what type one is does not matter, nor whether its signature is good: whoever verifies at the edge decides about
    that (ATIS-1000096).

    Args:
        passports: Those whose claims can be read.
        call: The call in progress.
        freshness: How old one may be.
        at: Aware UTC instant at which it may be no older.
    """
    candidates = [_read(passport) for passport in passports]
    fresh = [candidate for candidate in candidates if _is_fresh(candidate.claims, freshness, at)]
    misfits = bind(fresh, Call(call.orig, call.dest))  # a priority that is too high is the verifier's matter, too
    return tuple(candidate.passport for candidate, misfit in zip(fresh, misfits, strict=True) if misfit is None)


def _read(passport: Passport) -> Candidate:
    try:
        extension = extensions.read(passport)
    except ClaimError:
        extension = None  # then it vouches for nothing, but may still go where it belongs
    return Candidate(passport, Claims.of(passport), extension)


def _is_fresh(claims: Claims, freshness: Freshness, at: datetime) -> bool:
    try:
        freshness.check(claims.iat, at)
    except StaleError:
        return False
    return True
