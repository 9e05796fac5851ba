"""What a stranger gets when they clone or install this: one version, and pins that work from any registry."""

import re
import tomllib
from importlib.metadata import entry_points, version
from itertools import pairwise
from pathlib import Path

import pytest

import service

ROOT = Path(__file__).parents[1]
PINS = ("run.txt", "dev.txt")


def pinned(file: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9.-]+==\S+)", (ROOT / "requirements" / file).read_text(), re.MULTILINE))


def test_version_has_one_source() -> None:
    assert version("followthrough") == service.__version__


def test_command_is_installed() -> None:
    (command,) = entry_points(group="console_scripts", name="followthrough")
    assert command.value == "service.cli:main"


@pytest.mark.parametrize("file", PINS)
def test_pins_name_no_registry_and_no_folder(file: str) -> None:
    text = (ROOT / "requirements" / file).read_text()

    assert not re.search(r"://|file:|^\s*(-i|-f|--\w*(index|find-links)\S*)\s|^\s*/|@ ", text, re.MULTILINE)


@pytest.mark.parametrize("file", PINS)
def test_every_pin_has_a_hash(file: str) -> None:
    lines = (ROOT / "requirements" / file).read_text().splitlines()
    for line, following in pairwise(lines):
        if "==" in line and not line.startswith(" "):
            assert following.strip().startswith("--hash=sha256:"), line


def test_developers_run_what_users_run() -> None:
    assert pinned("run.txt") <= pinned("dev.txt")


def test_every_declared_dependency_is_pinned() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[\[<>=;]", line)[0] for line in declared}

    assert names <= {pin.split("==")[0] for pin in pinned("run.txt")}
