"""When: the arithmetic of a policy around a moment. Pure; wall-clock days in the owner's zone, hours absolute.

`fires_at` is the one place that knows when a firing is due; `next_due` the one place that knows a subject's timer.
"""

from datetime import datetime, timedelta
from functools import lru_cache

from service.core.calendar import CACHED, Calendar
from service.core.directory import World
from service.core.model import CheckIn, Commitment, Moment, Run, told_of
from service.core.policy import Firing, Policy
from service.core.quiet import told_before

# A date moved into the past is often a slip of the finger: nothing accuses before this has passed (domain, "Deadline
# moves").
GRACE_FOR = timedelta(minutes=15)


@lru_cache(maxsize=CACHED)  # asked for again by every decision until the moment moves
def nominal_at(firing: Firing, moment_at: datetime, calendar: Calendar) -> datetime:
    """When the firing would be due if nothing ever held it up."""
    at = calendar.shifted(firing.step.at, moment_at)
    if firing.round and firing.step.repeat:
        at = calendar.shifted(firing.step.repeat.every, at, firing.round)
    if calendar.quiet and firing.is_before and firing.heeds_quiet:
        return told_before(calendar.quiet, calendar.zone, at, moment_at)
    return at


def is_behind(firing: Firing, moment_at: datetime, calendar: Calendar, now: datetime) -> bool:
    """Whether a cycle that begins now is too late for this firing. Right now is too late: in service the clock has
    gone on since the sender's, and a simulation must not show a reminder that nobody will get."""
    return nominal_at(firing, moment_at, calendar) <= now


def fires_at(firing: Firing, run: Run, moment: Moment, calendar: Calendar) -> datetime:
    """When the firing is due in this run: as reckoned, but not before the moment's grace is over; and business time
    that was held up goes on at an opening, not at the end of a working day."""
    at = reckoned_at(firing, run, moment, calendar)
    if firing.is_before:
        return at
    if (begins := counted_from(firing, run, moment, calendar)) and firing.step.repeat:
        return calendar.shifted(firing.step.repeat.every, begins, firing.round)
    if moment.not_before is not None and at < moment.not_before:
        return calendar.working(moment.not_before) if firing.is_business else moment.not_before
    return calendar.opening(at) if firing.is_business and held_up(firing, run) else at


def counted_from(firing: Firing, run: Run, moment: Moment, calendar: Calendar) -> datetime | None:
    """When the step of this round begins, where that waits for an opening: rounds of so many hours come after it. None
    where the round is reckoned like its step."""
    is_of_hours = (
        firing.round and firing.step.repeat and firing.step.at.is_business and not firing.is_business
    )
    if firing.is_before or not is_of_hours:
        return None
    step = firing._replace(round=0)
    begins = fires_at(step, run, moment, calendar)
    is_late = begins > reckoned_at(step, run, moment, calendar) and begins != moment.not_before
    return begins if is_late else None


def reckoned_at(firing: Firing, run: Run, moment: Moment, calendar: Calendar) -> datetime:
    """When the firing would be due around a moment as much later as the ladder was held up."""
    assert moment.at is not None
    by = held_up(firing, run)
    at = nominal_at(firing, moment.at + by, calendar)
    # A day that begins later may be worked from an earlier hour on; what was held up is not early for that.
    return max(at, nominal_at(firing, moment.at, calendar)) if by > timedelta() else at


def held_up(firing: Firing, run: Run) -> timedelta:
    """How much later the moment counts for this firing; nothing before the moment is held up."""
    if firing.is_before:
        return timedelta()
    return run.outage if firing.waits_for == "done" else run.outage + run.held


def later_by(firing: Firing, run: Run, moment: Moment, calendar: Calendar, at: datetime) -> timedelta:
    """How much later than now the moment must count for the firing to be due at `at`; negative to pull it forward."""
    assert moment.at is not None
    due_at = reckoned_at(firing, run, moment, calendar)
    if firing.step.at.clock is not None:
        return at - due_at
    around = at
    if firing.round and firing.step.repeat:
        around = calendar.shifted(firing.step.repeat.every, at, -firing.round)
    by = calendar.shifted(firing.step.at, around, -1) - moment.at - held_up(firing, run)
    # Working hours may round a day's way back past the moment itself: then nothing is moved.
    return max(by, timedelta()) if at >= due_at else min(by, timedelta())


def firings(policy: Policy, moment: Moment, calendar: Calendar) -> tuple[Firing, ...]:
    """The policy's firings around this moment: `09:00 on the day` reminds of 17:00 and follows up on 08:00, and a
    reminder's rounds end before the moment; of those that quiet time brings to one instant only the first is one."""
    assert moment.at is not None
    return _firings(policy, moment.at, calendar)


