"""Host and port as people write them."""

import pytest

from stir.aio.addresses import Address


@pytest.mark.parametrize("text", ["127.0.0.1:8080", "[::1]:0", "localhost:65535", "0.0.0.0:1"])
def test_address_round_trip(text: str) -> None:
    """An address is printed as it is written."""
    assert text == str(Address.parse(text))


@pytest.mark.parametrize("text", ["", ":80", "host:", "host:٣", "host:-1", " host:80", "[::1:80", "::1]:80"])
def test_bad_addresses(text: str) -> None:
    """An address that could be read in two ways is refused."""
    with pytest.raises(ValueError, match="must be host:port"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::]:80", "http://[::1]:80"),
        ("cps.example:80", "http://cps.example:80"),
    ],
)
def test_how_this_machine_reaches_it(text: str, url: str) -> None:
    """An address that stands for all of a machine's is reached by its loopback address."""
    assert url == Address.parse(text).url
