"""Goals: a number to reach by the end of a period. What each of their events does to one; the table is at the end.

A goal counts milestones, each once, for ever: a number that is corrected and rises again is no second success. Reached,
it is done, and goes on counting: a milestone above its target is told as well, and a number that falls back opens it.
Its target is a milestone whatever it names: whoever was told of a miss hears of every end, a win is told once.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from service.core.closing import KEPT_CLOSED_FOR, MILESTONE, REACHED, close, react
from service.core.draft import Draft
from service.core.ending import end, open_again
from service.core.events import GoalClosed, GoalProgress, GoalSet
from service.core.ladder import match, policy_of
from service.core.merge import is_newer, stamp, take
from service.core.model import Goal, Moment, told_of
from service.core.planning import hand_over, moment_named, move, take_date
from service.core.reasons import Code
from service.core.timeline import GRACE_FOR
from service.core.view import CLOSED

FAMILY, MOMENT = "goal", "period_end"

# In per cent of the target, of a goal that names none; the target itself is one of every goal.
MILESTONES = (50, 80)
TARGET = 100
# More is a mistake in a number or in its unit.
PERCENT_MAX = 1_000_000
# Books are corrected within the day: what has not been by then is how the period ended.
LASTS_FOR = timedelta(days=1)

_FACTS = ("title", "url")
_GOAL_FACTS = ("metric", "target", "unit", "why", "milestones")


def _goal(draft: Draft) -> Goal:
    """The part of the state that only a goal has, with its moment there."""
    moment_named(draft, MOMENT)
    if draft.state.goal is None:
        draft.state.goal = Goal()
    return draft.state.goal


def _moment(draft: Draft) -> Moment:
    return draft.state.moments[MOMENT]


def on_set(draft: Draft, data: GoalSet) -> None:
    """A goal is set, or all of it is said again: perhaps another target, another period, another owner."""
    state, goal, at = draft.state, _goal(draft), draft.happened_at
    is_new = state.opened_at is None
    if data.period_end < data.period_start:
        draft.because(Code.REFUSED, "its period ends before it begins; nothing was changed")
        return
    if state.status in CLOSED and state.status != "met" and not is_new:
        draft.because(Code.CLOSED, "it is closed already; recorded, nothing follows")
        return
    if is_new:
        state.set_at, state.opened_at = at, draft.now
    old_owner = state.owner
    given: dict[str, object] = {**_whose(draft, data), **_given(data, _FACTS)}
    changed = take(state, given, at)
    numbers = {**_given(data, _GOAL_FACTS), "starts_on": data.period_start.isoformat()}
    changed |= take(state, numbers, at, goal)
    if is_new:
        _open(draft, data)
        return
    if "owner" in changed and state.status == "open":
        hand_over(draft, old_owner)
    is_moved = (
        move(draft, MOMENT, UNSET, data.period_end) if state.status == "open" else _prolong(draft, data)
    )
    if not changed and not is_moved:
        draft.because(Code.UNCHANGED, "it says nothing new")
    elif state.status == "open":
        match(draft)
    _count(draft)
    react(draft, _moment(draft))


def _prolong(draft: Draft, data: GoalSet) -> bool:
    """Another period of a goal that is reached: kept, for it may be open again at once by its new target."""
    moment = _moment(draft)
    old = moment.at
    take_date(draft, MOMENT, UNSET, data.period_end)
    if moment.at == old:
        return False
    assert moment.at is not None
    draft.state.remove_at = max(draft.now, moment.at) + KEPT_CLOSED_FOR
    draft.because(Code.RECORDED, f"its period ends at {draft.minute(moment.at)} now")
    return True


def _given(data: GoalSet, names: tuple[str, ...]) -> dict[str, object]:
    return {name: value for name in names if (value := getattr(data, name)) is not UNSET}


def _whose(draft: Draft, data: GoalSet) -> dict[str, object]:
    """A team's goal is its lead's to look after, and the team's to hear of."""
    directory = draft.world.directory
    team = None if data.owner in directory.people else directory.teams.get(data.owner)
    whose: dict[str, object] = {"owner": team.lead if team else data.owner}
    named = team.id if team else data.team
    return whose if named is UNSET else {**whose, "team": named}


