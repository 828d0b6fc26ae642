"""The operator's own certificate repository: what is served, and what never changes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cps_server.repository import DOCUMENTS, Repository, RepositoryError
from stir.testing import World
from tests.cps_server.conftest import Cps, run_cps

WORLD = World()
CHAIN, RENEWED = WORLD.service_provider("709J").chain_pem, WORLD.service_provider("709J").chain_pem


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one chain."""
    (tmp_path / "709J-1.pem").write_bytes(CHAIN)
    return tmp_path


@pytest.fixture
async def cps(folder: Path) -> AsyncIterator[Cps]:
    """Return a CPS that serves the folder."""
    repository = Repository(folder)
    repository.load()
    async for running in run_cps(repository=repository):
        yield running


async def test_a_chain_is_served_as_verifiers_want_it(cps: Cps) -> None:
    """The type is that of RFC 8555, and the answer may be kept by everyone for more than a day."""
    response = await cps.client.get("/certs/709J-1.pem")
    assert (200, CHAIN) == (response.status, await response.read())
    assert "application/pem-certificate-chain" == response.content_type
    assert "public, max-age=604800, immutable" == response.headers["Cache-Control"]


async def test_an_unchanged_chain_is_not_sent_again(cps: Cps) -> None:
    """A verifier that shows the entity tag is told that nothing has changed."""
    tag = (await cps.client.head("/certs/709J-1.pem")).headers["ETag"]
    response = await cps.client.get("/certs/709J-1.pem", headers={"If-None-Match": tag})
    assert (304, b"") == (response.status, await response.read())


@pytest.mark.parametrize("name", ["gone.pem", "..%2Fsecret", "%2e%2e", ".hidden"])
async def test_nothing_else_is_served(cps: Cps, name: str) -> None:
    """What is not a chain file of the folder is not there."""
    assert 404 == (await cps.client.get(f"/certs/{name}")).status


def test_without_a_folder_nothing_is_served() -> None:
    """The repository is off unless a folder is named."""
    repository = Repository()
    repository.load()
    assert 0 == len(repository)


async def test_a_new_file_is_served_after_a_reload(folder: Path) -> None:
    """A renewed chain under a new name joins the old one."""
    repository = Repository(folder)
    repository.load()
    (folder / "709J-2.pem").write_bytes(RENEWED)
    await repository.reload()
    assert 2 == len(repository)


@pytest.mark.clause("cert-3-immutable")
async def test_a_name_keeps_its_content(folder: Path) -> None:
    """Other content under a name that was served is refused, and the old one stays."""
    repository = Repository(folder)
    repository.load()
    (folder / "709J-1.pem").write_bytes(RENEWED)
    with pytest.raises(RepositoryError, match="new name"):
        await repository.reload()
    assert CHAIN == repository.get("709J-1.pem").body


async def test_what_is_taken_away_is_served_until_the_end(folder: Path) -> None:
    """A file that is gone is served on: PASSporTs that name it may be fresh."""
    repository = Repository(folder)
    repository.load()
    (folder / "709J-1.pem").unlink()
    await repository.reload()
    assert repository.get("709J-1.pem") is not None


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.pem", b"nothing", "a.pem: "),
        ("a.pem", CHAIN + b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "private key"),
        ("a b.pem", CHAIN, "no name for a URL"),
    ],
)
def test_what_must_not_be_published_is_refused(folder: Path, name: str, content: bytes, complaint: str) -> None:
    """What is no chain, holds a private key, or has an odd name stops the start."""
    (folder / name).write_bytes(content)
    with pytest.raises(RepositoryError, match=complaint):
        Repository(folder).load()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A folder that cannot be read is named."""
    with pytest.raises(RepositoryError, match="absent"):
        Repository(tmp_path / "absent").load()


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    """A folder full of files is no repository."""
    for number in range(DOCUMENTS + 1):
        (tmp_path / f"{number}.pem").touch()
    with pytest.raises(RepositoryError, match="over"):
        Repository(tmp_path).load()
