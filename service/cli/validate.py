"""`followthrough validate`: everything that is wrong with a configuration, at once, each thing at its place."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.configuration import config_dir, examine_all
from service.cli.exits import Exit
from service.cli.options import AsJson, Config
from service.cli.output import GREEN, RED, YELLOW, put, put_json, say

if TYPE_CHECKING:
    from service.cli.configuration import Examined
    from service.settings.proofs import Finding


def validate(
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as findings: exit 1.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check the configuration, its policies and templates.

    Everything that is wrong is shown at once, and what can be proved of the policies: steps that never fire, people
    for whom a step is nobody, whom a policy exempts. Nothing is connected to.

    Example: followthrough validate --config config
    """
    found = examine_all(config)
    findings = _prove(found, config_dir(config))
    code = _code(found, findings, strict=strict)
    if as_json:
        put_json(
            {
                "ok": code == Exit.FINE,
                "config": str(config_dir(config)),
                "errors": [problem.as_dict() for problem in found.errors],
                "warnings": [problem.as_dict() for problem in found.warnings],
                "findings": [finding.as_dict() for finding in findings],
            }
        )
    else:
        for problem in found.errors:
            put(problem.render())
        for problem in found.warnings:
            put(f"warning: {problem.render()}")
        for finding in findings:
            put(finding.render())
        _sum_up(found, findings, str(config_dir(config)))
    raise typer.Exit(code)


def _prove(found: "Examined", folder: Path) -> "list[Finding]":
    """What follows from a configuration that loads."""
    if found.settings is None:
        return []
    from service.settings.proofs import prove

    return prove(folder, found.settings)


def _code(found: "Examined", findings: "list[Finding]", *, strict: bool) -> Exit:
    if found.errors:
        return Exit.WRONG
    is_proved = any(finding.severity == "warning" for finding in findings)
    return Exit.FINDINGS if is_proved or (found.warnings and strict) else Exit.FINE


def _sum_up(found: "Examined", findings: "list[Finding]", folder: str) -> None:
    if found.settings is None:
        count = len(found.errors)
        say(f"{folder}: {count} problem{'s' * (count != 1)}; the service would not start with this", RED)
        return
    settings = found.settings
    policies, people = len(settings.policies.live), len(settings.graph.people)
    what = f"{policies} polic{'y' if policies == 1 else 'ies'}, {people} people, {len(settings.channels)} channels"
    proved = [finding.severity for finding in findings].count("warning")
    counts = {"warning": len(found.warnings) + proved, "note": len(findings) - proved}
    what += "".join(f", {count} {name}{'s' * (count != 1)}" for name, count in counts.items() if count)
    verdict = "it loads, but not as meant" if proved else "fine"
    say(f"{folder}: {verdict} ({what})", YELLOW if counts["warning"] else GREEN)