def _open(draft: Draft, data: GoalSet) -> None:
    """The first time we hear of it as a whole; its number or its end may have come before (out of order)."""
    state, moment = draft.state, _moment(draft)
    take_date(draft, MOMENT, UNSET, data.period_end)
    if state.status in CLOSED:
        draft.because(Code.CLOSED, f"it was {state.status} before we heard of it")
        return
    state.status, state.remove_at = "open", None
    draft.because(Code.RECORDED, "a new goal")
    match(draft)
    react(draft, moment)
    _count(draft)


def on_progress(draft: Draft, data: GoalProgress) -> None:
    """The number as it stands now: the newest one counts."""
    state, goal = draft.state, _goal(draft)
    if state.status in CLOSED and state.status != "met":
        draft.because(Code.CLOSED, f"it is {state.status} already; recorded, nothing follows")
        return
    changed = take(state, {"value": data.value}, draft.happened_at, goal)
    if isinstance(data.note, str):
        take(state, {"note": data.note}, draft.happened_at)
    if state.opened_at is None:
        draft.because(Code.STUB, "we have not heard of this goal yet; kept until we do")
        return
    if not changed:
        draft.because(Code.UNCHANGED, "it says nothing new, or something newer is known")
        return
    _count(draft, data.by)
    if state.status == "open":
        match(draft)
    react(draft, _moment(draft))


def _count(draft: Draft, by: object = UNSET) -> None:
    """How far it is, and what follows: the end when the target is reached, a milestone on the way and beyond."""
    state, goal = draft.state, _goal(draft)
    if not goal.value:
        return
    state.progress = percent = percent_of(goal)
    unit = f" {goal.unit}" if goal.unit else ""
    draft.because(Code.RECORDED, f"{goal.value} of {goal.target}{unit}: {percent} %")
    marks = sorted({*(goal.milestones or MILESTONES), TARGET})
    passed = [one for one in marks if one <= percent and one not in goal.reached]
    goal.reached += passed
    is_first = TARGET in passed
    if state.status == "met" and percent < TARGET:
        _fall_back(draft)
    elif state.status == "open" and percent >= TARGET:
        _reach(draft, by if isinstance(by, str) else "", REACHED if is_first else None)
    if passed and not is_first:
        react(draft, _moment(draft), MILESTONE)


def _reach(draft: Draft, by: str, on: str | None) -> None:
    """There: the number and the target say so as they stand, in whatever order they came."""
    draft.because(Code.RECORDED, f"met at {draft.minute(draft.happened_at)}")
    _note_end(draft)
    close(draft, "met", min(draft.happened_at, draft.now), by, on=on)


def _note_end(draft: Draft) -> None:
    if is_newer(draft.state, "status", draft.happened_at):
        stamp(draft.state, "status", draft.happened_at)


def _fall_back(draft: Draft) -> None:
    """Short again. Where somebody was told so after the end of the period, they are told again only of what lasts: a
    number that swings about its target is one miss and one end of it. It is told again then, because "resolved" was
    the last word, and would stay wrong."""
    moment = _moment(draft)
    policies = [policy_of(draft, run) for run in moment.runs]
    news = {(policy.name, reaction.id) for policy in policies for reaction in policy.reactions}
    told = [one for one in told_of(draft.state, moment) if (one.policy, one.step) not in news]
    was_told = moment.at is not None and any(one.at >= moment.at for one in told)
    _note_end(draft)
    open_again(draft, LASTS_FOR if was_told else GRACE_FOR)


def percent_of(goal: Goal) -> int:
    """Whole per cent, rounded down: 99.9 % is not there. 0 where no target above zero is known."""
    target, value = Decimal(goal.target or 0), Decimal(goal.value or 0)
    if target <= 0 or value <= 0:
        return 0
    return min(int(value * 100 / target), PERCENT_MAX)


def on_closed(draft: Draft, data: GoalClosed) -> None:
    """Given up, or its period is over for good."""
    _goal(draft)
    end(draft, "cancelled", data.at, data.by)


RULES: dict[str, Callable[[Draft, Any], None]] = {
    "goal.set": on_set,
    "goal.progress": on_progress,
    "goal.closed": on_closed,
}
