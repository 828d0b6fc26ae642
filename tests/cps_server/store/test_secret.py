"""The file that holds the store's secret."""

import stat
from pathlib import Path

import pytest

from cps_server.store import load_secret, open_store
from cps_server.store import secret as module
from stir.errors import StoreError
from tests.support.processes import race


def names(folder: Path) -> list[str]:
    """Return what lies in *folder*."""
    return sorted(path.name for path in folder.iterdir())


def test_made_once_for_the_owner_only(tmp_path: Path) -> None:
    """The first start makes 32 random bytes that only the owner may read; later starts read the same."""
    path = tmp_path / "cps.secret"
    secret = load_secret(path)

    assert 32 == len(secret)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert secret == load_secret(path)
    assert secret != load_secret(tmp_path / "other.secret")
    assert ["cps.secret", "other.secret"] == names(tmp_path)


def test_workers_that_start_at_once_share_it(tmp_path: Path) -> None:
    """However many workers start at once, they have one secret."""
    secrets = race(
        4,
        "import sys; from pathlib import Path; from cps_server.store import load_secret",
        "for n in range(20): print(load_secret(Path(sys.argv[1]) / f'{n}.secret').hex())",
        tmp_path,
    )

    assert 20 * 65 == len(secrets[0])
    assert [secrets[0]] * 4 == secrets
    assert 20 == len(names(tmp_path))


def test_slower_worker_takes_the_faster_ones(tmp_path: Path) -> None:
    """A worker that finds the name taken when it is ready throws its own secret away."""
    path = tmp_path / "cps.secret"
    theirs = load_secret(path)
    module._make(path)

    assert theirs == load_secret(path)
    assert ["cps.secret"] == names(tmp_path)


@pytest.mark.parametrize("length", [0, 31, 33, 5_000])
def test_wrong_length_is_refused(length: int, tmp_path: Path) -> None:
    """A file of another length is no secret of ours; it is neither used nor replaced."""
    path = tmp_path / "cps.secret"
    path.write_bytes(bytes(length))
    path.chmod(0o600)

    with pytest.raises(StoreError, match="exactly 32 bytes"):
        load_secret(path)
    assert length == path.stat().st_size


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o601])
def test_readable_by_others_is_refused(mode: int, tmp_path: Path) -> None:
    """A secret that others may read or change is refused, with what to do."""
    path = tmp_path / "cps.secret"
    load_secret(path)
    path.chmod(mode)

    with pytest.raises(StoreError, match="set its mode to 0600"):
        load_secret(path)


def test_impossible_places_are_refused(tmp_path: Path) -> None:
    """A folder that is absent, or in place of the file, is told by name."""
    with pytest.raises(StoreError, match=r"absent/cps\.secret cannot be used: No such file"):
        load_secret(tmp_path / "absent" / "cps.secret")
    with pytest.raises(StoreError, match="Is a directory"):
        load_secret(tmp_path)


def test_beside_the_database_by_default(tmp_path: Path) -> None:
    """The secret of cps.db is cps.secret, unless a file is named."""
    open_store(f"sqlite:///{tmp_path}/cps.db")
    open_store(f"sqlite:///{tmp_path}/cps.db", secret_file=tmp_path / "elsewhere")

    assert ["cps.secret", "elsewhere"] == names(tmp_path)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "sqlite:///", "sqlite://cps.db", "memory://x", ""])
def test_unknown_stores_are_refused(url: str) -> None:
    """A URL that names no store of this version is refused."""
    with pytest.raises(StoreError, match="must be memory://"):
        open_store(url)
