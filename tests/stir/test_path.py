"""Paths: found in any order, bounded, and refused with the exact reason. Verdicts stand in the conformance tests."""

import gc
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import permutations
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stir import limits
from stir.certificate import Certificate, Chain
from stir.errors import ExpiredError, ProfileError, UntrustedError
from stir.path import TrustAnchors, validate
from tests.support import certificates as make
from tests.support.certificates import NOW, Made, ca, leaf, root
from tests.support.chains import BAD, GOOD, Case

SECOND = timedelta(seconds=1)
ROOT = root()
CA = ca(ROOT)
LEAF = leaf(CA)


def read(made: Made) -> Certificate:
    """Read a made certificate."""
    return Certificate.from_der(made.der)


def chain(end: Made, *others: Made) -> Chain:
    """Make a chain."""
    return Chain(read(end), tuple(map(read, others)))


def anchors(*roots: Made) -> TrustAnchors:
    """Make trusted roots."""
    return TrustAnchors(map(read, roots))


def judge(case: Case) -> None:
    """Validate a case."""
    served = Chain(Certificate.from_der(case.leaf), tuple(map(Certificate.from_der, case.others)))
    validate(served, TrustAnchors(map(Certificate.from_der, case.roots)), at=case.at)


# Trusted roots -------------------------------------------------------------------------------------------------


def test_roots_are_cas() -> None:
    """A certificate that may not issue is refused as a root, and said so."""
    held = anchors(ROOT, LEAF, ROOT, CA)
    assert (read(ROOT), read(CA)) == held.certificates
    assert (read(LEAF),) == held.refused
    assert read(ROOT) in held
    assert read(LEAF) not in held
    assert 2 == len(held)
    assert 0 == len(TrustAnchors())


def test_a_leaf_is_never_its_own_root() -> None:
    """Naming an end-entity certificate as a root does not make it trusted."""
    with pytest.raises(UntrustedError):
        validate(chain(LEAF), anchors(LEAF), at=NOW)
    itself = root("SHAKEN 1234", extensions=LEAF.extensions)
    with pytest.raises(UntrustedError):
        validate(chain(itself, itself), anchors(itself), at=NOW)


def test_a_root_is_no_path_to_itself() -> None:
    """A path has an issuer in it: a root alone is not one."""
    assert () == anchors(ROOT).paths(chain(ROOT))


# Finding -------------------------------------------------------------------------------------------------------


@pytest.mark.clause("pki-c1-order")
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_a_chain_means_nothing(order: tuple[int, ...]) -> None:
    """Leaf, two CAs and the root are found in any order of the others."""
    low = ca(CA, "LOW CA")
    end = leaf(low)
    others = (CA, low, ROOT)
    found = validate(chain(end, *(others[place] for place in order)), anchors(ROOT), at=NOW)
    assert [read(end), read(low), read(CA), read(ROOT)] == list(found.certificates)


@pytest.mark.clause("pki-c1-names")
def test_all_paths_are_found() -> None:
    """Two certificates of one CA and two roots give every path, each with its own validity."""
    old = CA.but(not_after=NOW - SECOND)
    cross = ca(root("OTHER ROOT"), "SHAKEN CA", key_label="SHAKEN CA")
    held = anchors(ROOT, root("OTHER ROOT"))
    found = held.paths(chain(LEAF, old, CA, cross))
    assert {read(old), read(CA), read(cross)} == {path.certificates[1] for path in found}
    assert 3 == len(found)
    assert {NOW - SECOND, CA.not_after} == {path.not_after for path in found}


def test_the_path_that_holds_is_taken() -> None:
    """Of several paths the one valid at the instant counts (a CA renewed under the same key, as one real CA did)."""
    old, new = CA.but(not_after=NOW - SECOND), CA.but(not_before=NOW)
    served = chain(LEAF, old, new)
    assert read(old) == validate(served, anchors(ROOT), at=NOW - 2 * SECOND).certificates[1]
    assert read(new) == validate(served, anchors(ROOT), at=NOW).certificates[1]


def test_validity_is_the_intersection() -> None:
    """A path holds from the last notBefore to the first notAfter, both included."""
    late, early = NOW - 5 * SECOND, NOW + 5 * SECOND
    served = chain(LEAF.but(not_before=late), CA.but(not_after=early))
    path = validate(served, anchors(ROOT), at=NOW)
    assert (late, early) == (path.not_before, path.not_after)
    for at in (late, early):
        assert path == validate(served, anchors(ROOT), at=at)
        assert path.holds(at)
    for at in (late - SECOND, early + SECOND):
        assert not path.holds(at)


def test_a_ca_may_stand_below_a_path() -> None:
    """Who asks for a path and not for a signer of tokens may begin with a CA, such as the signer of a list."""
    path = anchors(ROOT).path(chain(CA), at=NOW)
    assert (read(CA), read(ROOT)) == path.certificates


# Refusing ------------------------------------------------------------------------------------------------------


