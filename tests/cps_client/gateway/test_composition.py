"""The call logic that the settings make."""

from pathlib import Path

import pytest

from cps_client.gateway.composition import open_logic
from cps_client.settings import ClientSettings
from stir.aio.credential import CredentialError
from stir.errors import StirError
from stir.testing import World


async def test_trust_is_read_anew(tmp_path: Path) -> None:
    """New roots count after a reload; a file that cannot be used leaves those that were there."""
    anchors, world = tmp_path / "anchors.pem", World()
    write(anchors, world.anchors_pem)
    async with open_logic(ClientSettings(trust={"anchors": anchors})) as logic:
        assert 1 == logic.readiness.anchors()
        world.authority("Another CA")
        write(anchors, world.anchors_pem)
        await logic.reload()
        assert 2 == logic.readiness.anchors()
        write(anchors, b"nothing")
        with pytest.raises(StirError):
            await logic.reload()
        assert 2 == logic.readiness.anchors()


async def test_a_key_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    """What no call could be signed with stops the start."""
    settings = ClientSettings(spc="709J", x5u="https://a.example/c.pem", private_key=tmp_path / "none.pem")
    with pytest.raises(CredentialError):
        async with open_logic(settings):
            pass


def write(path: Path, content: bytes) -> None:
    """Put *content* into the file."""
    path.write_bytes(content)
