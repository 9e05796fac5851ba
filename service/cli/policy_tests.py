"""`followthrough test`: every promise of config/tests kept by the policies as they are, in fast-forward."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.configuration import cannot_load, config_dir, read_settings
from service.cli.exits import Exit, Failure
from service.cli.options import AsJson, Config
from service.cli.output import DIM, GREEN, RED, YELLOW, put, put_json, say

if TYPE_CHECKING:
    from service.simulator.judge import Story, Verdict
    from service.simulator.scenario import Scenario


def policy_tests(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Without any: config/tests/*.yaml.", show_default=False),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Run the policy tests: who is told what and when, and who never.

    A message that a test does not list fails it. Nothing is sent, and no clock is waited for.

    Example: followthrough test config/tests/deadlines.yaml
    """
    import asyncio

    scenarios = _read(files or _files_of(config), config)
    found = asyncio.run(_play(scenarios))
    failed = [one for one in found if not one[1].is_kept]
    unreached = [] if files else _unreached(found, config)
    if as_json:
        tests = [_as_dict(*one) for one in found]
        put_json({"ok": not failed, "tests": tests, "never_reached": unreached})
    else:
        _show(found)
        if unreached:
            say(f"no test reaches {', '.join(unreached)}", YELLOW)
        count = f"{len(found)} promise{'s' * (len(found) != 1)}"
        say(f"{count}: {len(failed)} broken" if failed else f"{count} kept", RED if failed else GREEN)
    if failed:
        raise typer.Exit(Exit.FINDINGS)


def _files_of(config: Path | None) -> list[Path]:
    folder = config_dir(config) / "tests"
    found = sorted(folder.glob("*.yaml"))
    if not found:
        raise Failure(Exit.WRONG, f"there is no policy test in {folder}", "write one, or name a file")
    return found


def _read(files: list[Path], config: Path | None) -> "list[Scenario]":
    """The scenarios of all files; a directory stands for the files in it."""
    from service.settings.problems import ConfigError
    from service.simulator.scenario import read_scenarios

    problems, scenarios = [], list["Scenario"]()
    for file in (
        inner for given in files for inner in (sorted(given.glob("*.yaml")) if given.is_dir() else [given])
    ):
        if not file.is_file():
            raise Failure(Exit.WRONG, f"{file} is no file", "name a file of promises")
        try:
            scenarios += read_scenarios(file, (file.parent / "policies", config_dir(config) / "policies"))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise cannot_load(problems, config)
    return scenarios


async def _play(scenarios: "list[Scenario]") -> "list[tuple[Scenario, Verdict, Story]]":
    from service.settings.problems import ConfigError
    from service.simulator.play import play, pure

    found = []
    for scenario in scenarios:
        try:
            found.append((scenario, *await play(scenario, pure)))
        except ConfigError as error:
            said = "\n".join(f"{problem.message}; {problem.hint}" for problem in error.problems)
            raise Failure(
                Exit.WRONG, f"{scenario.place}: what is given here is no configuration: {said}"
            ) from None
    return found


def _show(found: "list[tuple[Scenario, Verdict, Story]]") -> None:
    from service.simulator.timetable import timetable

    for scenario, verdict, story in found:
        if verdict.is_kept:
            put(f"kept    {scenario.promise}", DIM)
        else:
            put(f"BROKEN  {scenario.promise}  ({scenario.place})", RED)
            put(timetable(verdict, scenario.zone, story.silences))


def _as_dict(scenario: "Scenario", verdict: "Verdict", story: "Story") -> dict[str, object]:
    from service.simulator.timetable import timetable

    kept = {"promise": scenario.promise, "place": scenario.place, "kept": verdict.is_kept}
    return kept if verdict.is_kept else {**kept, "story": timetable(verdict, scenario.zone, story.silences)}


def _unreached(found: "list[tuple[Scenario, Verdict, Story]]", config: Path | None) -> list[str]:
    """Steps and reactions of the policies in force that no test has ever seen speak."""
    reached = {(one.policy, one.step) for _, _, story in found for one in story.messages}
    return [
        f"{policy.name}.{rung}"
        for policy in read_settings(config).policies.live
        for rung in [*(step.id for step in policy.steps), *(reaction.id for reaction in policy.reactions)]
        if (policy.name, rung) not in reached
    ]
