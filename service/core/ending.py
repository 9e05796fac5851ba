"""The end of a subject, and taking it back, in whatever order the events about it arrive. The same for every family.

What follows for everyone who was told is in closing.py.
"""

from datetime import datetime, timedelta

from service.core.closing import close, react_all
from service.core.draft import Draft
from service.core.ladder import begin, match, moved_into_past
from service.core.merge import is_newer, stamp
from service.core.model import Moment
from service.core.planning import begin_cycle
from service.core.reasons import Code
from service.core.timeline import GRACE_FOR
from service.core.view import CLOSED


def is_stale(draft: Draft, moment: Moment | None, by: object, as_of: object) -> bool:
    """Whether an end, or taking it back, was said to something that is over, with the reason.

    The owner's word stands although the date has moved since: done is done. It does not stand when the commitment
    was reopened since. Anybody else's is stale as every answer is: by a new date, owner, or open and closed.
    """
    if draft.state.opened_at is None or moment is None or not isinstance(as_of, int):
        return False
    if as_of < moment.reopened:
        draft.because(Code.STALE_ANSWER, "it was reopened since that message; nothing was changed")
        return True
    if by != draft.state.owner and as_of < moment.changed:
        draft.because(
            Code.STALE_ANSWER, "the date or the owner has changed since that message; nothing was changed"
        )
        return True
    return False


def end(draft: Draft, status: str, at: object, by: object, on: str | None = "") -> None:
    """It is over, as of `at` by the sender's clock, unless something newer is known about its end. `on` is what
    policies react to, where it is not the event itself; None: to nothing."""
    state, happened_at = draft.state, draft.happened_at
    when = at if isinstance(at, datetime) else happened_at
    if state.status == status:
        draft.because(Code.UNCHANGED, f"it is {status} already")
    elif not is_newer(state, "status", happened_at):
        draft.because(Code.OLDER, "something newer is known about its end")
    elif state.status in CLOSED and state.status != "no_date":
        draft.because(Code.CLOSED, f"it is {state.status} already; recorded, nothing follows")
    else:
        stamp(state, "status", happened_at)
        draft.because(Code.RECORDED if state.opened_at else Code.STUB, f"{status} at {draft.minute(when)}")
        close(draft, status, min(when, draft.now), by if isinstance(by, str) else "", on=on)


def reopen(draft: Draft) -> bool:
    """Open again, where nothing newer is known about its end."""
    state, at = draft.state, draft.happened_at
    if not is_newer(state, "status", at):
        draft.because(Code.OLDER, "something newer is known about its end")
        return False
    stamp(
        state, "status", at
    )  # also while it is open: an end from before this is over, whenever we hear of it
    return open_again(draft)


def open_again(draft: Draft, grace_for: timedelta = GRACE_FOR) -> bool:
    """Open again, in a new cycle; a moment that has passed meanwhile gets the grace of a date moved into the past."""
    state = draft.state
    if state.opened_at is None:
        state.status, state.closed_at = "stub", None
        draft.because(Code.STUB, "we have not heard of this commitment yet; kept until we do")
        return False
    if state.status not in CLOSED:
        draft.because(Code.UNCHANGED, "it is open")
        return False
    if state.deal is None and not any(moment.at for moment in state.moments.values()):
        draft.because(Code.NO_DATE, "it has no date; give it one to open it again")
        return False
    state.status, state.closed_at, state.remove_at = "open", None, None
    for told in state.told:
        told.after = False
    starts = [_begin_again(draft, moment, grace_for) for moment in state.moments.values()]
    match(draft)
    for moment, start in zip(state.moments.values(), starts, strict=True):
        for run in moment.runs:
            begin(draft, moment, run, start)
    draft.because(Code.RECORDED, "open again")
    react_all(draft)
    return True


def _begin_again(draft: Draft, moment: Moment, grace_for: timedelta) -> datetime | None:
    moment.escalated = False
    begin_cycle(moment)
    moment.reopened = moment.cycle
    return moved_into_past(draft, moment, grace_for)
