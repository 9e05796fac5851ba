"""What a newcomer meets first: the list of commands, quick, with examples; and the commands that are not there yet."""

import json
import re
import subprocess
import sys

import pytest
import typer

from service.cli import COMMANDS, LATER, make
from tests.cli.shell import Shell

HEAVY = (
    "fastapi",
    "redis",
    "jinja2",
    "pydantic",
    "ruamel",
    "uvicorn",
    "starlette",
    "aiosmtplib",
    "structlog",
)
# Design, "The outside contract": the commands there will be.
CONTRACT = (
    "run demo init emit import validate test plan simulate explain preview replay dead-letters doctor people export"
    " archive audit schema config version stop"
)


def commands() -> list[list[str]]:
    found = []
    for name, command in COMMANDS.items():
        if isinstance(command, typer.Typer):
            found += [
                [name, inner.name or str(inner.callback and inner.callback.__name__)]
                for inner in command.registered_commands
            ]
        else:
            found.append([name])
    return found


def loaded_by(*arguments: str) -> list[str]:
    """What of HEAVY a command imports."""
    code = (
        "import json, sys, service.cli\n"
        f"sys.argv = {['followthrough', *arguments]}\n"
        "try: service.cli.main()\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = json.loads(said.splitlines()[-1])

    assert "typer" in loaded
    return [name for name in HEAVY if name in loaded]


def test_help_imports_nothing_heavy() -> None:
    assert loaded_by("--help") == []


@pytest.mark.parametrize("arguments", [["emit", "--help"], ["doctor", "--help"], ["version"]])
def test_the_help_of_a_command_imports_only_what_typer_itself_does(arguments: list[str]) -> None:
    assert set(loaded_by(*arguments)) <= {"pydantic"}  # Typer reads options with it, where it is installed.


def test_every_command_of_the_contract_is_there_or_comes_later() -> None:
    assert sorted([*COMMANDS, *LATER]) == sorted(CONTRACT.split())


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_an_example_and_takes_config_and_json(shell: Shell, command: list[str]) -> None:
    answer = shell(*command, "--help")
    said = re.sub(r"\s+", " ", answer.out)

    assert answer.code == 0
    assert f"Example: followthrough {' '.join(command)}" in said
    assert "--config" in said
    assert "--json" in said


def test_help_lists_what_works_and_nothing_else(shell: Shell) -> None:
    listed = re.findall(r"^│ ([a-z][a-z-]+)  ", shell("--help").out, re.MULTILINE)

    assert listed == [name for name in COMMANDS if name != "dead-letters"] + ["dead-letters"]


@pytest.mark.parametrize("name", sorted(LATER))
def test_a_command_of_later_says_so(shell: Shell, name: str) -> None:
    answer = shell(name, "--seed", "7", "anything")

    assert answer == (2, "", f"error: `followthrough {name}` comes with a later version; it {LATER[name]}\n")


def test_an_unknown_command_is_wrong_use_and_the_nearest_one_is_named(shell: Shell) -> None:
    answer = shell("emitt")

    assert answer.code == 2
    assert "emit" in answer.err.replace("emitt", "")


def test_without_a_command_the_help_is_shown(shell: Shell) -> None:
    assert "Usage: followthrough" in (shell().out + shell().err)


def test_an_error_under_json_is_json(shell: Shell) -> None:
    answer = shell("schema", "policyy", "--json")

    assert answer.code == 2
    assert answer.json == {
        "error": "there is no schema `policyy`",
        "action": "did you mean `policy`?",
        "exit": 2,
    }
    assert answer.err == ""


def test_the_program_is_made_without_a_warning() -> None:
    assert make().info.name == "followthrough"
