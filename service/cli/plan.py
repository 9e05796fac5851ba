"""`followthrough plan`: what the present configuration would change for what is open, and, with --apply, does it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from service.cli.configuration import command, read_settings
from service.cli.exits import Exit
from service.cli.options import AsJson, Config
from service.cli.output import DIM, GREEN, YELLOW, put, put_json, say

if TYPE_CHECKING:
    from service.core.directory import Directory
    from service.core.plan import Change, Next, Plan
    from service.settings.model import Settings

# Commitments shown of each change; --json has all of them.
SHOWN = 20


class Group(NamedTuple):
    """The same step from one version to another, and every commitment that takes it."""

    policy: str
    old: str
    new: str
    members: "list[tuple[Plan, Change]]"


def plan(
    apply: Annotated[bool, typer.Option("--apply", help="Do it: move what is open.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="Show so many commitments of each change.")] = SHOWN,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what a changed policy would do to what is open.

    A commitment keeps the version of a policy that it began with. Here is what the present one would change: the next
    step, when and to whom. What has fired stays fired, what has passed is passed over. Exit 1: something would change.

    Example: followthrough plan --apply
    """
    import asyncio

    from service.cli.plan_readers import busiest_minutes, show_readers

    settings = read_settings(config)
    with _progress() as looked:
        plans = asyncio.run(_run(settings, looked, apply=apply))
    groups, readers = _groups(plans), busiest_minutes(plans, settings.policies)
    if as_json:
        found = {"applied": apply, "commitments": len(plans), "changes": [_as_dict(one) for one in groups]}
        put_json({**found, "at_one_minute": [one.as_dict() for one in readers]})
    else:
        for group in groups:
            _show(group, settings.graph, limit)
        show_readers(readers, settings.graph)
        _sum_up(plans, command("plan --apply", config), applied=apply)
    raise typer.Exit(Exit.FINDINGS if plans and not apply else Exit.FINE)


async def _run(settings: "Settings", looked: Callable[[int], None], *, apply: bool) -> "list[Plan]":
    from service.cli.connection import open_broker, open_store
    from service.people import as_in_force
    from service.plans import apply_plans, find_plans
    from service.settings.policies import compile_policy
    from service.simulator.play import world_of
    from service.worlds import Worlds

    async with open_store(settings) as store:
        world = world_of(await as_in_force(settings, store))
        now, worlds = await store.now(), Worlds(world, store, compile_policy)
        plans = [found async for found in find_plans(store, worlds, now, looked)]
    if plans and apply:
        async with open_broker(settings) as (store, broker):
            # First, so that whoever decides the events finds the version, also before its own reload.
            for content_hash, raw in settings.pinned_policies.items():
                await store.put_pinned("policy", content_hash, raw)
            await apply_plans(plans, broker, now)
    return plans


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Somebody who waits sees how many were looked at."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    columns = (TextColumn("{task.completed:.0f} subjects looked at"),)
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda number: progress.advance(task, number)


def _groups(plans: "list[Plan]") -> list[Group]:
    found: dict[tuple[str, str, str], Group] = {}
    for planned in sorted(plans, key=lambda one: one.subject):
        for change in planned.changes:
            key = (change.policy, change.old, change.new)
            found.setdefault(key, Group(*key, [])).members.append((planned, change))
    return [found[key] for key in sorted(found)]


def _show(group: Group, graph: "Directory", limit: int) -> None:
    count = len(group.members)
    put(f"{_headline(group)}: {count} open commitment{'s' * (count != 1)}")
    told_apart = [(planned, change) for planned, change in group.members if not _is_as_before(change)]
    for planned, change in told_apart[:limit]:
        put(f"  {planned.subject}  {planned.title}, of {planned.owner}")
        for line in _lines(planned.owner, change, graph):
            put(f"      {line}", DIM)
    if len(told_apart) > limit:
        put(f"  and {len(told_apart) - limit} more (--limit, --json)", DIM)
    if as_before := count - len(told_apart):
        put(f"  {as_before} whose next step stays as it is (--json)", DIM)


def _is_as_before(change: "Change") -> bool:
    """Whether nobody will notice: the same step comes next, and nothing is left out."""
    is_plain = not change.passed and not change.is_silent and not change.is_put_off
    return change.before == change.after and is_plain


def _headline(group: Group) -> str:
    if not group.old:
        return f"{group.policy} begins ({group.new})"
    if not group.new:
        return f"{group.policy} ends ({group.old}): it is not in force any more"
    return f"{group.policy}  {group.old} → {group.new}"


def _lines(owner: str, change: "Change", graph: "Directory") -> list[str]:
    before, after = _next(change.before, owner, graph), _next(change.after, owner, graph)
    if change.is_put_off:
        return [f"next: {before}; this is due right now, so nothing is replaced before it is taken"]
    lines = [f"next: {before} → {after}"]
    if change.passed:
        lines.append(f"passed over: {', '.join(change.passed)}")
    if change.is_silent:
        lines.append("its `when` does not hold: as long as that is so, it says nothing")
    return lines


def _next(step: "Next | None", owner: str, graph: "Directory") -> str:
    if step is None:
        return "nothing"
    again = f" (round {step.round + 1})" if step.round else ""
    at = f"{step.at.astimezone(graph.zone_of(owner)):%a %Y-%m-%d %H:%M}"
    return f"{at} {step.step}{again}, to {', '.join(step.to) or 'nobody'}"


def _sum_up(plans: "list[Plan]", how: str, *, applied: bool) -> None:
    if not plans:
        say("nothing would change: all that is open runs under the present policies", GREEN)
        return
    count = f"{len(plans)} open commitment{'s' * (len(plans) != 1)}"
    if applied:
        say(f"{count} told to follow the present policies; each does when its queue is read", GREEN)
    else:
        say(f"{count} would change; nothing was changed. Do it with `{how}`", YELLOW)


def _as_dict(group: Group) -> dict[str, object]:
    return {
        "policy": group.policy,
        "old": group.old or None,
        "new": group.new or None,
        "count": len(group.members),
        "commitments": [
            {
                "subject": planned.subject,
                "title": planned.title,
                "owner": planned.owner,
                "before": _next_as_dict(change.before),
                "after": _next_as_dict(change.after),
                "passed_over": list(change.passed),
                "is_silent": change.is_silent,
                "is_put_off": change.is_put_off,
                "reasons": list(planned.reasons),
            }
            for planned, change in group.members
        ],
    }


def _next_as_dict(step: "Next | None") -> dict[str, object] | None:
    if step is None:
        return None
    return {"at": step.at.isoformat(), "step": step.step, "round": step.round, "to": list(step.to)}
