"""Delegation: nobody hands on more than they have (RFC 9060, section 5; ATIS-1000092)."""

from datetime import timedelta
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stir import limits
from stir.certificate import Chain, load_chain
from stir.delegation import Encompassed, encompassed
from stir.errors import CertificateError, ProfileError, ScopeError, TNAuthListError
from stir.testing import Template, World, tnauthlist
from stir.testing.authority import CA_USAGE
from stir.testing.certificates import Credential, issue
from stir.testing.tnauthlist import reference
from stir.tnauthlist import NumberRange, ServiceProviderCode, TelephoneNumber, TNAuthList
from stir.trust import Scope, Signatory

DAY = timedelta(days=1)
RANGE = tnauthlist.span("12155550100", 100)

texts = st.sampled_from([f"{number:02}" for number in range(12)] + ["98", "99", "0", "8", "9", "#", "1*"])
entries = st.one_of(
    st.builds(ServiceProviderCode, st.sampled_from(["709J", "709j", "1234"])),
    st.builds(TelephoneNumber, texts),
    st.builds(NumberRange, texts, st.integers(2, 15)),
)
lists = st.lists(entries, max_size=5).map(lambda held: TNAuthList(tuple(held)))


def numbers_of(held: TNAuthList) -> set[str]:
    """Count out every number that a list speaks for, one by one."""
    found = set(held.numbers)
    for one in held.ranges:
        found.add(one.start)
        if one.start.isdecimal():
            counted = (f"{int(one.start) + step:0{len(one.start)}}" for step in range(one.count))
            found |= {number for number in counted if len(number) == len(one.start)}
    return found


@pytest.mark.clause("passport-6.3-encompassed")
@settings(max_examples=1_000, deadline=None)
@given(child=lists, parent=lists)
def test_encompassing_is_the_inclusion_of_sets(child: TNAuthList, parent: TNAuthList) -> None:
    """On a small number space the answer is that of counting every number out."""
    codes = {code.upper() for code in parent.spcs}
    if not {code.upper() for code in child.spcs} <= codes:
        expected = Encompassed.NO
    elif numbers_of(child) <= numbers_of(parent):
        expected = Encompassed.PROVEN
    else:
        expected = Encompassed.NOT_PROVABLE if codes else Encompassed.NO
    assert expected is encompassed(child, parent)
    assert Encompassed.PROVEN is encompassed(child, child)


def test_encompassing_goes_over_the_borders_of_entries() -> None:
    """A range may be held in pieces: by ranges side by side, overlapping, and by single numbers."""
    held = TNAuthList.of(ranges=[NumberRange("120", 10), NumberRange("131", 5), NumberRange("135", 5)], numbers=["130"])
    assert Encompassed.PROVEN is encompassed(TNAuthList.of(ranges=[NumberRange("120", 20)]), held)
    assert Encompassed.NO is encompassed(TNAuthList.of(ranges=[NumberRange("120", 21)]), held)
    assert Encompassed.NO is encompassed(TNAuthList.of(numbers=["0120"]), held)


def test_long_lists_are_compared_quickly() -> None:
    """Lists at the limit cost milliseconds, not a comparison of each with each."""
    many = limits.TNAUTHLIST_ENTRIES
    odd = TNAuthList.of(ranges=[NumberRange(f"{2 * number:015}", 2) for number in range(1, many + 1)])
    even = TNAuthList.of(numbers=[f"{number + 2:015}" for number in range(many)])
    started = perf_counter()
    assert Encompassed.PROVEN is encompassed(even, odd)
    assert perf_counter() - started < 0.5  # in truth some 3 ms


class Enterprise:
    """A provider's own CA below an STI-CA, and whoever it certifies."""

    def __init__(self, world: World, held: bytes | None, *, above: Credential | None = None) -> None:
        self.world, self.now = world, world.clock.now()
        template = Template(
            "Delegate CA",
            self.now - DAY,
            self.now + DAY,
            is_ca=True,
            key_usage=CA_USAGE,
            tn_auth_list=held,
        )
        self.credential = issue(template, above or world.issuer.issuing)

    def chain(self, held: bytes | None, *others: Credential, extensions: tuple = ()) -> Chain:
        """Issue a leaf, and return its chain, with *others* in it."""
        template = Template("Enterprise", self.now - DAY, self.now + DAY, tn_auth_list=held, extensions=extensions)
        leaf = issue(template, self.credential)
        blocks = (leaf, self.credential, *others, self.world.issuer.issuing)
        return load_chain(b"".join(one.pem for one in blocks))

    def signer(self, chain: Chain, scope: Scope = Scope.DELEGATE) -> Signatory:
        """Return who is behind the chain."""
        return self.world.trust.signer(chain, at=self.now, scope=scope)


