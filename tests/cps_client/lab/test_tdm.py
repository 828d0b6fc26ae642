"""What a TDM network does to a call."""

from dataclasses import fields

from cps_client.lab.tdm import Invite, SetUp, across_tdm


def test_only_the_numbers_survive() -> None:
    """A set-up message has the two numbers; Identity headers and Call-ID are gone behind it."""
    invite = Invite("12155550100", "12155551212", identities=("eyJ...;info=<https://cr.example.net/1>",), call_id="1@x")

    assert Invite("12155550100", "12155551212") == across_tdm(invite)


def test_a_set_up_message_has_no_room_for_more() -> None:
    """The TDM side knows exactly two things about a call."""
    assert ["calling", "called"] == [field.name for field in fields(SetUp)]
