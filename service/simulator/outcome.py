"""What a history leads to under a policy, and what another policy would have made of the same history.

The same decision as in service, on a virtual clock. Must not print: `cli/simulate.py` does.
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from service.core.directory import World
from service.core.effects import Owed, decode_owed
from service.core.events import CheckinScheduled, Event
from service.core.reasons import SPOKEN
from service.simulator.pure import OfPeople, PureRun, Why

# Time passes in stretches, so that a long silence is no loop and the caller hears how far it is.
STRETCH = timedelta(days=1)

# What follows from the last event is played for so long: longer than the longest ladder, and check-ins never end.
AFTERWARDS = timedelta(days=35)


# What tells of a miss, whatever is missed.
MISSES = frozenset({"missed", "escalated", "offer_help", "checkin_missed", "deal_stalled"})


class Told(NamedTuple):
    """One message that would have gone out; or a word of a digest, which went out with it."""

    at: datetime
    owed: Owed
    in_digest: bool = False

    @property
    def cause(self) -> tuple[object, ...]:
        """What it is about, whatever its time: the same message under another policy has the same."""
        owed = self.owed
        return owed.subject, owed.policy, owed.step, owed.round, owed.kind, owed.to, owed.template

    @property
    def escalations(self) -> list[Owed]:
        """What of it tells somebody else than the owner of a miss; a digest may hold several."""
        words = [told.owed for told in self.words]
        return [one for one in words if one.template in MISSES and one.to != one.facts.get("owner")]

    @property
    def words(self) -> "list[Told]":
        """What it tells, one by one: of a digest its parts."""
        parts = [decode_owed(part) for part in self.owed.parts]
        return [Told(self.at, part, in_digest=True) for part in parts] or [self]


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
    """A word of one outcome and its like in the other; None where there is none."""

    old: Told | None
    new: Told | None


def simulate(
    world: World,
    events: Iterable[Event],
    series: Sequence[CheckinScheduled] = (),
    of_people: OfPeople | None = None,
) -> Outcome:
    """Every event at its own time, every timer at its own. `events` by time; `series` are the check-ins there are.

    An event that arrives at the very moment of a timer is decided first, as in service.
    """
    run: PureRun | None = None
    with _uncollected():
        for event in events:
            if run is None:
                run = PureRun(world, event.received_at, of_people)
                run.schedule(series)
            _pass(run, event.received_at - timedelta(milliseconds=1))
            run.jump_to(event.received_at)
            run.give(event)
        if run is None:
            raise ValueError("a history without an event")
        run.schedule(())  # nobody is asked for a report that a history which is over cannot hold
        _pass(run, run.now + AFTERWARDS)
        messages = [Told(at, owed) for at, owed in run.sent]
    return Outcome(messages, run.whys, run.decisions, run.now)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: what a history leaves behind is kept to the end and holds no circles, and looking
    for some takes a seventh of the time (measured 2026-11, a quarter of fifty people)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()  # else all of it is looked through at once when this ends
            gc.enable()


def _pass(run: PureRun, until: datetime) -> None:
    while run.now + STRETCH < until and run.next_due is not None:
        run.run_until(run.now + STRETCH)
    run.run_until(until)


def compare(old: Outcome, new: Outcome) -> list[Change]:
    """Each word beside its like, in the order of time; what is equal in both is left out. A digest is what it tells:
    a message that waits for one under another policy is there in both."""
    waiting: dict[tuple[object, ...], list[Told]] = {}
    for told in (word for message in new.messages for word in message.words):
        waiting.setdefault(told.cause, []).append(told)
    changes = []
    for told in (word for message in old.messages for word in message.words):
        like = waiting.get(told.cause)
        changes.append(Change(told, like.pop(0) if like else None))
    changes += [Change(None, told) for left in waiting.values() for told in left]
    return sorted((one for one in changes if not _is_same(one)), key=_time_of)


def _is_same(change: Change) -> bool:
    old, new = change.old, change.new
    return old is not None and new is not None and (old.at, old.in_digest) == (new.at, new.in_digest)


def _time_of(change: Change) -> datetime:
    told = change.new or change.old
    assert told is not None
    return told.at
