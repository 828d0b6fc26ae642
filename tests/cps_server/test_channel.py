"""The channel between supervisor and worker: questions, answers, silence and the end."""

import asyncio
import socket

import pytest

from cps_server.channel import Channel, GoneError, SilentError


async def pair() -> tuple[Channel, Channel]:
    """Return two ends."""
    one, other = socket.socketpair()
    return await Channel.over(one), await Channel.over(other)


async def echo(question: str) -> object:
    """Answer with the question, once it is due."""
    if question == "slow":
        await asyncio.sleep(30)
    return {"was": question}


async def test_both_ask_at_once_and_answers_find_their_questions() -> None:
    """Many questions both ways, a slow one among them, get each their own answer."""
    ours, theirs = await pair()
    talks = [asyncio.create_task(end.converse(echo)) for end in (ours, theirs)]
    slow = asyncio.create_task(ours.ask("slow", seconds=0.2))
    answers = await asyncio.gather(*(end.ask(f"{n}") for n in range(20) for end in (ours, theirs)))

    assert [{"was": f"{n}"} for n in range(20) for _ in (ours, theirs)] == answers
    with pytest.raises(SilentError):
        await slow
    await ours.close()
    await asyncio.wait_for(talks[1], 5)
    for talk in talks:
        talk.cancel()
    await asyncio.gather(*talks, return_exceptions=True)
    await theirs.close()


async def test_the_end_of_the_other_is_noticed() -> None:
    """Who waits for an answer when the other end goes is told so; what is sent afterwards is nobody's."""
    ours, theirs = await pair()
    talk = asyncio.create_task(ours.converse(echo))
    asking = asyncio.create_task(ours.ask("anything", seconds=20))
    await theirs.read()
    await theirs.close()

    with pytest.raises(GoneError):
        await asyncio.wait_for(asking, 5)
    await talk
    with pytest.raises(GoneError):
        await asyncio.wait_for(ours.ask("anything else"), 1)
    ours.write(b"hello")
    await ours.close()
    ours.write(b"hello")


async def test_an_empty_message_is_a_message() -> None:
    """A message of no bytes arrives as such; half a message is the end."""
    ours, theirs = await pair()
    ours.write(b"")
    assert b"" == await theirs.read()
    await ours.close()
    assert await theirs.read() is None
    await theirs.close()