@pytest.mark.clause("passport-6-critical", "cert-2-version", "cert-2-bc", "cert-2-others")
@pytest.mark.parametrize(
    ("end", "detail"),
    [
        (CA, "a CA's"),
        (LEAF.but(version=None, extensions=()), "version 1, not 3"),
        (LEAF.but(version=1), "version 2, not 3"),
        (LEAF.but(extensions=(make.extension("1.2.3.4", b"", critical=True),)), "not handled: 1.2.3.4"),
        (LEAF.but(extensions=(make.extension("2.5.29.30", b""),)), "not handled: 2.5.29.30"),
    ],
)
def test_a_leaf_of_the_wrong_kind_is_a_matter_of_profile(end: Made, detail: str) -> None:
    """A CA, an old version or an unknown critical extension is ProfileError, trusted or not."""
    for held in (anchors(ROOT), anchors()):
        with pytest.raises(ProfileError, match=detail):
            validate(chain(end, CA), held, at=NOW)


@pytest.mark.clause("passport-6-critical")
def test_an_unhandled_leaf_has_no_path_either() -> None:
    """An unknown critical extension in the first certificate refuses every path, whoever asks."""
    unknown = LEAF.but(extensions=(make.extension("1.2.3.4", b"", critical=True),))
    assert () == anchors(ROOT).paths(chain(unknown, CA))


def test_no_path_names_the_leaf_and_the_number_of_roots() -> None:
    """UntrustedError says which certificate, and against how many roots."""
    with pytest.raises(UntrustedError, match=f"{read(LEAF).fingerprint[:16]} to one of 1 trusted roots"):
        validate(chain(LEAF, CA), anchors(root("OTHER")), at=NOW)


@pytest.mark.clause("passport-6-now")
@pytest.mark.parametrize(
    ("end", "middle", "top", "at", "detail"),
    [
        (LEAF.but(not_after=NOW), CA, ROOT, NOW + SECOND, "the signer's certificate {leaf} has expired"),
        (LEAF.but(not_before=NOW), CA, ROOT, NOW - SECOND, "the signer's certificate {leaf} is not yet valid"),
        (LEAF, CA.but(not_after=NOW), ROOT, NOW + SECOND, "the issuing CA's certificate {ca} has expired"),
        (LEAF, CA, root(not_before=NOW), NOW - SECOND, "the root's certificate {root} is not yet valid"),
    ],
)
def test_expiry_names_the_certificate(end: Made, middle: Made, top: Made, at: datetime, detail: str) -> None:
    """ExpiredError says which certificate of the path, and whether it is too late or too early."""
    prints = {
        "leaf": read(end).fingerprint[:16],
        "ca": read(middle).fingerprint[:16],
        "root": read(top).fingerprint[:16],
    }
    with pytest.raises(ExpiredError) as caught:
        validate(chain(end, middle), anchors(top), at=at)
    assert detail.format(**prints) == caught.value.detail


UNREADABLE = {"constraints written twice", "constraints are garbage", "path length is negative"}


@pytest.mark.clause("passport-6-ca", "passport-6-length", "cert-2-ca-ku")
@pytest.mark.parametrize("label", sorted(BAD.keys() - UNREADABLE))
def test_every_defect_has_its_class(label: str) -> None:
    """Defects of time are ExpiredError, of the leaf's own kind ProfileError, all others UntrustedError."""
    expected = UntrustedError
    if "expired" in label or "not yet valid" in label:
        expected = ExpiredError
    if label == "unknown critical extension in the leaf":
        expected = ProfileError
    with pytest.raises(expected) as caught:
        judge(BAD[label]())
    assert expected is type(caught.value)


@pytest.mark.clause("pki-c1-names")
@pytest.mark.parametrize("label", ["plain", "NULL parameters everywhere", "RSA above P-256", "two CAs of one name"])
def test_odd_chains_are_believed(label: str) -> None:
    """The cases production has, without any other program at hand."""
    judge(GOOD[label]())


# Bounds --------------------------------------------------------------------------------------------------------


def counted(held: TrustAnchors, served: Chain) -> tuple[int, int]:
    """Return how many paths there are and how many signatures were checked to find them."""
    with mock.patch.object(Certificate, "is_issued_by", autospec=True, side_effect=Certificate.is_issued_by) as check:
        return len(held.paths(served)), check.call_count


def test_the_length_of_a_path_is_bounded() -> None:
    """As many certificates as the bound are a path, one more is not."""
    line = [ROOT]
    while len(line) < limits.PATH_CERTIFICATES:
        line.append(ca(line[-1], f"CA {len(line)}"))
    assert 1 == len(anchors(ROOT).paths(chain(leaf(line[-2]), *line[1:])))
    assert 0 == len(anchors(ROOT).paths(chain(leaf(line[-1]), *line[1:])))


def _tangle(count: int) -> tuple[Made, list[Made]]:
    """Make CAs of one name and one key that all issued each other, and a leaf below."""
    first = Made("SHAKEN CA")
    cas = [ca(first, "SHAKEN CA", key_label="SHAKEN CA", serial=100 + number) for number in range(count)]
    return leaf(first), cas


