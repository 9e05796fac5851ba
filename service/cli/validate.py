"""`followthrough validate`: everything that is wrong with a configuration, at once, each thing at its place."""

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.configuration import config_dir, examine_all
from service.cli.exits import Exit
from service.cli.options import AsJson, Config
from service.cli.output import GREEN, RED, YELLOW, put, put_json, say

if TYPE_CHECKING:
    from service.cli.configuration import Examined


def validate(
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as findings: exit 1.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check the configuration, its policies and templates.

    Everything that is wrong is shown at once. Nothing is connected to.

    Example: followthrough validate --config config
    """
    found = examine_all(config)
    code = _code(found, strict=strict)
    if as_json:
        put_json(
            {
                "ok": code == Exit.FINE,
                "config": str(config_dir(config)),
                "errors": [problem.as_dict() for problem in found.errors],
                "warnings": [problem.as_dict() for problem in found.warnings],
            }
        )
    else:
        for problem in found.errors:
            put(problem.render())
        for problem in found.warnings:
            put(f"warning: {problem.render()}")
        _sum_up(found, str(config_dir(config)))
    raise typer.Exit(code)


def _code(found: "Examined", *, strict: bool) -> Exit:
    if found.errors:
        return Exit.WRONG
    return Exit.FINDINGS if found.warnings and strict else Exit.FINE


def _sum_up(found: "Examined", folder: str) -> None:
    if found.settings is None:
        count = len(found.errors)
        say(f"{folder}: {count} problem{'s' * (count != 1)}; the service would not start with this", RED)
        return
    settings = found.settings
    policies, people = len(settings.policies.live), len(settings.graph.people)
    what = f"{policies} polic{'y' if policies == 1 else 'ies'}, {people} people, {len(settings.channels)} channels"
    warned = f", {len(found.warnings)} warning{'s' * (len(found.warnings) != 1)}" if found.warnings else ""
    say(f"{folder}: fine ({what}{warned})", YELLOW if found.warnings else GREEN)
