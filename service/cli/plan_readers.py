"""How much of a plan falls upon one reader at one minute: thousands of overdue commitments may follow a new policy at
once, and each of them alone looks harmless."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from service.cli.output import DIM, YELLOW, put
from service.core.directory import Directory
from service.core.plan import Plan
from service.core.policy import PolicyBook

# Readers shown; --json has all of them.
SHOWN = 20
# So many at one minute are more than anybody answers in a day: the usual noise budget.
MANY = 20


class Busiest(NamedTuple):
    """The minute at which the plan tells this reader of most commitments."""

    to: str
    at: datetime
    commitments: int

    def as_dict(self) -> dict[str, object]:
        return {"to": self.to, "at": self.at.isoformat(), "commitments": self.commitments}


def busiest_minutes(plans: Iterable[Plan], policies: PolicyBook) -> list[Busiest]:
    """Of each reader the minute with most of the next steps that the plan brings about, the most first. What tells
    nobody is left out; two policies at one commitment count once."""
    silent = {policy.hash for policy in policies.live if policy.mode == "shadow"}
    told: dict[tuple[str, datetime], set[str]] = {}
    for planned in plans:
        for change in planned.changes:
            after = change.after
            if after is None or after == change.before or change.is_silent or change.new in silent:
                continue
            for to in after.to:
                told.setdefault((to, after.at.replace(second=0, microsecond=0)), set()).add(planned.subject)
    most: dict[str, Busiest] = {}
    for (to, minute), subjects in sorted(told.items()):
        if to not in most or len(subjects) > most[to].commitments:
            most[to] = Busiest(to, minute, len(subjects))
    return sorted(most.values(), key=lambda one: (-one.commitments, one.to))


def show_readers(readers: Iterable[Busiest], graph: Directory) -> None:
    """A line for everyone who would hear of several at once."""
    found = [one for one in readers if one.commitments > 1]
    if found:
        put("told of several at one minute, by next steps that are others than before:")
    for one in found[:SHOWN]:
        at = f"{one.at.astimezone(graph.zone_of(one.to)):%a %Y-%m-%d %H:%M}"
        put(f"  {one.to:24} {at}  {one.commitments} commitments", YELLOW if one.commitments >= MANY else "")
    if len(found) > SHOWN:
        put(f"  and {len(found) - SHOWN} more (--json)", DIM)
