"""Which certificate URLs may be fetched."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from stir import limits
from stir.errors import UrlError
from stir.x5u import X5uPolicy

POLICY = X5uPolicy()
LAB = X5uPolicy(networks=(ip_network("127.0.0.0/8"), ip_network("::1/128"), ip_network("10.1.0.0/16")))

ACCEPTED = [
    "https://cert.example.org/passport.cer",
    "https://cert.sticr.att.net:8443/certs/att/0e6ca793-8797-40fe-9fde-c25af249bc12",
    "https://cr.example.com:443/a",
    "HTTPS://CR.Example.COM/a",
    "https://xn--bcher-kva.example/a",
    "https://sti_cr.example.com/a.pem",
    "https://localhost/a.pem",
    "https://1234.example.com/a",
    "https://0x7f.example/a",
    "https://d64db847f381fcb974ab1b6150b49a91.cxstatic.com/f/824933db-54b8",
    "https://p.mtsec.me/2e5a/Nmj3eADJLiH_.pem",
    "https://cr.example.com/a%20b/c;v=1,2@home:x",
    "https://cr.example.com//",
    "https://cr.example.com/" + "a" * (limits.URL_CHARACTERS - 23),
]

REFUSED = {
    "http": "http://cr.example.com/a",
    "another scheme": "ftp://cr.example.com/a",
    "a file": "file:///etc/passwd",
    "no scheme": "cr.example.com/a",
    "no scheme, but slashes": "//cr.example.com/a",
    "one slash": "https:/cr.example.com/a",
    "no slash": "https:cr.example.com/a",
    "three slashes": "https:///a",
    "nothing": "",
    "another port": "https://cr.example.com:22/a",
    "port 80": "https://cr.example.com:80/a",
    "port 0": "https://cr.example.com:0/a",
    "an empty port": "https://cr.example.com:/a",
    "a signed port": "https://cr.example.com:+443/a",
    "a negative port": "https://cr.example.com:-443/a",
    "a padded port": "https://cr.example.com:0443/a",
    "a port with an underscore": "https://cr.example.com:4_43/a",
    "a port beyond ports": "https://cr.example.com:65979/a",
    "a long port": "https://cr.example.com:" + "4" * 1_000 + "/a",
    "two ports": "https://cr.example.com:443:443/a",
    "a user": "https://user@cr.example.com/a",
    "a user and a password": "https://user:pass@cr.example.com/a",
    "an empty user": "https://@cr.example.com/a",
    "a host as a user": "https://cr.example.com@127.0.0.1/a",
    "a query": "https://cr.example.com/a?b=c",
    "an empty query": "https://cr.example.com/a?",
    "a query without a path": "https://cr.example.com?/a",
    "a fragment": "https://cr.example.com/a#b",
    "an empty fragment": "https://cr.example.com/a#",
    "no path": "https://cr.example.com",
    "a path of one slash": "https://cr.example.com/",
    "no host, but a port": "https://:443/a",
    "a trailing dot": "https://cr.example.com./a",
    "a leading dot": "https://.example.com/a",
    "an empty label": "https://cr..example.com/a",
    "a dot": "https://./a",
    "a hyphen in front": "https://-cr.example.com/a",
    "a hyphen behind": "https://cr-.example.com/a",
    "a long label": "https://" + "a" * 64 + ".example.com/a",
    "a long name": "https://" + "a." * 126 + "aa/a",
    "letters beyond ASCII": "https://bücher.example/a",
    "digits beyond ASCII": "https://１２７.0.0.1/a",
    "a full-width dot": "https://cr。example.com/a",
    "letters beyond ASCII in the path": "https://cr.example.com/ü",
    "a percent-encoded host": "https://%6cocalhost/a",
    "a percent-encoded dot": "https://127%2e0.0.1/a",
    "a lone percent": "https://cr.example.com/100%",
    "a bad escape": "https://cr.example.com/%zz",
    "a space in front": " https://cr.example.com/a",
    "a space behind": "https://cr.example.com/a ",
    "a space inside": "https://cr.example.com/a b",
    "a tab": "https://cr.exa\tmple.com/a",
    "a line break": "https://cr.example.com/a\r\nHost: b",
    "a line break behind": "https://cr.example.com/a\n",
    "a zero byte": "https://cr.example.com/a\x00",
    "DEL": "https://cr.example.com/a\x7f",
    "a C1 control": "https://cr.example.com/a\x85",
    "a lone surrogate": "https://cr.example.com/\ud800",
    "a backslash": "https://cr.example.com\\@127.0.0.1/a",
    "a backslash for a slash": "https:\\\\cr.example.com\\a",
    "too long": "https://cr.example.com/" + "a" * (limits.URL_CHARACTERS - 22),
    "IPv4": "https://93.184.216.34/a",
    "IPv4 with a port": "https://93.184.216.34:8443/a",
    "IPv4 loopback": "https://127.0.0.1/a",
    "IPv4 metadata service": "https://169.254.169.254/latest/meta-data",
    "IPv4 of five numbers": "https://1.2.3.4.5/a",
    "IPv6": "https://[2606:2800:220:1:248:1893:25c8:1946]/a",
    "IPv6 loopback": "https://[::1]/a",
    "IPv6 with a zone": "https://[fe80::1%25eth0]/a",
    "IPv6 without brackets": "https://::1/a",
    "IPv6 without end": "https://[::1/a",
    "IPv6 in the middle": "https://a[::1]/a",
    "IPv6 with a tail": "https://[::1]a/a",
    "IPv6 of the future": "https://[v1.a]/a",
    "IPv6 of nothing": "https://[]/a",
}

ODD_LITERALS = {
    "decimal": "https://2130706433/a",
    "hexadecimal": "https://0x7f000001/a",
    "hexadecimal parts": "https://0x7f.0.0.0x1/a",
    "hexadecimal nothing": "https://0x/a",
    "octal": "https://0177.0.0.1/a",
    "padded": "https://127.000.000.001/a",
    "octal without dots": "https://017700000001/a",
    "two numbers": "https://127.1/a",
    "three numbers": "https://127.0.1/a",
    "trailing dot": "https://127.0.0.1./a",
    "a number at the end": "https://example.1/a",
    "too large": "https://127.0.0.256/a",
    "mapped": "https://[::ffff:127.0.0.1]/a",
    "mapped in hexadecimal": "https://[::ffff:7f00:1]/a",
    "mapped at length": "https://[0:0:0:0:0:ffff:7f00:0001]/a",
    "NAT64": "https://[64:ff9b::127.0.0.1]/a",
    "6to4": "https://[2002:7f00:1::]/a",
    "not in the network": "https://10.2.0.1/a",
}


@pytest.mark.clause("passport-5-port", "cert-3-url", "pki-p2-path")
@pytest.mark.parametrize("url", ACCEPTED)
def test_certificate_urls_are_accepted(url: str) -> None:
    """Real certificate URLs, ports 443 and 8443, and any name in ASCII may be fetched; addresses are judged later."""
    assert urlsplit(url.lower()).hostname == POLICY.check(url).hostname


@pytest.mark.clause(
    "passport-1.1-x5u", "passport-5-https", "passport-5-port", "passport-5-parts", "cert-3-url", "pki-p1-refuse"
)
@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED)
def test_other_urls_are_refused(url: str) -> None:
    """Only https with an allowed port, a host name and a path, without user, query and fragment (ATIS-1000074)."""
    with pytest.raises(UrlError):
        POLICY.check(url)


@pytest.mark.parametrize("url", ODD_LITERALS.values(), ids=ODD_LITERALS)
def test_odd_spellings_of_addresses_are_refused_everywhere(url: str) -> None:
    """An address is never taken in a spelling that another parser reads differently, allowed network or not."""
    with pytest.raises(UrlError):
        X5uPolicy(networks=(ip_network("127.0.0.0/8"), ip_network("::ffff:0:0/96"))).check(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "10.1.2.3", "[::1]", "[0:0::1]"])
def test_literal_addresses_inside_the_networks_are_accepted(host: str) -> None:
    """An IP literal is fetched only when inside ALLOW_NETWORKS."""
    assert f"{host}:8443" == LAB.check(f"https://{host}:8443/a").netloc


def test_a_url_without_a_port_needs_443() -> None:
    """No port means 443; where 443 is not allowed, neither is none."""
    with pytest.raises(UrlError, match="port 443"):
        X5uPolicy(ports=frozenset({8443})).check("https://cr.example.com/a")


def test_errors_do_not_quote_the_url() -> None:
    """What an attacker writes into a URL does not reach the log by way of the error."""
    with pytest.raises(UrlError) as caught:
        POLICY.check("https://secret-12155550100:80/a")
    assert "12155550100" not in caught.value.detail


@given(st.one_of(st.text(), st.from_regex(r"\Ahttps?://[\[\]a-z0-9.:%@_-]{0,20}(/[ -~]{0,10})?\Z")))
@example("https://[/a")
@example("https://cr.example.com/./../a%2F")
def test_what_is_accepted_is_read_alike_by_the_http_client(url: str) -> None:
    """Any text is accepted or refused with UrlError; an accepted one names the same host and path to the client."""
    try:
        parts = LAB.check(url)
    except UrlError:
        return
    client = URL(url, encoded=True)
    assert ("https", parts.hostname) == (client.scheme, client.raw_host)
    assert (parts.port or 443, parts.path, "") == (client.port, client.raw_path, client.raw_query_string)


PUBLIC = [
    "8.8.8.8", "93.184.216.34", "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2606:4700:4700::1111", "2a00:1450::1", "2001:4860::1", "2001:200::1",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:0:808:808::f7f7:f7f7",
]  # fmt: skip

NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::7f00:1", "::8.8.8.8", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
    "fec0::1", "ff02::1", "5f00::1", "2001:db8::1", "2001:2::1", "2001:10::1", "2001:20::1", "3fff::1", "4000::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8",
    "2002:7f00:1::1", "2002:a9fe:a9fe::", "2001:0:7f00:1::f7f7:f7f7", "2001:0:808:808::80ff:fffe",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    """Addresses of the public internet are permitted, also when carried inside IPv6."""
    assert POLICY.permits(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_other_addresses_are_not(address: str) -> None:
    """Nothing special-purpose is permitted, however it is wrapped (IANA's special-purpose registries)."""
    assert not POLICY.permits(ip_address(address))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.255.1", "::1", "::ffff:10.1.0.1", "64:ff9b::10.1.0.1"])
def test_addresses_inside_the_networks_are_permitted(address: str) -> None:
    """Private addresses inside ALLOW_NETWORKS are permitted, and their neighbours are not."""
    assert LAB.permits(ip_address(address))
    assert not LAB.permits(IPv4Address("10.2.0.1"))


AS_PYTHON_SEES_IT = {
    # Anycast services inside a block that is otherwise reserved, and blocks that Python versions judge differently.
    "exceptions": ["192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "64:ff9b::/32", "3fff::/20"],
    "mapped": ["::ffff:0:0/96"],
}


@given(st.one_of(st.ip_addresses(), st.integers(0, 2**125 - 1).map(lambda n: IPv6Address((1 << 125) + n))))
def test_python_is_asked_for_a_second_opinion(address: IPv4Address | IPv6Address) -> None:
    """Nothing is permitted that the standard library does not call global, outside the blocks listed here."""
    exceptions = [ip_network(each) for group in AS_PYTHON_SEES_IT.values() for each in group]
    if POLICY.permits(address) and not any(address in each for each in exceptions):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize("url", ["https://127.0.0.1:34279/c.pem", "https://localhost:1/c.pem", "https://[::1]/c.pem"])
def test_a_chain_at_hand_needs_no_address(url: str) -> None:
    """When nothing is fetched, port and address of the URL do not matter."""
    X5uPolicy.at_hand().check(url)


@pytest.mark.parametrize("url", ["http://cr.example.com/c.pem", "https://cr.example.com/c.pem?a=b", "/c.pem"])
def test_a_chain_at_hand_needs_a_well_formed_url(url: str) -> None:
    """A URL that no verifier may fetch is refused even when its chain is at hand (E7)."""
    with pytest.raises(UrlError):
        X5uPolicy.at_hand().check(url)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers' URLs that are fine do not pile up, and what was forgotten is judged as before."""
    monkeypatch.setattr(limits, "URLS_KNOWN", 2)
    policy = X5uPolicy()
    judged = [policy.check(f"https://cr.example.com/{n}.pem") for n in (1, 2, 3, 3, 1)]
    assert 2 == len(policy._accepted)
    assert judged[2] is judged[3]
    assert judged[0] == judged[4]
