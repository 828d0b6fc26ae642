"""Every bound of the server, named once, with its unit and its reason."""

from datetime import timedelta
from typing import Final

REQUEST_BYTES: Final = 65_536
"""Largest request body, in bytes: room for three or four of the largest PASSporTs, and for ten usual ones."""

PASSPORTS: Final = 10
"""Most PASSporTs in one publish; a div chain with rcd and rph is rarely longer than 5."""

HEADER_LINE_BYTES: Final = 16_384
"""Longest request line or header field, in bytes: a token of 8 KiB and its name fit twice."""

HEADER_SECONDS: Final = 10.0
"""How long a new connection may take until its first request has arrived whole."""

BODY_SECONDS: Final = 5.0
"""How long a request's body may take after its header."""

LINGERING_SECONDS: Final = 1.0
"""How long the rest of a body that nobody wants is read, so that the client sees the answer before the close."""

REQUEST_SECONDS: Final = 10.0
"""Longest time for one request, from its header to its answer; gateways have given up long before."""

KEEPALIVE_SECONDS: Final = 75.0
"""How long an idle connection is kept, a little longer than reverse proxies keep theirs."""

RETENTION: Final = timedelta(seconds=60)
"""Longest life of a second-generation PASSporT (ATIS-1000105)."""

HEALTH_SECONDS: Final = 2.0
"""How long a health check may take before it counts as failed."""

HEALTH_CACHED_SECONDS: Final = 1.0
"""How long one health check answers for all askers, so that asking costs the store nothing."""

RECLAIM_SECONDS: Final = 1.0
"""Pause between two rounds of dropping what has expired."""

RETRY_AFTER_SECONDS: Final = 1
"""What a client is told to wait after 503."""

DRAIN_SECONDS: Final = 10.0
"""How long requests in flight may take to finish when the server stops."""

COUNTED_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
"""Request methods that have their own label in metrics; a client can make up any number of others."""

COUNTED_PROVIDERS: Final = 200
"""Most providers that have their own label in metrics; more than a private CPS has partners."""

PARTNER_FILE_BYTES: Final = 1024 * 1024
"""Largest partners.toml, in bytes: room for some thousand partners."""

PARTNERS: Final = 10_000
"""Most partners; there are about as many providers with an SPC."""

PARTNER_NAME_CHARACTERS: Final = 200
"""Longest name of a partner."""

PARTNER_POLL_SECONDS: Final = 1.0
"""How often it is looked whether partners.toml has changed."""

RATES: Final = (0.001, 1_000_000)
"""Slowest and fastest rate that can be set, in requests a second."""

BURST: Final = 1_000_000
"""Largest burst that can be set, in requests."""

RATED_SPCS: Final = 16_384
"""Most providers whose rate is kept at once; the one not heard of for longest is forgotten first."""

RATED_ADDRESSES: Final = 65_536
"""Most client addresses whose refusals are counted at once, in about 20 MB; forgotten in the same way."""

ADDRESSES_READ: Final = 4_096
"""Most client addresses whose reading is remembered; behind a proxy there is one."""

ADDRESS_CHARACTERS: Final = 80
"""Longest text that is read as an address: an IPv6 address has up to 45, and its zone an interface's name."""

FORWARDED_HOPS: Final = 16
"""Most entries of X-Forwarded-For looked at, from the right; a chain of proxies is rarely longer than 3."""

AUDIT_QUEUE: Final = 20_000
"""Most audit records that wait for the disk; what comes then is counted and recorded as a gap."""

AUDIT_FLUSH_SECONDS: Final = 0.25
"""How long audit records are collected before they are written and synchronised together."""

AUDIT_LINE_BYTES: Final = 4_096
"""Longest line of an audit log, in bytes; ours have about 700."""

AUDIT_TORN_LINES: Final = 16
"""Most unfinished lines in a row of an audit log, each left by a disk that was full again."""

WORKER_START_SECONDS: Final = 60.0
"""How long a worker may take until it serves; it may wait for a CA list and a CRL."""

WORKER_ANSWER_SECONDS: Final = 3.0
"""How long a worker may take to say how it is, when metrics or readiness are asked for."""

WORKER_RELOAD_SECONDS: Final = 60.0
"""How long a worker may take to read everything anew."""

WORKER_ASKED_SECONDS: Final = 2.0
"""Pause between two questions to a worker whether it is alive."""

WORKER_SILENCE_SECONDS: Final = 20.0
"""How long a worker may leave such a question unanswered before it is killed: its event loop hangs."""

WORKER_STEADY_SECONDS: Final = 5.0
"""How long a worker has to live to count as started well."""

WORKER_RETRY_FIRST: Final = 0.05
"""Pause before a worker that died is started again, in seconds; doubled with each death in a row."""

WORKER_RETRY_LAST: Final = 5.0
"""Longest such pause, in seconds."""

WORKER_FAILURES: Final = 10
"""Deaths in a row after which the server gives up, if no other worker runs; the service manager takes over."""

WORKER_STOP_SECONDS: Final = DRAIN_SECONDS + 5.0
"""How long a worker may take to finish, beside its time as a lame duck."""
