"""What happens next to a commitment, and what each step of its policies still waits for. Pure."""

from datetime import date, datetime
from typing import NamedTuple

from service.core.arithmetic import Worked, in_words, when, work_out
from service.core.calendar import Calendar
from service.core.directory import Directory
from service.core.model import Commitment, Moment, Run
from service.core.policy import Firing, Policy
from service.core.recipients import resolve
from service.core.timeline import held_until, pending, told_after
from service.core.view import CLOSED
from service.explaining.versions import Versions

_UNLESS = {"done": "unless it is done", "acknowledged": "unless it is acknowledged or done"}


class Ahead(NamedTuple):
    """One firing that is still to come."""

    name: str  # of the moment
    moment: Moment
    run: Run
    policy: Policy
    firing: Firing
    worked: Worked
    to: list[str]
    held_until: datetime | None

    @property
    def at(self) -> datetime:
        return max(self.worked.at, self.held_until) if self.held_until else self.worked.at

    def step_in_words(self) -> str:
        again = f" (round {self.firing.round + 1})" if self.firing.round else ""
        return f"step {self.firing.step.id} of {self.policy.name}{again}"

    def time_in_words(self, calendar: Calendar, directory: Directory, owner: str) -> str:
        assert self.moment.at is not None
        names = holidays_of(directory, owner)
        return in_words(self.worked, self.firing, self.name, self.moment.at, calendar, names)


def ahead(state: Commitment, versions: Versions) -> list[Ahead]:
    """Every firing that is still to come, the earliest first; what an acknowledgement holds comes after it."""
    graph = versions.settings.graph
    calendar, found = graph.calendar_of(state.owner), []
    for name, moment in state.moments.items():
        if moment.at is None or state.status in CLOSED:
            continue
        told = told_after(state, moment)
        for run in moment.runs:
            policy = versions.policies.get(run.policy)
            for firing in pending(run, policy, moment, calendar) if policy else ():
                assert policy is not None
                to = resolve(firing.step.notify, state, graph)
                worked = work_out(firing, run, moment, calendar)
                held = held_until(firing, run, moment, told)
                found.append(Ahead(name, moment, run, policy, firing, worked, to, held))
    return sorted(found, key=lambda one: (one.at, one.firing.bit))


def next_in_words(state: Commitment | None, versions: Versions) -> tuple[str, Ahead | None]:
    """What happens next, and the firing where it is one."""
    if state is None:
        return "nothing: it was closed long enough to be forgotten", None
    if state.status in CLOSED:
        return f"nothing: it is {state.status.replace('_', ' ')}", None
    steps = ahead(state, versions)
    if not steps:
        return "nothing more: no step is left", None
    first, calendar = steps[0], versions.settings.graph.calendar_of(state.owner)
    to = " and ".join(first.to) or "nobody, so the step after it comes at once"
    unless = _UNLESS.get(first.firing.waits_for, f"unless it is {first.firing.waits_for}")
    holder = held_by(first, calendar)
    held = f"; {holder}" if holder else ""
    said = f"{first.step_in_words()} to {to}, {when(first.at, calendar)} {calendar.zone.key}, {unless}{held}"
    return said, first


def held_by(one: Ahead, calendar: Calendar) -> str:
    """What holds the firing back, in words; empty when nothing does."""
    if one.held_until is None:
        return ""
    run, until = one.run, f"{when(one.held_until, calendar)} {calendar.zone.key}"
    if run.snoozed_until == one.held_until:
        return f"it is snoozed until {until}"
    by = " and ".join(run.acked_by) or (run.ack.by if run.ack else "somebody")
    return f'{by} said "I\'m on it", which holds it until {until}'


def holidays_of(directory: Directory, person: str) -> dict[date, str]:
    """What the holidays in this person's calendar are called."""
    known = directory.people.get(person)
    return dict(directory.holidays.get(known.calendar if known else "default", {}))
