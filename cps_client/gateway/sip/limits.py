"""Every bound of the SIP face, named once, with its unit and its reason."""

from typing import Final

from stir import limits as core

HEAD_BYTES: Final = 131_072
"""Longest start line and header of a message, in bytes: some PASSporTs at their longest; usual ones are 2 to 4 kB."""

BODY_BYTES: Final = 65_536
"""Longest body that is passed over, in bytes; a session description is under 4 kB."""

FIELDS: Final = 256
"""Most header fields of a message; real ones have 15 to 40."""

FIELD_CHARACTERS: Final = core.IDENTITY_BYTES
"""Longest header field value, in characters: no other is as long as Identity."""

VALUE_CHARACTERS: Final = 1_024
"""Longest value that is taken apart (From, To, the first Via …), in characters; real ones are under 200."""

VIAS: Final = 70
"""Most Via values: as many hops as Max-Forwards starts with (RFC 3261, section 8.1.1.6)."""

SEQUENCE_DIGITS: Final = 10
"""Longest CSeq number, in digits: it is below 2**31 (RFC 3261, section 8.1.1.5)."""

HOPS: Final = 255
"""Highest Max-Forwards (RFC 3261, section 20.22)."""

UDP_ANSWER_BYTES: Final = 65_000
"""Longest answer in one datagram, in bytes; IPv4 carries 65,507."""

UDP_BUFFER_BYTES: Final = 4 * 1024 * 1024
"""Receive buffer of a UDP socket, in bytes: what comes in while the loop is busy for some tenths of a second."""

TRANSACTIONS: Final = 32_768
"""Most transactions that are remembered: 500 calls a second for Timer H."""

ANSWERED_BYTES: Final = 64 * 1024 * 1024
"""Most bytes of answers that are remembered; the oldest go first."""

T1: Final = 0.5
"""Estimate of the round trip, in seconds (RFC 3261, section 17.1.1.1): the client's first retransmission."""

T2: Final = 4.0
"""Longest pause between two retransmissions, in seconds."""

T4: Final = 5.0
"""How long a message may stay in the network, in seconds: after the ACK nothing more comes (Timer I)."""

ANSWERED_SECONDS: Final = 64 * T1
"""How long an answer is remembered for retransmissions (Timers H and J)."""

TRYING_AFTER: Final = 0.2
"""Seconds after which a call that is not decided gets 100 Trying (RFC 3261, section 17.2.1)."""

CONNECTIONS: Final = 256
"""Most TCP connections of one listener; a proxy keeps one or a few."""

IDLE_SECONDS: Final = 600.0
"""How long a TCP connection may be silent; proxies ping far more often (RFC 5626, section 4.4.1)."""

MESSAGE_SECONDS: Final = 10.0
"""How long a message on TCP may take from its first byte to its last, so that nobody holds half ones."""

UNSENT_BYTES: Final = 1024 * 1024
"""Most bytes of answers that wait: a TCP peer that leaves more unread is cut off, and more datagrams are dropped."""

RETRY_AFTER: Final = 1
"""Seconds after which a proxy may come again when there was too much to do."""
