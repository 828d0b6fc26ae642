"""When work on a call has to end, as instants of the event loop's clock."""

import asyncio

from cps_client import limits


def deadline(budget: float) -> float:
    """Return when work ends, so that the answer is with whoever gave the *budget*, in seconds, inside it."""
    return asyncio.get_running_loop().time() + budget - min(limits.ANSWER_SECONDS, budget / 10)


def asking_ends(until: float) -> float:
    """Return how long CPSs are waited for, so that what one hands out at last is verified *until* then."""
    left = until - asyncio.get_running_loop().time()
    return until - min(limits.VERIFY_SECONDS, max(0.0, left) / 10)
