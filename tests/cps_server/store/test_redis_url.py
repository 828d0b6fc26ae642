"""What can be said in the URL of a shared store."""

from pathlib import Path

import pytest
from redis.asyncio.connection import SSLConnection

from cps_server.store import open_store
from cps_server.store.redis_url import Address, Target
from stir.errors import StoreError


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("redis://one.example", Target((Address("one.example", 6379),), cluster=False, tls=False)),
        ("valkey://[::1]:7000/3", Target((Address("::1", 7000),), cluster=False, tls=False, database=3)),
        ("valkeys://:p%40ss@h", Target((Address("h", 6379),), cluster=False, tls=True, password="p@ss")),
        ("rediss://u:p@h/", Target((Address("h", 6379),), cluster=False, tls=True, username="u", password="p")),
        ("redis+cluster://a,b:7001", Target((Address("a", 6379), Address("b", 7001)), cluster=True, tls=False)),
        (
            "valkey+cluster://u:p@a/0",
            Target((Address("a", 6379),), cluster=True, tls=False, username="u", password="p"),
        ),
        ("valkeys+cluster://a", Target((Address("a", 6379),), cluster=True, tls=True)),
        ("rediss+cluster://a", Target((Address("a", 6379),), cluster=True, tls=True)),
    ],
)
def test_urls(url: str, target: Target) -> None:
    """Hosts, TLS, credentials and database are read from the URL, percent-encoding undone."""
    assert target == Target.parse(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://:secret@",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://h/one",
        "redis://h/-1",
        "redis://h/99999",
        "redis://a,b",
        "redis://h?db=1",
        "redis://h#1",
        "redis://[::1",
        "redis+sentinel://h",
        "redis+cluster://h/1",
        "redis+cluster://h,",
        "redisx://h",
    ],
)
def test_defective_urls(url: str, tmp_path: Path) -> None:
    """A URL that says something else is refused, and no secret is made for it."""
    with pytest.raises(StoreError, match="URL"):
        open_store(url.replace("://", "://cps:hunter2@"), secret_file=tmp_path / "cps.secret")
    assert [] == list(tmp_path.iterdir())


def test_password_is_not_shown() -> None:
    """A password in the URL stands in no message and no representation."""
    assert "hunter2" not in repr(Target.parse("redis://cps:hunter2@h"))
    with pytest.raises(StoreError) as refused:
        Target.parse("redis://cps:hunter2@h:x")
    assert "hunter2" not in str(refused.value)


def test_secret_file_is_required(tmp_path: Path) -> None:
    """A store that nodes share needs a secret that they share: none is made somewhere on the quiet."""
    with pytest.raises(StoreError, match="CPS_STORE__SECRET_FILE"):
        open_store("redis://h")


def test_tls_checks_the_server(tmp_path: Path) -> None:
    """Over TLS the server's certificate and name are checked, against the CAs of the file if one is given."""
    ca_file = tmp_path / "ca.pem"
    connection = Target.parse("rediss://h", ca_file=ca_file).connection(Address("h", 1))

    assert isinstance(connection, SSLConnection)
    assert (True, str(ca_file)) == (connection.check_hostname, connection.ca_certs)
