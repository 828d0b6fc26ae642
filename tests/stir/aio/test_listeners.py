"""Sockets that listen: one for each address, shared with nobody."""

import socket

import pytest

from stir.aio.addresses import Address
from stir.aio.configuration import SettingsError
from stir.aio.listeners import listeners, named


def test_a_connection_gets_through() -> None:
    """Once open they accept connections, and at the end they are closed."""
    with listeners("CPS_LISTEN", Address("127.0.0.1", 0)) as sockets:
        (where,) = named(sockets)
        host, port = where.split(":")
        socket.create_connection((host, int(port)), timeout=2).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=2)


def test_a_name_is_all_its_addresses(monkeypatch) -> None:
    """A name listens on every address that it stands for; families that this machine does not have are left out."""
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with listeners("CPS_LISTEN", Address("here", 0)) as sockets:
        assert ["127.0.0.1", "127.0.0.2"] == [where.rpartition(":")[0] for where in named(sockets)]


def test_ipv6_only(monkeypatch) -> None:
    """An IPv6 socket takes no IPv4 connections, which have a socket of their own."""
    with listeners("CPS_LISTEN", Address("::1", 0)) as (one,):
        assert 1 == one.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        assert named((one,))[0].startswith("[::1]:")


@pytest.mark.parametrize("address", [Address("192.0.2.1", 1), Address("no-such-host.invalid", 1)])
def test_what_is_not_here(address: Address) -> None:
    """An address of another machine, or a name that nobody knows, is refused with the setting's name."""
    with (
        pytest.raises(SettingsError, match=r"^CPS_ADMIN_LISTEN: cannot listen on"),
        listeners("CPS_ADMIN_LISTEN", address),
    ):
        pass


def test_a_port_that_another_server_has() -> None:
    """A second server on the same port is refused, also when it is one of ours."""
    with listeners("CPS_LISTEN", Address("127.0.0.1", 0)) as (one,):
        taken = Address(*one.getsockname())
        with pytest.raises(SettingsError, match="cannot listen"), listeners("CPS_LISTEN", taken):
            pass
