"""Every bound of the core, named once, with its unit and its reason."""

from datetime import timedelta
from typing import Final

JSON_DEPTH: Final = 16
"""Deepest nesting of objects and arrays accepted; jCards inside rcd need 8."""

JSON_DIGITS: Final = 64
"""Longest whole number accepted in JSON, in digits; reading digits takes quadratic time."""

NUMBER_DIGITS: Final = 15
"""Longest telephone number, in digits (E.164; RFC 8226 has the same bound)."""

NAME_CHARACTERS: Final = 128
"""Longest text beyond ASCII in a distinguished name that is folded; putting accents in order takes quadratic time."""

DESTINATIONS: Final = 100
"""Most numbers, and most URIs, in one dest claim; real ones have one, and each takes microseconds to read."""

URI_CHARACTERS: Final = 255
"""Longest URI accepted in place of a number, in characters; also a CPS path segment's bound."""

URL_CHARACTERS: Final = 2_048
"""Longest x5u or info URL accepted, in characters; real ones are under 200."""

PASSPORT_BYTES: Final = 16_384
"""Longest PASSporT accepted, in bytes; rcd with a data URL stays under this."""

PARAMETER_CHARACTERS: Final = 64
"""Longest alg, typ and ppt of a PASSporT, in characters; registered ones have under 16."""

IDENTITY_BYTES: Final = PASSPORT_BYTES + URL_CHARACTERS + 256
"""Longest Identity header field value accepted, in bytes: a PASSporT and its parameters."""

IDENTITIES: Final = 10
"""Most Identity headers of one call that are looked at; a div chain is rarely longer than 4."""

TOKEN_BYTES: Final = 8_192
"""Longest CPS request token accepted, in bytes; real ones are under 1 kB."""

TOKEN_LIFETIME: Final = timedelta(seconds=60)
"""Furthest exp may lie behind iat in a second-generation publish (ATIS-1000105)."""

FRESHNESS: Final = timedelta(seconds=60)
"""How far iat may lie from now, either way (RFC 8224, section 6.2)."""

CHAIN_BYTES: Final = 65_536
"""Largest certificate chain file accepted, in bytes; real ones are 2 to 6 kB."""

CHAIN_CERTIFICATES: Final = 6
"""Most certificates in one chain file; real ones hold 2 or 3."""

ANCHORS_BYTES: Final = 4 * 1024 * 1024
"""Largest file of trusted roots or signed CA list, in bytes; the national list has 19 roots."""

CRL_BYTES: Final = 4 * 1024 * 1024
"""Largest revocation list accepted, in bytes: some 60,000 entries."""

PATH_CERTIFICATES: Final = 6
"""Longest certification path, leaf and root included."""

PATH_SIGNATURES: Final = 64
"""Most signature checks spent on one chain, so that same-named CAs cannot make a path search explode."""

TNAUTHLIST_ENTRIES: Final = 1_000
"""Most entries of a TNAuthList that are read; production certificates have one."""

URLS_KNOWN: Final = 4_096
"""Most certificate URLs that a policy remembers to be fine; more than there are signers."""

FETCH_SECONDS: Final = 2.0
"""Longest time for one fetch, from name resolution to the last byte (2 % of real repositories need over 3)."""

FETCHES: Final = 64
"""Most fetches under way at once, all hosts together; more wait inside their own time."""

FETCHES_PER_HOST: Final = 4
"""Most fetches under way at once from one host, so that a slow one cannot take all places."""

LOOKUP_THREADS: Final = 16
"""Threads for name resolution, which cannot be interrupted; a dead name server holds one for some 10 s."""

FETCH_HEADERS: Final = 64
"""Most header fields of a fetched response; real ones have under 20."""

FETCH_HEADER_BYTES: Final = 4_096
"""Longest header field or status line of a fetched response, in bytes."""

CACHE_FLOOR: Final = timedelta(hours=24)
"""Shortest time for which a fetched certificate is kept (ATIS-1000074)."""

