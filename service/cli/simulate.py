"""`followthrough simulate`: a history played under a policy, and what another policy would have made of it."""

import shutil
import tempfile
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.configuration import cannot_load, config_dir, examine_all, read_settings
from service.cli.exits import Exit, Failure
from service.cli.options import AsJson, Config
from service.cli.output import DIM, GREEN, RED, YELLOW, put, put_json, put_table, say

if TYPE_CHECKING:
    from service.core.events import Event
    from service.settings.model import Settings
    from service.simulator.outcome import Change, Outcome, Told


class Generate(StrEnum):
    """Histories that can be made up."""

    QUARTER = "quarter"


# More than fit on a screen help nobody; `--json` has them all.
SHOWN_MAX = 20


def simulate(
    events: Annotated[
        Path | None,
        typer.Option("--events", metavar="FILE", help="The history: JSON lines, as `emit` takes them."),
    ] = None,
    generate: Annotated[
        Generate | None, typer.Option("--generate", help="Make up a history: a quarter of a sales team.")
    ] = None,
    people: Annotated[
        int, typer.Option("--people", min=1, max=5000, help="Who sell in a made-up history.")
    ] = 50,
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds make equal histories.")] = 7,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="A policy to try; it takes the place of its namesake."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against", metavar="FILE", help="What it is compared with. (default: the policies in force)"
        ),
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw who is told when into this file.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Play a history and show who would have been told what and when.

    With --policy the same history is played twice, and what differs is shown. Nothing is sent or stored.

    Example: followthrough simulate --events history.jsonl --policy new.yaml
    """
    from service.simulator.figures import misses, summary
    from service.simulator.outcome import compare

    if (events is None) == (generate is None):
        raise Failure(Exit.WRONG, "name a history", "give --events FILE, or --generate quarter")
    old_settings = _with(against, config)
    new_settings = _with(policy, config) if policy else old_settings
    if events is not None:
        history = _history(events)
    else:
        from service.simulator.quarter import quarter

        team, series, history = quarter(people, seed, old_settings.graph.calendars, old_settings.series)
        old_settings, new_settings = (
            replace(one, graph=team, series=series) for one in (old_settings, new_settings)
        )
    old = _play(old_settings, history, "the old" if policy else "the history")
    new = _play(new_settings, history, "the new") if policy else old
    changes = compare(old, new) if policy else []
    if svg is not None:
        from service.simulator.lanes import lanes

        svg.write_text(lanes(new, new_settings.graph), encoding="utf-8")
        say(f"drawn into {svg}", GREEN)
    figures = [summary(old, old_settings.graph)]
    figures.append(summary(new, new_settings.graph) if policy else figures[0])
    if as_json:
        found = misses(old, new) if policy else None
        put_json(_as_dict(new, figures, changes, found))
        return
    _show(figures, is_compared=policy is not None)
    _show_lanes(new, new_settings)
    if policy is not None:
        _show_misses(misses(old, new))
        _show_changes(changes, new_settings)


def _history(file: Path) -> "list[Event]":
    """The events in the order of their time; Failure names every line that is no event."""
    from datetime import datetime

    import msgspec

    from service.cli.event_file import lines_of
    from service.cli.event_lines import read_lines

    lines, mistakes = read_lines(str(file), lines_of(str(file)), datetime.now().astimezone())
    if mistakes:
        more = {"problems": [mistake.as_dict() for mistake in mistakes]}
        said = "\n".join(mistake.render() for mistake in mistakes[:SHOWN_MAX])
        raise Failure(
            Exit.WRONG, said, f"{len(mistakes)} of {len(lines) + len(mistakes)} lines are no event", more
        )
    if not lines:
        raise Failure(Exit.WRONG, f"{file} holds no event", "write one JSON object on each line")
    arrived = [msgspec.structs.replace(line.event, received_at=line.event.time) for line in lines]
    return sorted(arrived, key=lambda event: event.received_at)


def _with(policy: Path | None, config: Path | None) -> "Settings":
    """The configuration, with `policy` in the place of the one of its name."""
    if policy is None:
        return read_settings(config)
    if not policy.is_file():
        raise Failure(Exit.WRONG, f"{policy} is no file", "name a policy, as in config/policies/…yaml")
    with tempfile.TemporaryDirectory() as folder:
        tried = Path(shutil.copytree(config_dir(config), Path(folder) / "config"))
        name = _name_of(policy)
        for other in (tried / "policies").glob("*.yaml"):
            if other.name == policy.name or _name_of(other) == name:
                other.unlink()
        placed = Path(shutil.copyfile(policy, tried / "policies" / policy.name))
        found = examine_all(tried)
    if found.settings is None:
        shown = {str(placed): str(policy)}
        raise cannot_load([replace(one, file=shown.get(one.file, one.file)) for one in found.errors], config)
    return found.settings


def _name_of(policy: Path) -> object:
    """The name a policy gives itself; a file that cannot be read has none, and is reported when it is loaded."""
    from service.settings.problems import Report
    from service.settings.yaml_reader import read

    data = read(policy, str(policy), Report()).data
    return data.get("policy") if isinstance(data, dict) else None


def _play(settings: "Settings", history: "list[Event]", what: str) -> "Outcome":
    import sys

    from service.simulator.outcome import simulate as play
    from service.simulator.play import of_people, world_of

    said = partial(of_people, settings)
    if not sys.stderr.isatty():
        return play(world_of(settings), history, settings.series, said)
    from rich.console import Console
    from rich.progress import track

    return play(
        world_of(settings),
        track(history, what, console=Console(stderr=True), transient=True),
        settings.series,
        said,
    )


_FIGURES = {
    "messages": "messages",
    "off_hours": "of them outside of the reader's working hours",
    "escalations": "times somebody else than the owner is told of a miss, in digests, too",
    "most_in_a_day": "the most one person gets in a day",
    "misses_found": "misses that somebody besides the owner heard of",
}
# Shown only where there are any.
_INBOX = {
    "quiet_hours": "would have come in quiet hours",
    "digest": "waited for a digest",
    "over_budget": "were over somebody's noise budget",
    "away": "were for somebody away",
}


def _show(figures: "list[dict[str, Any]]", *, is_compared: bool) -> None:
    old, new = figures
    if is_compared:
        rows = [[what, str(old[key]), str(new[key])] for key, what in _FIGURES.items()]
        put_table(["", "old", "new"], rows)
    else:
        put_table(["", ""], [[what, str(new[key])] for key, what in _FIGURES.items()])
    for key, what in _INBOX.items():
        if old["inbox"][key] or new["inbox"][key]:
            put(f"{what}: {_change(old['inbox'][key], new['inbox'][key])}")
    put("")
    names = sorted({*old["by_person"], *new["by_person"]}, key=lambda name: -new["by_person"].get(name, 0))
    for name in names[:SHOWN_MAX]:
        said = _change(old["by_person"].get(name, 0), new["by_person"].get(name, 0))
        told = [figures["escalations_by_person"].get(name, 0) for figures in (old, new)]
        put(f"  {name:24} {said}{f', escalations: {_change(*told)}' if any(told) else ''}")
    if len(names) > SHOWN_MAX:
        put(f"  … and {len(names) - SHOWN_MAX} more (--json has all)", DIM)


def _change(before: int, now: int) -> str:
    return str(now) if before == now else f"{before} → {now}"


def _show_lanes(outcome: "Outcome", settings: "Settings") -> None:
    from service.simulator.text_lanes import text_lanes

    found = text_lanes(outcome, settings.graph)
    if not found.lanes:
        return
    days = found.cell.total_seconds() / 86_400
    put("")
    put(
        f"who is told when, from {found.begin:%a %Y-%m-%d}, {days:.1f} days a cell; the darker the more:", DIM
    )
    for lane in found.lanes[:SHOWN_MAX]:
        put(f"  {lane.name[:24]:24} {lane.cells} {lane.messages}")
    if len(found.lanes) > SHOWN_MAX:
        put(f"  … and {len(found.lanes) - SHOWN_MAX} more (--svg draws all)", DIM)


def _show_misses(found: "dict[str, Any]") -> None:
    put("")
    both = f"{found['earlier']} earlier, {found['same']} at the same time, {found['later']} later"
    only = f"{found['only_old']} no more, {found['only_new']} that nobody heard of before"
    put(f"misses that somebody besides the owner hears of: {both}; {only}")
    if shift := found["median_shift_s"]:
        put(f"  by {abs(shift) / 3600:.1f} hours {'earlier' if shift < 0 else 'later'} in the median")


def _show_changes(changes: "list[Change]", settings: "Settings") -> None:
    put("")
    if not changes:
        put("Nobody is told anything else, and nothing at another time.", GREEN)
    for change in changes[:SHOWN_MAX]:
        sign, style = (
            ("-", RED) if change.new is None else ("+", GREEN) if change.old is None else ("~", YELLOW)
        )
        told = change.new or change.old
        assert told is not None
        when = _when(told, settings)
        if change.old and change.new:
            when = f"{_when(change.old, settings)} → {when}"
        owed = told.owed
        put(f"{sign} {when}  {owed.to}: {owed.template} of {owed.subject} ({owed.policy}.{owed.step})", style)
    if len(changes) > SHOWN_MAX:
        put(f"… and {len(changes) - SHOWN_MAX} more (--json has all)", DIM)


def _when(told: "Told", settings: "Settings") -> str:
    at = f"{told.at.astimezone(settings.graph.zone_of(told.owed.to)):%a %Y-%m-%d %H:%M}"
    return f"{at} in the digest" if told.in_digest else at


def _as_dict(
    new: "Outcome",
    figures: "list[dict[str, Any]]",
    changes: "list[Change]",
    misses: "dict[str, object] | None",
) -> dict[str, object]:
    """The one object of `--json`: `messages` and `silences` of the new, the summary of both, and what differs."""
    found: dict[str, object] = {
        "messages": [_message(told) for told in new.messages],
        "silences": [
            {
                "at": why.at.isoformat(),
                "subject": why.subject,
                "code": str(why.reason.code),
                "reason": why.reason.text,
                "to": list(why.to),
            }
            for why in new.silences
        ],
        "summary": figures[1],
    }
    if misses is not None:
        found["misses"] = misses
        found["old_summary"] = figures[0]
        found["changes"] = [
            {"old": one.old and _message(one.old), "new": one.new and _message(one.new)} for one in changes
        ]
    return found


def _message(told: "Told") -> dict[str, object]:
    owed = told.owed
    return {
        "at": told.at.isoformat(),
        "to": owed.to,
        "channel": owed.channel,
        "template": owed.template,
        "policy": owed.policy,
        "step": owed.step,
        "subject": owed.subject,
        "reason": "; ".join(owed.reasons),
        **({"in_digest": True} if told.in_digest else {}),
    }