@lru_cache(maxsize=CACHED)
def _firings(policy: Policy, moment_at: datetime, calendar: Calendar) -> tuple[Firing, ...]:
    found = list[Firing]()
    for firing in policy.firings:
        at = firing.step.at
        if at.clock is not None and at.days == 0 and calendar.shifted(at, moment_at) < moment_at:
            firing = firing._replace(is_before=True)  # noqa: PLW2901  the same firing, on the side it falls
        if firing.round and firing.is_before:
            comes_at = nominal_at(firing, moment_at, calendar)
            if comes_at >= moment_at or comes_at <= nominal_at(
                firing._replace(round=firing.round - 1), moment_at, calendar
            ):
                continue
        found.append(firing)
    return tuple(found)


def pending(run: Run, policy: Policy, moment: Moment, calendar: Calendar) -> list[Firing]:
    """The firings that have neither gone out nor been skipped."""
    return [firing for firing in firings(policy, moment, calendar) if not run.done >> firing.bit & 1]


def held_until(firing: Firing, run: Run, moment: Moment, told_after: set[str]) -> datetime | None:
    """Until when an acknowledgement or a snooze holds this firing back; None when nothing does.

    An acknowledgement from before the moment is "I know", not "I know that it was missed": it holds nothing after.
    """
    until: list[datetime] = []
    waits_for = firing.waits_for
    if run.snoozed_until and (firing.is_before or waits_for != "done"):
        until.append(run.snoozed_until)
    if run.ack and waits_for != "done" and moment.at:
        counts = firing.is_before or run.ack.at >= moment.at
        if counts and (waits_for == "acknowledged" or told_after <= set(run.acked_by)):
            until.append(run.ack.expires_at)
    return max(until) if until else None


def told_after(state: Commitment, moment: Moment) -> set[str]:
    """Everyone who knows that the moment was missed (channels cannot answer, so they do not count)."""
    return {t.to for t in told_of(state, moment) if t.after and not t.to.startswith("channel:")}


def next_due(state: Commitment, world: World) -> datetime | None:
    """The subject's next timer, derived from its state alone; None when nothing can ever be due."""
    if state.remove_at is not None:
        return min([state.remove_at, *(moment.note.at for moment in state.moments.values() if moment.note)])
    calendar = world.directory.calendar_of(state.owner)
    times = [] if state.checkin is None else series_times(state.checkin)
    times += [moment.note.at for moment in state.moments.values() if moment.note]
    for moment in state.moments.values():
        told = told_after(state, moment)
        for run in moment.runs if moment.at else ():
            times.extend(run_times(run, moment, world.policies.by_hash[run.policy], calendar, told))
    return min(times, default=None)


def series_times(checkin: CheckIn) -> list[datetime]:
    """When a check-in series has something to do of its own: a period is missed, the next one is asked."""
    times = [checkin.grace_at] if checkin.grace_at and not checkin.outcome else []
    return times + ([checkin.next_at] if checkin.next_at else [])


def run_times(run: Run, moment: Moment, policy: Policy, calendar: Calendar, told: set[str]) -> list[datetime]:
    """The instants at which this run may next have something to do."""
    if run.ack is None and run.snoozed_until is None:
        at = first_at(run, moment, policy, calendar)
        return [at] if at else []
    times = [run.snoozed_until] if run.snoozed_until else []
    if run.ack:
        times.append(run.ack.expires_at)
    return times + [
        at for at, f in timed(run, moment, policy, calendar) if held_until(f, run, moment, told) is None
    ]


def first_at(run: Run, moment: Moment, policy: Policy, calendar: Calendar) -> datetime | None:
    """When a run that nothing holds back has something to do; None: nothing any more."""
    return _first(policy, calendar, moment.at, moment.not_before, run.done, run.outage, run.held)


def timed(run: Run, moment: Moment, policy: Policy, calendar: Calendar) -> list[tuple[datetime, Firing]]:
    """What is pending, each with its time, whatever may hold it back."""
    times = _times(policy, calendar, moment.at, moment.not_before, run.outage, run.held)
    return [(at, firing) for at, firing in times if not run.done >> firing.bit & 1]


@lru_cache(maxsize=CACHED)
def _times(
    policy: Policy,
    calendar: Calendar,
    at: datetime | None,
    not_before: datetime | None,
    outage: timedelta,
    held: timedelta,
) -> tuple[tuple[datetime, Firing], ...]:
    """Every firing with its time, which changes with the date and with what held the ladder up, not as steps go out."""
    moment, run = Moment(at, not_before=not_before), Run("", outage=outage, held=held)
    return tuple(
        (fires_at(firing, run, moment, calendar), firing) for firing in firings(policy, moment, calendar)
    )


@lru_cache(maxsize=CACHED)
def _first(
    policy: Policy,
    calendar: Calendar,
    at: datetime | None,
    not_before: datetime | None,
    done: int,
    outage: timedelta,
    held: timedelta,
) -> datetime | None:
    """Every decision asks, and few change what this depends on: 7 of 60 µs under the simplest ladder (measured
    2026-11)."""
    moment, run = Moment(at, not_before=not_before), Run("", done, outage=outage, held=held)
    return min((at for at, _ in timed(run, moment, policy, calendar)), default=None)
