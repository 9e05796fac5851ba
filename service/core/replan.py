"""What a changed configuration means for a subject that is open: which of its policies would be others, and the step
from one version to the next. `plan` shows what `plan --apply` does, because both are this page.

A subject keeps the version it runs under until somebody says otherwise. Then what has fired stays fired, whatever it
is called from now on lies below it; what is new and has passed is put on record, never sent late.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from service.core.calendar import Calendar
from service.core.draft import Draft
from service.core.events import PolicyMove, PolicyReplaced
from service.core.ids import split_subject
from service.core.ladder import policy_of, skip, step_of
from service.core.model import Moment, Run, told_of
from service.core.policy import Firing, Policy
from service.core.reasons import Code
from service.core.series import is_closed
from service.core.timeline import (
    fires_at,
    firings,
    held_until,
    is_behind,
    later_by,
    pending,
    run_times,
    told_after,
)


class Place(NamedTuple):
    """One policy at work, and where."""

    moment: Moment
    run: Run
    policy: Policy


def wanted(draft: Draft) -> list[PolicyMove]:
    """What the configuration would change here: another version, a policy that is gone, one that applies now."""
    if draft.state.status != "open":
        return []
    live = {policy.name: policy for policy in draft.world.policies.of_family(split_subject(draft.subject)[0])}
    running = {place.policy.name: place.run.policy for place in places(draft)}
    moves = [
        PolicyMove(policy=name, old=old, new=live[name].hash if name in live else "")
        for name, old in running.items()
        if name not in live or live[name].hash != old
    ]
    begun = [policy for policy in live.values() if policy.name not in running and _applies(draft, policy)]
    return moves + [PolicyMove(policy=policy.name, new=policy.hash) for policy in begun]


def places(draft: Draft) -> list[Place]:
    """Every policy at work on the subject."""
    moments = draft.state.moments.values()
    return [Place(moment, run, policy_of(draft, run)) for moment in moments for run in moment.runs]


def first_left(place: Place, calendar: Calendar) -> list[Firing]:
    """What may fire next: a round comes after the one before it."""
    done = place.run.done
    left = pending(place.run, place.policy, place.moment, calendar)
    return [firing for firing in left if not firing.round or done >> (firing.bit - 1) & 1]


def on_replaced(draft: Draft, data: PolicyReplaced) -> None:
    """Somebody who runs the service has seen what changes, and wants it."""
    if draft.state.status != "open":
        draft.because(Code.CLOSED, "it is not open; no policy of it is replaced")
        return
    for move in data.moves:
        _replace(draft, move)


def _replace(draft: Draft, move: PolicyMove) -> None:
    place = next((one for one in places(draft) if one.policy.name == move.policy), None)
    new = draft.world.policies.by_hash.get(move.new)
    if (place.run.policy if place else "") != move.old:
        draft.because(Code.UNCHANGED, f"{move.policy} is not what it was when this was planned")
    elif move.new and (new is None or (new.name, new.family) != (move.policy, _family(draft))):
        draft.because(Code.REFUSED, f"there is no version {move.new} of {move.policy} for it")
    elif place is not None and _is_due(draft, place):
        draft.because(
            Code.UNCHANGED, f"{move.policy} has a step that is due right now; plan again when it is taken"
        )
    elif place is not None and new is not None and new.moment in _names_of(draft, place.moment):
        draft.because(Code.POLICY_REPLACED, f"{move.policy} is at work in version {new.hash} from now on")
        _carry(draft, place, new)
    else:
        if place is not None:
            place.moment.runs.remove(place.run)
            draft.because(Code.POLICY_REPLACED, f"{move.policy} ends: version {move.old} is not in force")
        if new is not None:
            _begin(draft, new)


def _family(draft: Draft) -> str:
    return split_subject(draft.subject)[0]


def _names_of(draft: Draft, moment: Moment) -> list[str]:
    return [name for name, known in draft.state.moments.items() if known is moment]


def _is_due(draft: Draft, place: Place) -> bool:
    """Whether a timer of the old version only waits to be fired: what it owes must not be lost on the way."""
    if place.moment.at is None:
        return False
    calendar, told = _calendar(draft), told_after(draft.state, place.moment)
    times = run_times(place.run, place.moment, place.policy, calendar, told)
    return any(at <= draft.now for at in times)


def _applies(draft: Draft, policy: Policy) -> bool:
    """Whether a policy that is not at work here would begin, were it to match now."""
    moment = draft.state.moments.get(policy.moment)
    is_over = draft.state.checkin is not None and is_closed(draft.state.checkin)
    if moment is None or is_over or (draft.state.checkin is not None and not draft.state.checkin.period):
        return False
    return draft.holds(policy.when, True, moment, policy, f"`when` of policy {policy.name}")


def _begin(draft: Draft, policy: Policy) -> None:
    if not _applies(draft, policy):
        draft.because(Code.UNCHANGED, f"{policy.name} does not apply to it")
        return
    moment, run = draft.state.moments[policy.moment], Run(policy.hash)
    is_silent = any(_is_silent(draft, one) for one in places(draft) if one.moment is moment)
    moment.runs.append(run)
    draft.because(Code.POLICY_REPLACED, f"{policy.name} is at work on it from now on")
    if is_silent:
        _stay_silent(draft, run, policy)
        return
    _settle(draft, Place(moment, run, policy), policy, _told_by(draft, moment, policy))


def _carry(draft: Draft, place: Place, new: Policy) -> None:
    """Answers, delays and counts stay with the run; its firings are known again by step and round."""
    moment, run, old = place
    if _is_silent(draft, place):
        run.policy = new.hash
        _stay_silent(draft, run, new)
        return
    taken = {_id(firing) for firing in old.firings if run.done >> firing.bit & 1}
    last = next((_id(firing) for firing in old.firings if firing.bit == run.last), None)
    run.policy = new.hash
    _settle(draft, Place(moment, run, new), old, taken | _told_by(draft, moment, old))
    known = {_id(firing): firing.bit for firing in new.firings}
    # A last step that is called something else now: what stands highest of what is over takes its place.
    run.last = -1 if last is None else known.get(last, run.done.bit_length() - 1)


def _is_silent(draft: Draft, place: Place) -> bool:
    """Whether it was imported overdue: of a moment that had passed when it was first heard of, all is over, and nobody
    was ever told. A late one that is no import is told of at once."""
    moment, run, policy = place
    opened_at, is_told = draft.state.opened_at, bool(told_of(draft.state, moment))
    if moment.at is None or opened_at is None or moment.at > opened_at or is_told:
        return False
    return bool(policy.firings) and run.last < 0 and run.done == (1 << len(policy.firings)) - 1


def _stay_silent(draft: Draft, run: Run, policy: Policy) -> None:
    run.done = (1 << len(policy.firings)) - 1
    draft.because(Code.IMPORTED, f"{policy.name} stays silent: an imported commitment never fires backwards")


def _told_by(draft: Draft, moment: Moment, policy: Policy) -> set[tuple[str, int]]:
    """What somebody was told in this cycle, even if a version in between did not know the step."""
    told = told_of(draft.state, moment)
    return {(one.step, 0) for one in told if one.policy == policy.name and one.cycle == moment.cycle}


def _settle(draft: Draft, place: Place, old: Policy, taken: set[tuple[str, int]]) -> None:
    """Let the run stand where it would be: what was taken is over, what has passed is passed over, the rest ahead."""
    moment, run, policy = place
    run.done = sum(1 << firing.bit for firing in policy.firings if _id(firing) in taken)
    if moment.at is None:
        return
    calendar = _calendar(draft)
    base = _reached(old, policy, taken, moment, calendar)
    reached = {step for step, _ in taken}
    for firing in pending(run, policy, moment, calendar):
        if _has_passed(draft, firing, place, base, reached):
            skip(draft, run, firing, Code.PASSED, f"{step_of(policy, firing)} lay in the past already")
    _count_from_now(draft, place, base)


def _reached(
    old: Policy, new: Policy, taken: set[tuple[str, int]], moment: Moment, calendar: Calendar
) -> datetime:
    """How high the ladder has been climbed: the place around the moment of the highest step taken, by the new version
    where that knows it. The moment itself where none is."""
    assert moment.at is not None
    known = {step.id for step in new.steps}
    around = list(firings(new, moment, calendar))
    around += [firing for firing in firings(old, moment, calendar) if firing.step.id not in known]
    after = [firing for firing in around if not firing.is_before and _id(firing) in taken]
    return max((_level(firing, moment, calendar) for firing in after), default=moment.at)


def _has_passed(draft: Draft, firing: Firing, place: Place, base: datetime, reached: set[str]) -> bool:
    """Reminders by their time. After the moment: what lies below the step that was reached, and what stands beside it
    and would be due, but no round of itself; the step at the moment itself, when nothing was said then, is no news any
    more."""
    moment, run, _ = place
    assert moment.at is not None
    calendar = _calendar(draft)
    if firing.is_before:
        return moment.at <= draft.now or is_behind(firing, moment.at, calendar, draft.now)
    level = _level(firing, moment, calendar)
    if firing.round and level == base and firing.step.id in reached:
        return False
    return level < base or (level == base and fires_at(firing, run, moment, calendar) <= draft.now)


def _count_from_now(draft: Draft, place: Place, base: datetime) -> None:
    """Of a ladder whose next step is overdue, the next step comes as long from now as it stands above the last one, a
    round one interval from now; the rest keeps its distance. So nobody is told at once because somebody has written
    another time."""
    moment, run, policy = place
    calendar, told = _calendar(draft), told_after(draft.state, moment)
    ahead = [
        (fires_at(firing, run, moment, calendar), firing)
        for firing in first_left(place, calendar)
        if not firing.is_before and held_until(firing, run, moment, told) is None
    ]
    due_at, following = min(ahead, key=lambda pair: pair[0], default=(draft.now, None))
    if following is None or due_at > draft.now:
        return
    at = draft.now + (_level(following, moment, calendar) - base)
    if following.round and following.step.repeat:
        at = calendar.shifted(following.step.repeat.every, at)
    at = calendar.working(at) if following.is_business else at
    run.outage += later_by(following, run, moment, calendar, at)
    # `16:00 on the day` comes at 16:00 of whatever day the moment counts for: hours alone may not move it.
    while fires_at(following, run, moment, calendar) <= draft.now:
        run.outage += timedelta(days=1)
    draft.because(
        Code.RESCHEDULED, f"{step_of(policy, following)} was overdue already; it is counted from now"
    )


def _level(firing: Firing, moment: Moment, calendar: Calendar) -> datetime:
    assert moment.at is not None
    return calendar.shifted(firing.step.at, moment.at)


def _id(firing: Firing) -> tuple[str, int]:
    return firing.step.id, firing.round


def _calendar(draft: Draft) -> Calendar:
    return draft.world.directory.calendar_of(draft.state.owner)


RULES: dict[str, Callable[[Draft, Any], None]] = {"policy.replaced": on_replaced}
