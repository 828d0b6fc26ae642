"""The image cannot be built without a container engine; its very commands can be run without one."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.timeout(300)  # the first of these tests downloads what the image holds


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, its continuation lines joined."""

    name: str
    value: str


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage of the Dockerfile."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: list[list[Instruction]] = [[]]
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, value = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Instruction(name, value.strip()))
    return found[1:]


def values(stage: list[Instruction], name: str) -> list[str]:
    """Return what a stage says under one instruction."""
    return [instruction.value for instruction in stage if instruction.name == name]


class Image(NamedTuple):
    """What the build stage's commands made."""

    build: Path
    target: Path


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Run the build stage's COPY and RUN instructions in an empty folder, with /opt redirected beside it."""
    build, opt, path = (tmp_path_factory.mktemp(name) for name in ("build", "opt", "bin"))
    (path / "python").write_text(f'#!/bin/sh\nexec {sys._base_executable} "$@"\n')
    (path / "python").chmod(0o755)
    environment = os.environ | {"PATH": f"{path}:/usr/bin:/bin"}
    for name, value in stages()[0]:
        if name == "ENV":
            environment |= {key: text.replace("/opt", str(opt)) for key, text in variables(value).items()}
            environment |= {"PIP_NO_CACHE_DIR": "0", "PIP_QUIET": "1"}  # here downloads may be kept
        elif name == "COPY":
            copy(value, build)
        elif name == "RUN":
            subprocess.run(["sh", "-c", value], cwd=build, env=environment, check=True, timeout=290)
    return Image(build, Path(environment["TARGET"]))


def variables(value: str) -> dict[str, str]:
    """Return the variables that an ENV instruction sets."""
    return dict(pair.split("=", 1) for pair in shlex.split(value))


def copy(value: str, build: Path) -> None:
    """Do what ``COPY source... destination`` does, as far as the Dockerfile uses it."""
    *sources, destination = value.split()
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, build / destination, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (build / destination).mkdir(exist_ok=True)
            shutil.copy(ROOT / source, build / destination)


def test_the_commands_make_a_server_that_starts(image: Image) -> None:
    """After the build stage's commands the image's entry point runs, on nothing but the pinned packages."""
    [entry] = json.loads(values(stages()[1], "ENTRYPOINT")[0])

    command = [image.target / "bin" / entry, "--help"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)

    assert (0, "") == (done.returncode, done.stderr)
    assert "serve" in done.stdout


def test_what_is_shipped_cannot_install_anything(image: Image) -> None:
    """Neither pip nor the build tools are in what the final stage copies."""
    names = {path.name.partition("-")[0] for path in image.target.glob("lib/python*/site-packages/*.dist-info")}

    assert {"oob_shaken", "aiohttp", "cryptography"} <= names
    assert set() == names & {"pip", "setuptools", "hatchling", "pytest"}


def test_the_final_stage_is_not_root_and_runs_nothing(image: Image) -> None:
    """The final stage only copies; its user is a number other than 0 and owns the data folder."""
    final = stages()[1]
    owner = [value for value in values(final, "COPY") if "--chown" in value]
    user = values(final, "USER")

    assert [] == values(final, "RUN")
    assert ["10001:10001"] == user
    assert [f"--from=build --chown={user[0]} /build/data {values(final, 'WORKDIR')[0]}"] == owner
    assert values(final, "WORKDIR") == values(final, "VOLUME")
    assert (image.build / "data").is_dir()


def test_the_admin_listener_stays_on_loopback() -> None:
    """The image opens the public API to the container's network, and nothing else."""
    set_here = variables(" ".join(values(stages()[1], "ENV")))

    assert "0.0.0.0:8080" == set_here["CPS_LISTEN"]
    assert "CPS_ADMIN_LISTEN" not in set_here


def test_the_context_holds_all_that_is_copied() -> None:
    """Whatever the build stage copies is let through by .dockerignore, which refuses all else."""
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = {source for value in values(stages()[0], "COPY") for source in value.split()[:-1]}

    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()
    assert {source.partition("/")[0] for source in copied} == set(let_through)
