"""`followthrough demo`: a made-up quarter of a small team, told in fast-forward. Nothing is sent or stored."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.configuration import command, read_settings
from service.cli.options import AsJson, Config
from service.cli.output import DIM, GREEN, RED, YELLOW, put, put_json, put_table

if TYPE_CHECKING:
    from service.settings.model import Settings
    from service.simulator.outcome import Outcome
    from service.simulator.story import Day

_ENDING = {
    "promised": "deadlines promised",
    "kept_in_time": "of them kept in time",
    "kept_late": "of them kept late",
    "messages": "messages",
    "reminders": "of them reminders and questions",
    "escalations": "times somebody besides the owner heard of a miss",
    "celebrations": "celebrations",
}
_STYLES = {"escalated": RED, "missed": YELLOW, "deal_stalled": YELLOW, "kept": GREEN, "deal_won": GREEN}


def demo(
    people: Annotated[int, typer.Option("--people", min=1, max=50, help="Who sell.")] = 6,
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds tell equal stories.")] = 7,
    speed: Annotated[float, typer.Option("--speed", min=0.1, help="Days told in a second.")] = 2,
    headless: Annotated[bool, typer.Option("--headless", help="Do not wait between the days.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show a quarter of a sales team in 45 seconds.

    Made up, and decided by the policies that are here, on a clock that runs fast. Needs no server; nothing leaves this
    machine. --json tells it as one object.

    Example: followthrough demo --seed 7
    """
    from service.simulator.outcome import simulate
    from service.simulator.play import world_of
    from service.simulator.quarter import quarter
    from service.simulator.story import days, ending

    settings = read_settings(config)
    made = quarter(people, seed, settings.graph.calendars, settings.series)
    settings = replace(settings, graph=made.directory, series=made.series)
    if not as_json:
        put(
            f"Followthrough demo · a quarter of {people} people · seed {seed} · nothing leaves this machine",
            GREEN,
        )
    outcome = simulate(world_of(settings), made.events, made.series)
    is_over = made.events[-1].received_at  # what follows of what was left open is no quarter any more
    outcome = outcome._replace(messages=[told for told in outcome.messages if told.at <= is_over])
    told, found = list(days(outcome.messages)), ending(made.events, outcome)
    if as_json:
        put_json(_as_dict(seed, told, found, settings))
        return
    _tell(told, settings, 0 if headless else 1 / speed)
    _end(found, outcome, config)


def _tell(told: "list[Day]", settings: "Settings", wait_s: float) -> None:
    """Of each day one message, and how many more there were; a week begins with its number."""
    from service.simulator.story import sentence

    week = 0
    for one in told:
        if one.day.isocalendar().week != week:
            week = one.day.isocalendar().week
            put(f"— week {week} —", DIM)
        more = f"  +{len(one.messages) - 1}" if len(one.messages) > 1 else ""
        put(f"{sentence(one.told, settings.graph)}{more}", _STYLES.get(one.told.owed.template, ""))
        time.sleep(wait_s)


def _end(found: dict[str, object], outcome: "Outcome", config: Path | None) -> None:
    put("")
    rows = [[what, str(found[key])] for key, what in _ENDING.items()]
    took = found["answered_after_s"]
    if isinstance(took, float):
        rows.append(["hours until somebody answered to a miss, in the median", f"{took / 3600:.1f}"])
    rows.append(["decisions", str(outcome.decisions)])
    put_table(["the quarter", ""], rows)
    put("")
    put("next:", DIM)
    for rest, what in (
        ("run", "the service itself, on this machine alone"),
        ("test", "what the policies promise, in fast-forward"),
        ("simulate --generate quarter --policy FILE", "what another policy would have made of it"),
    ):
        put(f"  {command(rest, config)}   {what}")


def _as_dict(
    seed: int, told: "list[Day]", found: dict[str, object], settings: "Settings"
) -> dict[str, object]:
    """Every message, not only the weightiest of its day."""
    from service.simulator.story import sentence

    return {
        "seed": seed,
        "messages": [
            {
                "at": one.at.isoformat(),
                "to": one.owed.to,
                "template": one.owed.template,
                "subject": one.owed.subject,
                "said": sentence(one, settings.graph),
            }
            for day in told
            for one in day.messages
        ],
        "summary": found,
    }
