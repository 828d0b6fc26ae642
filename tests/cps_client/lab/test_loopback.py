"""Ports for the lab."""

import socket
from ipaddress import ip_address, ip_network

from cps_client.lab import loopback


def test_free_ports_are_different_and_free() -> None:
    """Ports chosen together differ, and can be bound by others at once."""
    ports = loopback.free_ports(5)

    assert 5 == len(set(ports))
    for port in ports:
        with socket.create_server((loopback.ADDRESS, port)):
            pass


def test_the_lab_s_name_is_inside_its_networks() -> None:
    """Every address of the lab's host name is one that the product is told to fetch from."""
    networks = [ip_network(network) for network in loopback.NETWORKS]
    answers = socket.getaddrinfo(loopback.HOST, None, type=socket.SOCK_STREAM)

    for *_, address in answers:
        assert any(ip_address(address[0]) in network for network in networks)
