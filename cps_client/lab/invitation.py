"""What a lab that stays up tells its user to try."""

import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from cps_client.lab import curl
from cps_client.lab.lab import Cps, Lab
from cps_client.lab.lifetime import until_interrupted
from cps_client.lab.stage import settings_of
from stir.testing import ServiceProvider

RETENTION: Final = 60
"""Seconds for which a lab that is used by hand keeps PASSporTs: as long as the standards allow."""

_NUMBERS: Final = f"--orig {curl.ORIG} --dest {curl.DEST}"


@dataclass(frozen=True)
class Invitation:
    """Where the lab is and what can be tried with it."""

    directory: Path
    cps_url: str
    environment: Path
    """A file that a shell can source, for the lines that begin with cps-client."""
    commands: tuple[str, ...]
    curl: tuple[str, ...]
    """Lines with fresh tokens."""
    fresh_curl: str
    """Prints such lines anew."""

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {
            "directory": str(self.directory),
            "cps_url": self.cps_url,
            "environment": str(self.environment),
            "commands": list(self.commands),
            "curl": list(self.curl),
            "fresh_curl": self.fresh_curl,
        }

    def lines(self) -> Iterator[str]:
        """Yield it as people read it."""
        yield from ("", f"The lab is up until Ctrl-C. Its files are in {self.directory}; PASSporTs live {RETENTION} s.")
        yield from ("", f". {shlex.quote(str(self.environment))}", *self.commands)
        yield from ("", "The same with curl; a token is good once, and for a minute:")
        for line in self.curl:
            yield from ("", line)
        yield from ("", f"New lines for curl: {self.fresh_curl}")


async def stay(lab: Lab, cps: Cps, provider: ServiceProvider, file: TextIO, *, as_json: bool = False) -> None:
    """Print to *file* what can be tried with *cps* as *provider*, and wait for Ctrl-C."""
    invitation = invite(lab, cps, provider)
    lines = [json.dumps(invitation.as_dict())] if as_json else invitation.lines()
    print(*lines, sep="\n", file=file, flush=True)
    await until_interrupted()


def invite(lab: Lab, cps: Cps, provider: ServiceProvider) -> Invitation:
    """Write the environment of a gateway of *provider* into the lab's directory and say how to use it."""
    environment = lab.client_settings(provider, cps.url, PUBLISH_BUDGET="5", RETRIEVE_BUDGET="5")
    script = _write_environment(lab.directory / "env.sh", environment)
    return Invitation(
        directory=lab.directory.absolute(),
        cps_url=cps.url,
        environment=script,
        commands=(f"cps-client publish {_NUMBERS} --attest A", f"cps-client retrieve {_NUMBERS} --verify"),
        curl=tuple(curl.lines(settings_of(environment), at=lab.world.clock.now())),
        fresh_curl=shlex.join([sys.executable, "-P", "-m", curl.__name__]),
    )


def _write_environment(path: Path, environment: Mapping[str, str]) -> Path:
    """Write a file that a shell can source: the settings, and the product's commands on the PATH."""
    commands = Path(sys.executable).parent
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    path.write_text("\n".join([f'export PATH={shlex.quote(str(commands))}:"$PATH"', *exports, ""]))
    return path.absolute()