@pytest.fixture
def world() -> World:
    """Return a fresh world."""
    return World()


@pytest.mark.clause("passport-6.3-unprovable", "passport-6.3-use", "cert-8-delegate")
@pytest.mark.parametrize(
    ("parent", "child", "proven"),
    [
        (RANGE, tnauthlist.numbers("12155550100"), True),
        (RANGE, tnauthlist.span("12155550150", 50), True),
        (tnauthlist.spc("709J"), tnauthlist.spc("709j"), True),
        (tnauthlist.spc("709J"), tnauthlist.numbers("12155550100"), False),
        (tnauthlist.spc("709J"), tnauthlist.span("12155550100", 5), False),
    ],
)
def test_delegate_certificates_are_taken(world: World, parent: bytes, child: bytes, *, proven: bool) -> None:
    """Numbers within the CA's are proven; numbers below a code are taken, and marked as not provable."""
    enterprise = Enterprise(world, parent)
    chain = enterprise.chain(child)

    for _ in range(2):  # cold and warm
        signatory = enterprise.signer(chain)
        assert (proven, TNAuthList.from_der(child)) == (signatory.proven, signatory.authorized)
    assert 4 == len(signatory.path.certificates)


@pytest.mark.clause("passport-6.3-encompassed")
@pytest.mark.parametrize(
    ("parent", "child", "error", "detail"),
    [
        (RANGE, tnauthlist.numbers("12155550200"), ScopeError, "more than its issuer"),
        (RANGE, tnauthlist.span("12155550150", 51), ScopeError, "more than its issuer"),
        (RANGE, tnauthlist.spc("709J"), ScopeError, "more than its issuer"),
        (tnauthlist.spc("709J"), tnauthlist.spc("1234"), ScopeError, "more than its issuer"),
        (tnauthlist.EMPTY, tnauthlist.spc("709J"), ScopeError, "more than its issuer"),
        (RANGE, None, ScopeError, "none of its own"),
        (RANGE, tnauthlist.EMPTY, ProfileError, "is empty"),
        (RANGE, tnauthlist.TRUNCATED, TNAuthListError, "not DER"),
        (tnauthlist.TRUNCATED, tnauthlist.spc("709J"), TNAuthListError, "not DER"),
    ],
)
def test_nobody_hands_on_more_than_they_have(
    world: World, parent: bytes, child: bytes | None, error: type[CertificateError], detail: str
) -> None:
    """A leaf's list lies within its CA's, entry by entry, or nothing is signed with it."""
    enterprise = Enterprise(world, parent)
    with pytest.raises(error, match=detail):
        enterprise.signer(enterprise.chain(child))


@pytest.mark.clause("passport-6.3-encompassed")
@pytest.mark.parametrize(
    ("upper", "lower", "leaf", "good"),
    [
        (RANGE, tnauthlist.span("12155550110", 10), tnauthlist.numbers("12155550115"), True),
        (RANGE, tnauthlist.span("12155550110", 10), tnauthlist.numbers("12155550150"), False),  # its own CA's CA's
        (RANGE, tnauthlist.span("12155550110", 100), tnauthlist.numbers("12155550115"), False),
        (RANGE, None, tnauthlist.numbers("12155550115"), False),  # a CA that forgets its list is not freed of it
        (None, RANGE, tnauthlist.numbers("12155550115"), True),
    ],
)
def test_every_level_is_looked_at(
    world: World, upper: bytes | None, lower: bytes | None, leaf: bytes, *, good: bool
) -> None:
    """Delegation may go over several CAs, each within the one above."""
    top = Enterprise(world, upper)
    enterprise = Enterprise(world, lower, above=top.credential)
    chain = enterprise.chain(leaf, top.credential)
    if good:
        assert 5 == len(enterprise.signer(chain).path.certificates)
    else:
        with pytest.raises(ScopeError):
            enterprise.signer(chain)


@pytest.mark.clause("passport-6.3-unprovable")
def test_what_was_not_provable_once_stays_so(world: World) -> None:
    """Numbers below a code are not provable, even if the next level's numbers lie within them."""
    top = Enterprise(world, tnauthlist.spc("709J"))
    enterprise = Enterprise(world, RANGE, above=top.credential)

    assert not enterprise.signer(enterprise.chain(tnauthlist.numbers("12155550100"), top.credential)).proven