@pytest.mark.clause("pki-c1-names")
def test_same_named_cas_do_not_make_the_search_explode() -> None:
    """CAs of one name that all issued each other cost a bounded number of signatures, and end."""
    end, cas = _tangle(40)
    paths, checks = counted(anchors(ROOT), chain(end, *cas))
    assert 0 == paths
    assert limits.PATH_SIGNATURES == checks


def test_each_pair_is_checked_once() -> None:
    """A signature known to fit, or not to, is not checked again on another way up."""
    end, cas = _tangle(4)
    _, checks = counted(anchors(ROOT), chain(end, *cas))
    assert len(cas) + len(cas) * (len(cas) - 1) == checks


def test_the_length_of_paths_below_a_ca_is_bounded_by_itself() -> None:
    """A pathLenConstraint counts the CAs below, those that issued themselves excepted (RFC 5280, section 4.2.1.9)."""
    limited = ca(ROOT, "LIMITED", path_length=1)
    low = ca(limited, "LOW")
    renewed = ca(limited, "LIMITED", key_label="rolled")
    assert 1 == len(anchors(ROOT).paths(chain(leaf(low), low, limited)))
    assert 0 == len(anchors(ROOT).paths(chain(leaf(ca(low, "LOWER")), ca(low, "LOWER"), low, limited)))
    below = ca(renewed, "LOW")
    assert 1 == len(anchors(ROOT).paths(chain(leaf(below), below, renewed, limited)))


@pytest.mark.parametrize("version", [None, 1, 3])
def test_a_ca_is_of_version_3(version: int | None) -> None:
    """A CA of another version is none, whatever its extensions say (RFC 5280, section 6.1.4, k)."""
    assert () == anchors(ROOT).paths(chain(LEAF, CA.but(version=version)))
    old = root(version=version)
    assert (read(old),) == anchors(old).refused


def test_an_authority_serial_number_excludes_other_issuers() -> None:
    """Where a leaf names its issuer's serial number, another certificate of that CA does not do (as OpenSSL)."""
    named = LEAF.but(extensions=(make.authority_key_id(None, serial=CA.serial),))
    other = CA.but(serial=CA.serial + 1)
    assert 1 == len(anchors(ROOT).paths(chain(named, other, CA)))
    assert 0 == len(anchors(ROOT).paths(chain(named, other)))


def test_signatures_are_spent_only_on_possible_issuers() -> None:
    """Certificates that may not issue, or have another name or key identifier, cost no signature."""
    named = LEAF.but(extensions=(make.authority_key_id(b"\x01"),))
    other = CA.but(extensions=(*CA.extensions, make.subject_key_id(b"\x02")), serial=5)
    powerless = CA.but(extensions=(make.basic_constraints(ca=False),), serial=6)
    assert (0, 0) == counted(anchors(ROOT), chain(named, other, powerless, root("OTHER")))


def test_a_judged_chain_is_judged_once() -> None:
    """The paths of a chain are kept for as long as the chain lives, and no longer."""
    held, served = anchors(ROOT), chain(LEAF, CA)
    assert (1, 2) == counted(held, served)
    assert (1, 0) == counted(held, served)
    assert (1, 0) == counted(held, chain(LEAF, CA))
    assert held.paths(served) is held.paths(served)
    del served
    gc.collect()
    assert 0 == len(held._memo)


def test_other_roots_judge_for_themselves() -> None:
    """What one set of roots believes is nothing to another set."""
    served = chain(LEAF, CA)
    assert 1 == len(anchors(ROOT).paths(served))
    assert 0 == len(anchors(root("OTHER")).paths(served))


POOL: list[Made] = [
    ROOT, CA, LEAF, root("SHAKEN ROOT", key_label="twin root"), ca(ROOT, key_label="twin CA"), ca(CA, "SHAKEN ROOT"),
    ca(root("OTHER"), "SHAKEN CA", key_label="SHAKEN CA"), root("OTHER"), CA.but(not_after=NOW - SECOND),
    CA.but(flip=1), ca(ROOT, path_length=0), CA.but(extensions=()), leaf(ROOT),
]  # fmt: skip


@pytest.mark.clause("passport-6-signatures")
@settings(deadline=None)
@given(st.sampled_from(POOL), st.lists(st.sampled_from(POOL), max_size=6), st.lists(st.sampled_from(POOL), max_size=3))
def test_a_path_is_what_it_says(end: Made, others: Iterable[Made], roots: Iterable[Made]) -> None:
    """Whatever is thrown together: every path begins with the leaf, ends with a root, and is signed all the way."""
    held = anchors(*roots)
    for path in held.paths(chain(end, *others)):
        assert read(end) == path.certificates[0]
        assert path.certificates[-1] in held
        assert len(set(path.certificates)) == len(path.certificates) <= limits.PATH_CERTIFICATES
        for child, issuer in zip(path.certificates, path.certificates[1:], strict=False):
            assert child.is_issued_by(issuer)
            assert issuer.is_ca
