"""Every bound of the client, named once, with its unit and its reason."""

from typing import Final

ANSWER_BYTES: Final = 1024 * 1024
"""Largest answer of a CPS that is read, in bytes: 32 publishes of 10 PASSporTs of 1 kB come to a third of it."""

RETRIEVED: Final = 320
"""Most PASSporTs of one answer that are looked at: 32 publishes of 10."""

PUBLISHED: Final = 10
"""Most PASSporTs in one publish; a div chain with rcd and rph is rarely longer than 5."""

REQUEST_BYTES: Final = 65_536
"""Largest body of a publish, in bytes; a CPS takes no more."""

PROBLEM_BYTES: Final = 16_384
"""Longest body of a refusal that is read, in bytes; it is a sentence for people."""

PROBLEM_SECONDS: Final = 0.1
"""Longest wait for the body of a refusal: the status is the answer."""

PROBLEM_CHARACTERS: Final = 200
"""How much of a CPS's own explanation is passed on."""

NOT_FOUND_PAUSES: Final = (0.04, 0.1)
"""Seconds before a retrieve that found nothing asks again, each time: publish and mesh race with the signalling."""

ROUND_TRIP: Final = 0.03
"""Seconds below which it is not worth while to start another request."""

ANSWER_SECONDS: Final = 0.02
"""What is kept of a budget, in seconds, for the way of the answer to whoever gave the budget."""

VERIFY_SECONDS: Final = 0.02
"""What is kept of a retrieve's time, in seconds, for the verification, whose certificates are mostly there already."""

IN_FLIGHT: Final = 256
"""Most requests under way at one CPS; what goes beyond fails open at once. 500 calls a second at 0.5 s each fill it."""

CONNECTIONS: Final = 1_024
"""Most connections to all CPSs together: four of them may be full of requests that hang."""

BREAKER_FAILURES: Final = 5
"""Failures of a CPS in a row after which it is left alone, as long as there is another one."""

BREAKER_REST: Final = 5.0
"""Seconds after which one call finds out whether it is back: a restart takes about as long."""

FAIR_WAIT: Final = 0.1
"""Seconds after which silence counts against a CPS; what is given up sooner says nothing about it."""

KEEPALIVE_SECONDS: Final = 30.0
"""How long an idle connection is kept: below what servers and proxies keep theirs, so that they seldom race."""

SIGNALLED_DIGITS: Final = 40
"""Longest number as signalled, in characters: 15 digits behind an international prefix and those of carriers."""

SHORT_CODE_DIGITS: Final = 6
"""Longest number that is a short code if no plan says otherwise, in digits (116 000 and 118 xxx are such)."""

NUMBERS_FILE_BYTES: Final = 8 * 1024 * 1024
"""Largest file of subscribers' numbers, in bytes: half a million numbers; whole blocks go in as ranges."""

EMERGENCIES: Final = 64
"""Most publishes of emergency calls under way behind their answers; more calls than that go without."""
