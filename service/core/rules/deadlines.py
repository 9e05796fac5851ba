"""Deadlines: what each of their events does to a commitment. The table is at the end; read it first.

Facts are merged by source time (merge.py); what follows from a change is in ladder.py and closing.py.
"""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from service.core.closing import react
from service.core.draft import Draft
from service.core.ending import end, is_stale, reopen
from service.core.events import (
    DeadlineClosed,
    DeadlineMoved,
    DeadlineProgress,
    DeadlineReassigned,
    DeadlineSet,
)
from service.core.ladder import match
from service.core.merge import is_newer, take
from service.core.model import Moment
from service.core.planning import (
    begin_cycle,
    hand_over,
    mention_imported,
    moment_named,
    move,
    settle_date,
    take_date,
    tell_already_late,
    without_date,
)
from service.core.reasons import Code
from service.core.view import CLOSED

FAMILY, MOMENT = "deadline", "due"

_FACTS = ("title", "team", "kind", "importance", "description", "url", "deal_id", "goal_id")


def moment_of(draft: Draft) -> Moment:
    return moment_named(draft, MOMENT)


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
        hand_over(draft, old_owner)
    moved = move(draft, MOMENT, data.due_at, data.due_on)
    if not changed and not moved:
        draft.because(Code.UNCHANGED, "it says nothing new")
    elif state.status == "open":
        match(draft)
    react(draft, moment_of(draft))


def _open(draft: Draft, data: DeadlineSet) -> None:
    """The first time we hear of it as a whole; its end or a newer date may have come before (out of order)."""
    state, moment = draft.state, moment_of(draft)
    if not take_date(draft, MOMENT, data.due_at, data.due_on):
        settle_date(draft, moment)
    if state.status in CLOSED:
        _close_what_ended_before_it_began(draft, moment)
        return
    state.status, state.remove_at = "open", None
    draft.because(Code.RECORDED, "a new commitment")
    if moment.at is None:
        without_date(draft, moment)
        return
    match(draft)
    if moment.at <= draft.now and moment.runs:
        tell = mention_imported if draft.event and draft.event.is_import else tell_already_late
        tell(draft, moment)
    react(draft, moment)


def _close_what_ended_before_it_began(draft: Draft, moment: Moment) -> None:
    """`met` overtook `set`: nobody needs a reminder any more, but a win still deserves its reaction."""
    state = draft.state
    draft.because(Code.CLOSED, f"it was {state.status} before we heard of it")
    if state.status == "met" and not (draft.event and draft.event.is_import):
        match(draft)
        react(draft, moment, "deadline.met")
    moment.runs = []


def on_moved(draft: Draft, data: DeadlineMoved) -> None:
    by = data.by or "" if data.by is not UNSET else ""
    reason = data.reason or "" if data.reason is not UNSET else ""
    state = draft.state
    if state.opened_at is None:
        take_date(draft, MOMENT, data.due_at, data.due_on)
        draft.because(Code.STUB, "we have not heard of this commitment yet; kept until we do")
    elif state.status in CLOSED and state.status != "no_date":
        draft.because(Code.CLOSED, "it is closed; recorded, nothing follows")
    elif not move(draft, MOMENT, data.due_at, data.due_on, by, reason):
        draft.because(Code.UNCHANGED, "the date stays as it is")


def on_reassigned(draft: Draft, data: DeadlineReassigned) -> None:
    old = draft.state.owner
    if draft.state.opened_at is None:
        take(draft.state, {"owner": data.owner}, draft.happened_at)
        draft.because(Code.STUB, "we have not heard of this commitment yet; kept until we do")
    elif draft.state.status in CLOSED:
        if take(draft.state, {"owner": data.owner}, draft.happened_at):
            begin_cycle(moment_of(draft))  # the owner of before takes nothing back any more
        draft.because(Code.CLOSED, "it is closed; recorded, nothing follows")
    elif not is_newer(draft.state, "owner", draft.happened_at):
        draft.because(Code.OLDER, "a newer owner is known")
    elif not take(draft.state, {"owner": data.owner}, draft.happened_at):
        draft.because(Code.UNCHANGED, f"{data.owner} owns it already")
    else:
        hand_over(draft, old)
        react(draft, moment_of(draft))


def on_progress(draft: Draft, data: DeadlineProgress) -> None:
    values = {"progress": data.percent, "confidence": data.confidence, "note": data.note}
    changed = take(draft.state, {name: v for name, v in values.items() if v is not UNSET}, draft.happened_at)
    if not changed:
        draft.because(Code.UNCHANGED, "it says nothing new, or something newer is known")
    else:
        draft.because(Code.RECORDED, f"progress recorded: {', '.join(sorted(changed))}")
        if draft.state.status == "open":
            match(draft)
    react(draft, moment_of(draft))


def on_met(draft: Draft, data: DeadlineClosed) -> None:
    _end(draft, data, "met")


def on_cancelled(draft: Draft, data: DeadlineClosed) -> None:
    _end(draft, data, "cancelled")


def _end(draft: Draft, data: DeadlineClosed, status: str) -> None:
    if not is_stale(draft, draft.state.moments.get(MOMENT), data.by, data.as_of):
        moment_of(draft)
        end(draft, status, data.at, data.by)


def on_reopened(draft: Draft, data: DeadlineClosed) -> None:
    if not is_stale(draft, draft.state.moments.get(MOMENT), data.by, data.as_of):
        moment_of(draft)
        reopen(draft)


RULES: dict[str, Callable[[Draft, Any], None]] = {
    "deadline.set": on_set,
    "deadline.moved": on_moved,
    "deadline.reassigned": on_reassigned,
    "deadline.progress": on_progress,
    "deadline.met": on_met,
    "deadline.cancelled": on_cancelled,
    "deadline.reopened": on_reopened,
}
