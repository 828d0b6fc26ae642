"""What server and client share in reading their settings; the rest is shown by tests of their own settings."""

from pathlib import Path

import pytest
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from stir.aio.configuration import Configuration, LayeredSettings, PeerUrl, Section, SettingsError


class Inner(Section):
    """A group."""

    word: str = Field("a", description="A word.")


class Example(LayeredSettings):
    """A product's settings."""

    model_config = SettingsConfigDict(env_prefix="EXAMPLE_")

    inner: Inner = Inner()
    url: PeerUrl | None = Field(None, description="A CPS.")


configuration = Configuration(Example)


def test_each_product_has_its_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prefix of the model starts every name, and other products' variables are not looked at."""
    monkeypatch.setenv("CPS_SOMETHING", "x")
    monkeypatch.setenv("EXAMPLE_INNER__WORD", "b")

    settings = configuration.load()

    assert "b" == settings.inner.word
    assert ["EXAMPLE_CONFIG", "EXAMPLE_INNER__WORD", "EXAMPLE_URL"] == list(configuration.effective(settings))


def test_file_is_named_by_the_products_own_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The variable with the file's name starts with the product's prefix, also in complaints."""
    monkeypatch.setenv("EXAMPLE_CONFIG", str(tmp_path / "absent.toml"))

    with pytest.raises(SettingsError, match=r"EXAMPLE_CONFIG: .* cannot be read"):
        configuration.load()


@pytest.mark.parametrize(
    "url", ["https://cps.example", "http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"]
)
def test_urls_of_a_cps(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPS is reached over https, and over http on this machine."""
    monkeypatch.setenv("EXAMPLE_URL", url)

    assert url == configuration.load().url


@pytest.mark.clause("cps-1-https")
@pytest.mark.parametrize("url", ["http://cps.example", "http://10.0.0.1", "http://localhost.example", "cps.example"])
def test_urls_of_no_cps(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests never go in clear text over a network."""
    monkeypatch.setenv("EXAMPLE_URL", url)

    with pytest.raises(SettingsError, match="EXAMPLE_URL: must be an https"):
        configuration.load()
