"""What a history leads to under a policy, and what another policy would have made of the same history.

The same decision as in service, on a virtual clock. Must not print: `cli/simulate.py` does.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from service.core.directory import Directory, World
from service.core.effects import Owed
from service.core.events import CheckinScheduled, Event
from service.core.reasons import SPOKEN
from service.simulator.pure import PureRun, Why

# Time passes in stretches, so that a long silence is no loop and the caller hears how far it is.
STRETCH = timedelta(days=1)

# What follows from the last event is played for so long: longer than the longest ladder, and check-ins never end.
AFTERWARDS = timedelta(days=35)


# What tells of a miss, whatever is missed.
MISSES = frozenset({"missed", "escalated", "offer_help", "checkin_missed", "deal_stalled"})


class Told(NamedTuple):
    """One message that would have gone out."""

    at: datetime
    owed: Owed

    @property
    def cause(self) -> tuple[object, ...]:
        """What it is about, whatever its time: the same message under another policy has the same."""
        owed = self.owed
        return owed.subject, owed.policy, owed.step, owed.round, owed.kind, owed.to, owed.template

    @property
    def is_escalation(self) -> bool:
        """Whether somebody else than the owner hears of a miss."""
        return self.owed.template in MISSES and self.owed.to != self.owed.facts.get("owner")


class Outcome(NamedTuple):
    """Everything said, in the order of time, and every reason, also for silence."""

    messages: list[Told]
    whys: list[Why]
    decisions: int
    until: datetime

    @property
    def silences(self) -> list[Why]:
        """Why nobody was told, or not yet."""
        return [why for why in self.whys if why.reason.code not in SPOKEN]


class Change(NamedTuple):
    """A message of one outcome and its like in the other; None where there is none."""

    old: Told | None
    new: Told | None


def simulate(world: World, events: Iterable[Event], series: Sequence[CheckinScheduled] = ()) -> Outcome:
    """Every event at its own time, every timer at its own. `events` by time; `series` are the check-ins there are.

    An event that arrives at the very moment of a timer is decided first, as in service.
    """
    run: PureRun | None = None
    for event in events:
        if run is None:
            run = PureRun(world, event.received_at)
            run.schedule(series)
        _pass(run, event.received_at - timedelta(milliseconds=1))
        run.jump_to(event.received_at)
        run.give(event)
    if run is None:
        raise ValueError("a history without an event")
    _pass(run, run.now + AFTERWARDS)
    messages = [Told(at, owed) for at, owed in run.sent]
    return Outcome(messages, run.whys, run.decisions, run.now)


def _pass(run: PureRun, until: datetime) -> None:
    while run.now + STRETCH < until and run.next_due is not None:
        run.run_until(run.now + STRETCH)
    run.run_until(until)


def compare(old: Outcome, new: Outcome) -> list[Change]:
    """Each message beside its like, in the order of time; what is equal in both is left out."""
    waiting: dict[tuple[object, ...], list[Told]] = {}
    for told in new.messages:
        waiting.setdefault(told.cause, []).append(told)
    changes = []
    for told in old.messages:
        like = waiting.get(told.cause)
        changes.append(Change(told, like.pop(0) if like else None))
    changes += [Change(None, told) for left in waiting.values() for told in left]
    changes = [one for one in changes if one.old is None or one.new is None or one.old.at != one.new.at]
    return sorted(changes, key=_time_of)


def _time_of(change: Change) -> datetime:
    told = change.new or change.old
    assert told is not None
    return told.at


def summary(outcome: Outcome, directory: Directory) -> dict[str, object]:
    """The figures a manager asks for; `off_hours` are messages to people outside of their working hours."""
    messages = outcome.messages
    people = [told for told in messages if told.owed.to in directory.people]
    a_day = Counter(
        (told.owed.to, told.at.astimezone(directory.zone_of(told.owed.to)).date()) for told in people
    )
    return {
        "messages": len(messages),
        "escalations": sum(told.is_escalation for told in messages),
        "off_hours": sum(_is_off_hours(told, directory) for told in people),
        "most_in_a_day": max(a_day.values(), default=0),
        "by_person": dict(Counter(told.owed.to for told in messages).most_common()),
        "by_template": dict(Counter(told.owed.template for told in messages).most_common()),
        "by_policy": dict(Counter(told.owed.policy for told in messages).most_common()),
        "silences": dict(Counter(str(why.reason.code) for why in outcome.silences).most_common()),
        "decisions": outcome.decisions,
    }


def _is_off_hours(told: Told, directory: Directory) -> bool:
    return directory.calendar_of(told.owed.to).working(told.at) != told.at
