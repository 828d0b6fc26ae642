"""partners.toml: what it may say, and how it is refused when it says anything else."""

from contextlib import suppress
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from cps_server import limits
from cps_server.partners import Mode, Partner, PartnerFileError, Rules
from cps_server.partners.file import parse, read

FULL = f"""
mode = "closed"

[deny]
spc = ["666x"]
certificates = ["SHA256:AA:{":".join(["0b"] * 31)}"]

[[partner]]
spc = "123a"
name = "Example Telephone"
enabled = true
publish = true
retrieve = false
retrieve_from = ["456b"]
numbers = ["1215555"]
certificates = ["{"C" * 64}"]
rate = 100
burst = 200

[[partner]]
spc = "456B"
"""


def test_everything_that_can_be_said() -> None:
    """Each key has its meaning; SPCs and fingerprints are compared in one form; what is left out has its default."""
    first = Partner(
        "123A",
        "Example Telephone",
        enabled=True,
        publish=True,
        retrieve=False,
        retrieve_from=frozenset(["456B"]),
        numbers=("1215555",),
        certificates=frozenset(["c" * 64]),
        rate=100.0,
        burst=200,
    )
    expected = Rules(
        Mode.CLOSED, {"123A": first, "456B": Partner("456B")}, frozenset(["666X"]), frozenset(["aa" + "0b" * 31])
    )
    assert expected == parse(FULL.encode())


@pytest.mark.parametrize("written", ['"*"', '["*"]', '["*", "456B"]'])
def test_a_star_is_everybody(written: str) -> None:
    """retrieve_from may be a star, alone or in a list."""
    rules = parse(f'mode = "closed"\n[[partner]]\nspc = "123A"\nretrieve_from = {written}'.encode())
    assert rules.partners["123A"].may_ask_for("ANY", Mode.CLOSED)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "partners.toml: mode is missing"),
        ('mode = "shut"', 'mode: must be "open" or "closed"'),
        ('mode = ["open"]', 'mode: must be "open" or "closed"'),
        ('mode = "open"\nmod = 1', "mod: no such key; did you mean mode?"),
        ('mode = "open"\ndeny = 1', "deny: must be a table"),
        ('mode = "open"\n[deny]\nspcs = []', "deny: spcs: no such key; did you mean spc?"),
        ('mode = "open"\n[deny]\nspc = ["1"]', "deny: spc: must be a service provider code"),
        ('mode = "open"\n[deny]\nspc = ["123A", "123a"]', "deny: spc: names something twice"),
        ('mode = "open"\n[deny]\ncertificates = ["aa"]', "deny: certificates: must be the SHA-256 fingerprint"),
        ('mode = "open"\npartner = 3', "partner: must be tables"),
        ('mode = "open"\npartner = [3]', "partner: must be tables"),
        ('mode = "open"\n[partner]\nspc = "123A"', "partner: must be tables, each under [[partner]]"),
        ('mode = "open"\n[[partner]]\nname = "x"', "partner 1: spc is missing"),
        ('mode = "open"\n[[partner]]\nspc = 123', "partner 1: spc: must be a service provider code"),
        (
            'mode = "open"\n[[partner]]\nspc = "123A"\n[[partner]]\nspc = "123a"',
            "partner 2 (123A): spc: there is another",
        ),
        ("not toml", "partners.toml: not TOML"),
        ("mode = 'open'\n\ud800", "partners.toml: not TOML"),
    ],
)
def test_what_is_refused(text: str, complaint: str) -> None:
    """A complaint names table, key and what to write."""
    with pytest.raises(PartnerFileError) as caught:
        parse(text.encode("utf-8", "surrogatepass"))
    assert complaint in caught.value.detail


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("retreive = true", "retreive: no such key; did you mean retrieve?"),
        ("enabled = 1", "enabled: must be true or false"),
        ("publish = 'yes'", "publish: must be true or false"),
        ("name = 3", "name: must be text"),
        ('name = "a\\nb"', "name: must be text of at most 200 printable characters"),
        ('retrieve_from = "456B"', "retrieve_from: must be a list"),
        ('retrieve_from = ["4"]', "retrieve_from: must be a service provider code"),
        ('retrieve_from = ["456B", "456b"]', "retrieve_from: names something twice"),
        ("numbers = []", "numbers: must not be empty"),
        ('numbers = ["+1215"]', "numbers: must be how numbers start"),
        ("numbers = [1215]", "numbers: must be how numbers start"),
        ("certificates = []", "certificates: must not be empty"),
        ("certificates = [3]", "certificates: must be the SHA-256 fingerprint"),
        ("rate = 0", "rate: must be a number of requests a second from 0.001 to 1000000"),
        ("rate = nan", "rate: must be a number"),
        ("rate = true", "rate: must be a number"),
        ('rate = "10"', "rate: must be a number"),
        ("burst = 0", "burst: must be a whole number"),
        ("burst = 1.5", "burst: must be a whole number"),
        ("burst = true", "burst: must be a whole number"),
    ],
)
def test_what_is_refused_of_a_partner(line: str, complaint: str) -> None:
    """A complaint about a partner names it by its place and SPC."""
    with pytest.raises(PartnerFileError) as caught:
        parse(f'mode = "closed"\n[[partner]]\nspc = "123A"\n{line}\n'.encode())
    assert f"partners.toml: partner 1 (123A): {complaint}" in caught.value.detail


def test_bounds() -> None:
    """Neither a file nor a list of partners may be endless."""
    with pytest.raises(PartnerFileError, match="longer than"):
        parse(b"#" * (limits.PARTNER_FILE_BYTES + 1))
    many = 'mode = "open"\n' + "".join(f'[[partner]]\nspc = "{number:05}"\n' for number in range(limits.PARTNERS + 1))
    with pytest.raises(PartnerFileError, match="more than 10000"):
        parse(many.encode())


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: f'mode = "open"\n{text}'.encode())))
def test_nothing_else_is_raised(data: bytes) -> None:
    """Whatever stands there, it is rules or one complaint."""
    with suppress(PartnerFileError):
        assert isinstance(parse(data), Rules)


values = st.recursive(
    st.one_of(st.booleans(), st.integers(-5, 5), st.floats(), st.sampled_from(["*", "123A", "", "closed", "1215"])),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["spc", "x"]), inner, max_size=2),
    max_leaves=4,
)


@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(["name", "enabled", "retrieve_from", "numbers", "certificates", "rate", "burst"]), values
    )
)
def test_wrong_types_are_complaints(entry: dict[str, object]) -> None:
    """A value of whatever type is understood or refused by name."""
    text = tomlkit.dumps({"mode": "open", "partner": [{"spc": "123A", **entry}]})
    try:
        found = list(parse(text.encode()).partners)
    except PartnerFileError as error:
        found = [error.detail.partition(": partner 1 (")[2][:4]]
    assert ["123A"] == found


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(PartnerFileError, match=r"gone\.toml: cannot be read: No such file"):
        read(tmp_path / "gone.toml")
