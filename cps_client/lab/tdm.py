"""The part of the call's way that has no field for a PASSporT."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Invite:
    """A SIP INVITE, as far as STIR cares."""

    orig: str
    dest: str
    identities: tuple[str, ...] = ()
    """Values of its Identity header fields."""
    call_id: str | None = None


@dataclass(frozen=True)
class SetUp:
    """A TDM set-up message (ISUP IAM): a calling and a called party number, and no room for anything else."""

    calling: str
    called: str


def to_tdm(invite: Invite) -> SetUp:
    """Signal *invite* on the TDM side of a gateway: Identity, Call-ID and every other header are lost here."""
    return SetUp(calling=invite.orig, called=invite.dest)


def to_sip(setup: SetUp) -> Invite:
    """Signal *setup* on the SIP side of the next gateway, which knows nothing but its two numbers."""
    return Invite(orig=setup.calling, dest=setup.called)


def across_tdm(invite: Invite) -> Invite:
    """Return what is left of *invite* when it comes out of the TDM network."""
    return to_sip(to_tdm(invite))