@pytest.mark.parametrize("knobs", [{"tn_auth_list": tnauthlist.spc("709J")}, {"tn_auth_list": RANGE}])
def test_an_sti_ca_may_certify_anything(world: World, knobs: dict[str, bytes]) -> None:
    """Directly below an STI-CA, codes and numbers are whatever the certificate says."""
    chain = load_chain(world.service_provider("709J", **knobs).chain_pem)
    signatory = world.trust.signer(chain, at=world.clock.now(), scope=Scope.DELEGATE)
    assert (TNAuthList.from_der(knobs["tn_auth_list"]), True) == (signatory.authorized, signatory.proven)


@pytest.mark.clause("passport-6.3-shaken")
def test_what_is_good_for_one_scope_is_not_for_another(world: World) -> None:
    """A delegate certificate that was just found good for rcd does not sign shaken; not from memory either."""
    enterprise = Enterprise(world, tnauthlist.spc("709J"))
    chain = enterprise.chain(tnauthlist.spc("709J"))
    assert "709J" == enterprise.signer(chain).spc
    with pytest.raises(ProfileError, match="by a CA with a TNAuthList"):
        enterprise.signer(chain, Scope.SPC)


@pytest.mark.clause("passport-6.1-reference")
def test_a_list_by_reference_has_to_be_fetched(world: World) -> None:
    """Without the list that it refers to, a certificate authorizes nothing; with it, what the list says."""
    url = "https://cr.example.net/list"
    extensions = (reference(url),)
    enterprise = Enterprise(world, RANGE)
    chain = enterprise.chain(None, extensions=extensions)
    assert ((url,), True) == (chain.leaf.tn_auth_list_urls, chain.leaf.is_delegated)
    with pytest.raises(ScopeError, match="elsewhere"):
        enterprise.signer(chain)
    direct = load_chain(world.service_provider("709J", tn_auth_list=None, extensions=extensions).chain_pem)
    with pytest.raises(ProfileError, match="only a reference"):
        enterprise.signer(direct)

    held = TNAuthList.of(numbers=["12155550100"])
    fetched = Chain(chain.leaf, chain.others, referenced=((url, held),))
    assert held == enterprise.signer(fetched).authorized
    with pytest.raises(ScopeError):
        enterprise.signer(chain)  # the memory of the one is not that of the other
    other = TNAuthList.of(numbers=["12155550300"])
    with pytest.raises(ScopeError, match="more than"):
        enterprise.signer(Chain(chain.leaf, chain.others, referenced=((url, other),)))


@pytest.mark.clause("passport-6.1-reference")
def test_a_shaken_certificate_holds_its_code_itself(world: World) -> None:
    """ATIS-1000080 wants the code in the certificate: a fetched list does not do for shaken."""
    url = "https://cr.example.net/list"
    chain = load_chain(world.service_provider("709J", tn_auth_list=None, extensions=(reference(url),)).chain_pem)
    fetched = Chain(chain.leaf, chain.others, referenced=((url, TNAuthList.of(spcs=["709J"])),))
    trust, at = world.trust, world.clock.now()
    assert "709J" == trust.signer(fetched, at=at, scope=Scope.DELEGATE).spc
    with pytest.raises(ProfileError, match="no TNAuthList"):
        trust.signer(fetched, at=at)


def test_a_ca_that_refers_to_a_list_is_no_sti_ca(world: World) -> None:
    """A list by reference makes a CA a delegate's as much as one inside."""
    now, url = world.clock.now(), "https://cr.example.net/list"
    template = Template(
        "Delegate CA", now - DAY, now + DAY, is_ca=True, key_usage=CA_USAGE, extensions=(reference(url),)
    )
    delegate = issue(template, world.issuer.issuing)
    leaf = issue(world.issuer.template("1234", at=now), delegate)
    chain = load_chain(leaf.pem + delegate.pem + world.issuer.issuing.pem)
    with pytest.raises(ProfileError, match="by a CA with a TNAuthList"):
        world.trust.signer(chain, at=now)
    with pytest.raises(ScopeError):
        world.trust.signer(chain, at=now, scope=Scope.DELEGATE)


@pytest.mark.parametrize(
    "value",
    [
        b"\x30\x01",
        b"\x05\x00",
        b"\x30\x02\x05\x00",
        reference("https://cr.example.net/ü")[1],
        reference("x", tag=0x82)[1],
    ],
    ids=bytes.hex,
)
def test_an_odd_access_description_refers_to_nothing(world: World, value: bytes) -> None:
    """AuthorityInformationAccess is decoration on production certificates: an odd one harms nobody."""
    oid = "1.3.6.1.5.5.7.1.1"
    chain = load_chain(world.service_provider("709J", extensions=((oid, value, False),)).chain_pem)
    assert () == chain.leaf.tn_auth_list_urls
    assert "709J" == world.trust.signer(chain, at=world.clock.now()).spc
