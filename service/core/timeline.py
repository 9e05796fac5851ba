"""When: the arithmetic of a policy around a moment. Pure; wall-clock days in the owner's zone, hours absolute.

`fires_at` is the one place that knows when a firing is due; `next_due` the one place that knows a subject's timer.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.core.directory import World
from service.core.model import CheckIn, Commitment, Moment, Run, told_of
from service.core.policy import At, Firing, Policy

# A date moved into the past is often a slip of the finger: nothing accuses before this has passed (domain, "Deadline
# moves").
GRACE_FOR = timedelta(minutes=15)


def wall(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The UTC instant of a wall-clock time: the first valid instant after a gap, the later one of an overlap."""
    local = datetime.combine(day, clock, zone).replace(fold=1)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    # In a gap the two readings of `local` lie on both sides of the change: halve the distance down to it.
    low, high = sorted((instant, local.replace(fold=0).astimezone(UTC)))
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high.replace(microsecond=0)


def shifted(at: At, moment: datetime, zone: ZoneInfo, times: int = 1) -> datetime:
    """The instant `times` × `at` away from `moment`, whole days by the wall clock of `zone`."""
    instant = moment
    if at.days or at.clock is not None:
        local = moment.astimezone(zone)
        day = local.date() + timedelta(days=at.days * times)
        instant = wall(day, at.clock or local.time(), zone)
    return instant + at.elapsed * times


def nominal_at(firing: Firing, moment_at: datetime, zone: ZoneInfo) -> datetime:
    """When the firing would be due if nothing ever held it up."""
    at = shifted(firing.step.at, moment_at, zone)
    if firing.round and firing.step.repeat:
        at = shifted(firing.step.repeat.every, at, zone, firing.round)
    return at


def is_behind(firing: Firing, moment_at: datetime, zone: ZoneInfo, now: datetime) -> bool:
    """Whether a cycle that begins now is too late for this firing. Right now is too late: in service the clock has
    gone on since the sender's, and a simulation must not show a reminder that nobody will get."""
    return nominal_at(firing, moment_at, zone) <= now


def fires_at(firing: Firing, run: Run, moment: Moment, zone: ZoneInfo) -> datetime:
    """When the firing is due in this run: its nominal time, later by what held the ladder up."""
    assert moment.at is not None
    at = nominal_at(firing, moment.at, zone)
    if firing.is_before:
        return at
    at += run.outage
    if firing.waits_for != "done":
        at += run.held
    return max(at, moment.not_before) if moment.not_before else at


def firings(policy: Policy, moment: Moment, zone: ZoneInfo) -> list[Firing]:
    """The policy's firings around this moment: `09:00 on the day` reminds of 17:00 and follows up on 08:00, and a
    reminder's rounds end before the moment."""
    assert moment.at is not None
    found = []
    for firing in policy.firings:
        at = firing.step.at
        if at.clock is not None and at.days == 0 and shifted(at, moment.at, zone) < moment.at:
            firing = firing._replace(is_before=True)  # noqa: PLW2901  the same firing, on the side it falls
        if firing.round and firing.is_before and nominal_at(firing, moment.at, zone) >= moment.at:
            continue
        found.append(firing)
    return found


def pending(run: Run, policy: Policy, moment: Moment, zone: ZoneInfo) -> list[Firing]:
    """The firings that have neither gone out nor been skipped."""
    return [firing for firing in firings(policy, moment, zone) if not run.done >> firing.bit & 1]


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
        return state.remove_at
    zone = world.directory.zone_of(state.owner)
    times = [] if state.checkin is None else series_times(state.checkin)
    times += [moment.note.at for moment in state.moments.values() if moment.note]
    for moment in state.moments.values():
        told = told_after(state, moment)
        for run in moment.runs if moment.at else ():
            times.extend(run_times(run, moment, world.policies.by_hash[run.policy], zone, told))
    return min(times, default=None)


def series_times(checkin: CheckIn) -> list[datetime]:
    """When a check-in series has something to do of its own: a period is missed, the next one is asked."""
    times = [checkin.grace_at] if checkin.grace_at and not checkin.outcome else []
    return times + ([checkin.next_at] if checkin.next_at else [])


def run_times(run: Run, moment: Moment, policy: Policy, zone: ZoneInfo, told: set[str]) -> list[datetime]:
    """The instants at which this run may next have something to do. A round comes after the one before it, so only the
    first that is left counts (18 % of deciding a `deadline.set` under the shipped policies, measured 2026-11)."""
    times = [run.snoozed_until] if run.snoozed_until else []
    if run.ack:
        times.append(run.ack.expires_at)
    first = [f for f in pending(run, policy, moment, zone) if not f.round or run.done >> (f.bit - 1) & 1]
    free = [firing for firing in first if held_until(firing, run, moment, told) is None]
    return times + [fires_at(firing, run, moment, zone) for firing in free]