CACHE_CEILING: Final = timedelta(days=30)
"""Longest time for which a fetched certificate is not asked for again, whatever its server says."""

CACHE_ENTRIES: Final = 4_096
"""Most certificate URLs remembered; some 2,000 are in use in a month."""

CACHE_BYTES: Final = 64 * 1024 * 1024
"""Most bytes of certificate chains remembered, as fetched; parsed ones take about three times as much."""

CACHE_RETRY: Final = timedelta(seconds=30)
"""How long a failed fetch is not repeated, and a certificate that was just fetched not fetched again."""

FETCH_ADDRESSES: Final = 4
"""Most addresses of one name to which a connection is tried; all of them are checked."""

FETCH_SOCKET_BYTES: Final = 131_072
"""Receive buffer of a fetch, in bytes (Linux takes it twice): what an endless body can push at us unread."""

LIST_FETCH_SECONDS: Final = 30.0
"""Longest time for one fetch of a CRL or CA list: megabytes, and no call waits for it."""

LIST_SKEW: Final = timedelta(minutes=5)
"""How far in the future a CRL may have been issued, for the skew of two clocks."""

LIST_REFRESH: Final = timedelta(hours=12)
"""Longest time between two looks at the CRL or the CA list, both of which are issued daily."""

LIST_RETRY_FIRST: Final = timedelta(seconds=5)
"""Wait after the first failed refresh of a list; it doubles with each failure that follows."""

LIST_RETRY_LAST: Final = timedelta(minutes=10)
"""Longest wait between two tries."""

LIST_PAUSE: Final = timedelta(minutes=1)
"""Shortest wait after a list was read, even if its successor is due at once."""

LIST_TICK: Final = timedelta(minutes=1)
"""Longest sleep before the clock is looked at again, so that a suspended machine catches up soon."""

LIST_GRACE: Final = timedelta(days=7)
"""How long the last good CA list is used after its exp, while no newer one can be had."""

CRL_GRACE: Final = timedelta(hours=1)
"""How long a CRL counts in full after its nextUpdate: its successor is fetched then, and retried some times."""

LIST_SIGNER_URLS: Final = 2
"""Most URLs followed for the certificate of a CRL's signer; the national list names one."""

CACHE_STALE_WAIT: Final = 0.2
"""Seconds a call waits for a new copy of a certificate whose freshness ended, before the old one serves it."""

FETCH_CHUNK_BYTES: Final = 16_384
"""How much of a body is taken at a time, in bytes, before its length is looked at again."""

KEY_BYTES: Final = 65_536
"""Largest private key file read, in bytes."""

SIP_FIELD_CHARACTERS: Final = 4_096
"""Longest From or P-Asserted-Identity rewritten, in characters; real ones are under 200."""

REASON_CHARACTERS: Final = 255
"""Longest text of a Reason, in characters."""

REASON_BYTES: Final = 10 * (PASSPORT_BYTES + 512)
"""Longest Reason header field read, in bytes: one value for each of the PASSporTs of a call that are looked at."""

DIVERSIONS: Final = 10
"""Most diversions between the number that was dialled and the one that is reached; real calls have 1 or 2."""

DIV_O_DEPTH: Final = 5
"""Most div-o PASSporTs inside each other; each level makes the token a third longer."""

CALLER_DATA_BYTES: Final = 1_048_576
"""Largest icon or jCard fetched for a caller, in bytes; a large icon is 100 kB."""

CALLER_DATA_FETCHES: Final = 8
"""Most icons and jCards fetched for one PASSporT."""

KEYS: Final = 4_096
"""Most public keys kept ready for verification; each takes some 2 kB."""

HEADERS: Final = 2_048
"""Most headers of PASSporTs and of tokens, and as many tails of Identity header fields, whose reading is remembered."""

HEADER_BYTES: Final = 512
"""Longest of these that are remembered, in bytes; real ones are under 200."""

BACKLOG: Final = 1024
"""Most connections that wait to be accepted; the system may allow fewer (net.core.somaxconn)."""
