"""Deadlines: what each of their events does to a commitment. The table is at the end; read it first.

Facts are merged by source time (merge.py); what follows from a change is in ladder.py and closing.py.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from msgspec import UNSET

from service.core.closing import close, note_move, react
from service.core.draft import Draft, Notice
from service.core.events import (
    DeadlineClosed,
    DeadlineMoved,
    DeadlineProgress,
    DeadlineReassigned,
    DeadlineSet,
)
from service.core.ladder import begin, match, moved_into_past, policy_of
from service.core.merge import is_newer, stamp, take
from service.core.model import Moment
from service.core.reasons import Code
from service.core.timeline import firings, is_behind, nominal_at, pending, wall
from service.core.view import CLOSED

FAMILY, MOMENT = "deadline", "due"

# Further away than this a date is probably a slip (safety, bad input): it is kept, and pages point at it.
FAR_OFF = timedelta(days=2 * 366)

_FACTS = ("title", "team", "kind", "importance", "description", "url", "deal_id", "goal_id")


def moment_of(draft: Draft) -> Moment:
    return draft.state.moments.setdefault(MOMENT, Moment())


def _begin_cycle(moment: Moment) -> None:
    """The date, the owner, or open and closed has changed: what was said to the cycle before is stale."""
    moment.cycle += 1
    moment.changed = moment.cycle


def on_set(draft: Draft, data: DeadlineSet) -> None:
    """A commitment is made, or all of it is said again: new facts, a new date, perhaps a new owner."""
    state, at = draft.state, draft.happened_at
    is_new = state.opened_at is None
    if state.status in CLOSED and not is_new and state.status != "no_date":
        draft.because(Code.CLOSED, "it is closed already; recorded, nothing follows")
        return
    if is_new:
        state.set_at, state.opened_at = at, draft.now
    old_owner = state.owner
    changed = take(state, {"owner": data.owner}, at)
    changed |= take(
        state, {name: value for name in _FACTS if (value := getattr(data, name)) is not UNSET}, at
    )
    if is_new:
        _open(draft, data)
        return
    if "owner" in changed:
        _hand_over(draft, old_owner)
    moved = move(draft, data.due_at, data.due_on, "", "")
    if not changed and not moved:
        draft.because(Code.UNCHANGED, "it says nothing new")
    elif state.status == "open":
        match(draft, MOMENT, FAMILY)
    react(draft, moment_of(draft))


def _open(draft: Draft, data: DeadlineSet) -> None:
    """The first time we hear of it as a whole; its end or a newer date may have come before (out of order)."""
    state, moment = draft.state, moment_of(draft)
    if is_newer(state, "due", draft.happened_at):
        _put_date(draft, moment, data.due_at, data.due_on)
        stamp(state, "due", draft.happened_at)
    elif moment.on:
        moment.at = _instant(draft, None, date.fromisoformat(moment.on))
    if state.status in CLOSED:
        _close_what_ended_before_it_began(draft, moment)
        return
    state.status, state.remove_at = "open", None
    draft.because(Code.RECORDED, "a new commitment")
    if moment.at is None:
        _without_date(draft, moment)
        return
    match(draft, MOMENT, FAMILY)
    if moment.at <= draft.now and moment.runs and not (draft.event and draft.event.is_import):
        _tell_already_late(draft, moment)
    react(draft, moment)


def _close_what_ended_before_it_began(draft: Draft, moment: Moment) -> None:
    """`met` overtook `set`: nobody needs a reminder any more, but a win still deserves its reaction."""
    state = draft.state
    draft.because(Code.CLOSED, f"it was {state.status} before we heard of it")
    if state.status == "met" and not (draft.event and draft.event.is_import):
        match(draft, MOMENT, FAMILY)
        react(draft, moment, "deadline.met")
    moment.runs = []


def _tell_already_late(draft: Draft, moment: Moment) -> None:
    """Due before it was told to us: the owner hears so once; the ladder after the moment counts from now.

    It stands for what the policies tell the owner at the moment; whomever else they tell then hears at once as well.
    """
    owner, zone = draft.state.owner, draft.world.directory.zone_of(draft.state.owner)
    text = "it was already late when it was recorded"
    policies = [policy_of(draft, run) for run in moment.runs]
    for run, policy in zip(moment.runs, policies, strict=True):
        for firing in firings(policy, moment, zone):
            is_now = not firing.is_before and nominal_at(firing, moment.at or draft.now, zone) == moment.at
            if is_now and firing.step.notify.names == ("owner",):
                run.done |= 1 << firing.bit
    live = sorted((policy for policy in policies if policy.steps), key=lambda policy: policy.mode != "live")
    if live and draft.tell(
        Notice(owner, "missed", "~already_late", moment, [text], live[0], until="acknowledged", after=True)
    ):
        draft.because(Code.ALREADY_LATE, f"{owner} is told: {text}")


def on_moved(draft: Draft, data: DeadlineMoved) -> None:
    by = data.by or "" if data.by is not UNSET else ""
    reason = data.reason or "" if data.reason is not UNSET else ""
    state = draft.state
    if state.opened_at is None:
        _note_on_stub(draft, data)
    elif state.status in CLOSED and state.status != "no_date":
        draft.because(Code.CLOSED, "it is closed; recorded, nothing follows")
    elif not move(draft, data.due_at, data.due_on, by, reason):
        draft.because(Code.UNCHANGED, "the date stays as it is")


def _note_on_stub(draft: Draft, data: DeadlineMoved) -> None:
    if is_newer(draft.state, "due", draft.happened_at):
        _put_date(draft, moment_of(draft), data.due_at, data.due_on)
        stamp(draft.state, "due", draft.happened_at)
    draft.because(Code.STUB, "we have not heard of this commitment yet; kept until we do")


def move(draft: Draft, due_at: object, due_on: object, by: str, reason: str) -> bool:
    """Apply a new date, or its removal; whether anything changed."""
    state, moment, at = draft.state, moment_of(draft), draft.happened_at
    if due_at is UNSET and due_on is UNSET:
        return False
    if not is_newer(state, "due", at):
        draft.because(Code.OLDER, "a newer date is known")
        return False
    old = moment.at
    _put_date(draft, moment, due_at, due_on)
    stamp(state, "due", at)
    if moment.at == old and (old is not None or state.status == "no_date"):
        return False
    if moment.at is None:
        _without_date(draft, moment, old, by)
        return True
    if state.status == "no_date":
        state.status, state.closed_at, state.remove_at = "open", None, None
        state.flags = [flag for flag in state.flags if flag != "no_date"]
    replan(draft, moment, old, by, reason)
    return True


def replan(draft: Draft, moment: Moment, old: datetime | None, by: str = "", reason: str = "") -> None:
    """The date is another one: a new cycle from its first step that still lies ahead."""
    zone = draft.world.directory.zone_of(draft.state.owner)
    assert moment.at is not None
    _begin_cycle(moment)
    jumped = False
    start = moved_into_past(draft, moment)
    for run in moment.runs:
        waiting = [f for f in pending(run, policy_of(draft, run), moment, zone) if f.is_before]
        jumped |= any(is_behind(firing, moment.at, zone, draft.now) for firing in waiting)
        begin(draft, moment, run, start)
    earlier = old is not None and moment.at < old
    moment.slips += old is not None and moment.at > old
    draft.because(Code.RESCHEDULED, f"due {moment.at:%Y-%m-%d %H:%M} UTC now")
    note_move(draft, moment, old, earlier and jumped, by, reason)
    match(draft, MOMENT, FAMILY)


def _without_date(draft: Draft, moment: Moment, old: datetime | None = None, by: str = "") -> None:
    """No date, no timers: closed as such, and flagged so that somebody gives it one."""
    moment.at, moment.on = None, ""
    if "no_date" not in draft.state.flags:
        draft.state.flags.append("no_date")
    draft.because(Code.NO_DATE, "it has no date; nobody can be reminded of it")
    close(draft, moment, "no_date", draft.now, by, old)


def on_reassigned(draft: Draft, data: DeadlineReassigned) -> None:
    old = draft.state.owner
    if draft.state.opened_at is None:
        take(draft.state, {"owner": data.owner}, draft.happened_at)
        draft.because(Code.STUB, "we have not heard of this commitment yet; kept until we do")
    elif draft.state.status in CLOSED:
        if take(draft.state, {"owner": data.owner}, draft.happened_at):
            _begin_cycle(moment_of(draft))  # the owner of before takes nothing back any more
        draft.because(Code.CLOSED, "it is closed; recorded, nothing follows")
    elif not is_newer(draft.state, "owner", draft.happened_at):
        draft.because(Code.OLDER, "a newer owner is known")
    elif not take(draft.state, {"owner": data.owner}, draft.happened_at):
        draft.because(Code.UNCHANGED, f"{data.owner} owns it already")
    else:
        _hand_over(draft, old)
        react(draft, moment_of(draft))


def _hand_over(draft: Draft, old_owner: str) -> None:
    """A new owner starts afresh: old answers do not bind, and whoever was told before learns who has it now."""
    state, moment = draft.state, moment_of(draft)
    draft.because(Code.RECORDED, f"{state.owner} owns it now")
    _begin_cycle(moment)
    if moment.on:
        moment.at = _instant(draft, None, date.fromisoformat(moment.on))
    was_told, in_trouble = any(told.to == old_owner for told in state.told), any(t.after for t in state.told)
    for run in moment.runs:
        begin(draft, moment, run)
    extra: dict[str, object] = {"from_owner": old_owner, "to_owner": state.owner}
    text = f"handed over from {old_owner} to {state.owner}"
    if was_told and old_owner:
        farewell = Notice(old_owner, "replanned", "~handed_over", moment, ["it changed hands"], extra=extra)
        farewell.is_farewell = True
        draft.tell(farewell)
        draft.because(Code.HANDED_OVER, f"{old_owner} is told: {text}")
    if in_trouble:
        draft.tell(
            Notice(state.owner, "replanned", "~handed_over", moment, ["it changed hands"], extra=extra)
        )
        draft.because(Code.HANDED_OVER, f"{state.owner} is told: {text}")
    state.told = [told for told in state.told if told.to != old_owner]


def on_progress(draft: Draft, data: DeadlineProgress) -> None:
    values = {"progress": data.percent, "confidence": data.confidence, "note": data.note}
    changed = take(draft.state, {name: v for name, v in values.items() if v is not UNSET}, draft.happened_at)
    if not changed:
        draft.because(Code.UNCHANGED, "it says nothing new, or something newer is known")
    else:
        draft.because(Code.RECORDED, f"progress recorded: {', '.join(sorted(changed))}")
        if draft.state.status == "open":
            match(draft, MOMENT, FAMILY)
    react(draft, moment_of(draft))


def _is_stale(draft: Draft, data: DeadlineClosed) -> bool:
    """Whether an end, or taking it back, was said to something that is over, with the reason.

    The owner's word stands although the date has moved since: done is done. It does not stand when the commitment
    was reopened since. Anybody else's is stale as every answer is: by a new date, owner, or open and closed.
    """
    moment = draft.state.moments.get(MOMENT)
    if draft.state.opened_at is None or moment is None or not isinstance(data.as_of, int):
        return False
    if data.as_of < moment.reopened:
        draft.because(Code.STALE_ANSWER, "it was reopened since that message; nothing was changed")
        return True
    if data.by != draft.state.owner and data.as_of < moment.changed:
        draft.because(
            Code.STALE_ANSWER, "the date or the owner has changed since that message; nothing was changed"
        )
        return True
    return False


def on_met(draft: Draft, data: DeadlineClosed) -> None:
    _end(draft, data, "met")


def on_cancelled(draft: Draft, data: DeadlineClosed) -> None:
    _end(draft, data, "cancelled")


def _end(draft: Draft, data: DeadlineClosed, status: str) -> None:
    state, at = draft.state, draft.happened_at
    when = data.at if isinstance(data.at, datetime) else at
    by = data.by if isinstance(data.by, str) else ""
    if _is_stale(draft, data):
        return
    if state.status == status:
        draft.because(Code.UNCHANGED, f"it is {status} already")
    elif not is_newer(state, "status", at):
        draft.because(Code.OLDER, "something newer is known about its end")
    elif state.status in CLOSED and state.status != "no_date":
        draft.because(Code.CLOSED, f"it is {state.status} already; recorded, nothing follows")
    else:
        stamp(state, "status", at)
        draft.because(
            Code.RECORDED if state.opened_at else Code.STUB, f"{status} at {when:%Y-%m-%d %H:%M} UTC"
        )
        close(draft, moment_of(draft), status, min(when, draft.now), by)


def on_reopened(draft: Draft, data: DeadlineClosed) -> None:
    """Open again, in a new cycle; a moment that has passed meanwhile gets the grace of a date moved into the past."""
    state, moment, at = draft.state, moment_of(draft), draft.happened_at
    if _is_stale(draft, data):
        return
    if not is_newer(state, "status", at):
        draft.because(Code.OLDER, "something newer is known about its end")
        return
    stamp(
        state, "status", at
    )  # also while it is open: an end from before this is over, whenever we hear of it
    if state.opened_at is None:
        state.status, state.closed_at = "stub", None
        draft.because(Code.STUB, "we have not heard of this commitment yet; kept until we do")
        return
    if state.status not in CLOSED:
        draft.because(Code.UNCHANGED, "it is open")
        return
    if moment.at is None:
        draft.because(Code.NO_DATE, "it has no date; give it one to open it again")
        return
    state.status, state.closed_at, state.remove_at, state.escalated = "open", None, None, False
    for told in state.told:
        told.after = False
    _begin_cycle(moment)
    moment.reopened = moment.cycle
    start = moved_into_past(draft, moment)
    match(draft, MOMENT, FAMILY)
    for run in moment.runs:
        begin(draft, moment, run, start)
    draft.because(Code.RECORDED, "open again")
    react(draft, moment)


def _put_date(draft: Draft, moment: Moment, due_at: object, due_on: object) -> None:
    moment.on = due_on.isoformat() if isinstance(due_on, date) else ""
    moment.at = _instant(draft, due_at, due_on)
    draft.state.flags = [flag for flag in draft.state.flags if flag != "far_off"]
    if moment.at is not None and moment.at - draft.now > FAR_OFF:
        draft.state.flags.append("far_off")
        draft.because(Code.RECORDED, "its date is more than two years away; flagged, in case that is a slip")


def _instant(draft: Draft, due_at: object, due_on: object) -> datetime | None:
    """The instant of a date as given: itself, or the end of the owner's working hours that day."""
    if isinstance(due_at, datetime):
        return due_at
    if isinstance(due_on, date):
        directory, owner = draft.world.directory, draft.state.owner
        return wall(due_on, directory.end_of_day(owner, due_on), directory.zone_of(owner))
    return None


RULES: dict[str, Callable[[Draft, Any], None]] = {
    "deadline.set": on_set,
    "deadline.moved": on_moved,
    "deadline.reassigned": on_reassigned,
    "deadline.progress": on_progress,
    "deadline.met": on_met,
    "deadline.cancelled": on_cancelled,
    "deadline.reopened": on_reopened,
}
