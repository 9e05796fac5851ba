"""Time reckoned anew: people move, calendars get another holiday, and what is open falls due at another instant.

Nothing is told here, and nothing fires: a timer that lies in the past by the new reckoning is fired in its turn.
"""

from datetime import datetime

from service.core.directory import World
from service.core.draft import Draft
from service.core.effects import Decision
from service.core.ladder import moved_into_past, policy_of, skip, step_of
from service.core.model import Inbox, Moment, People, decode_state
from service.core.planning import settle_date
from service.core.reasons import Code
from service.core.rules import inbox as inboxes
from service.core.timeline import pending


def reckon(subject: str, stored: bytes, world: World, now: datetime) -> Decision:
    """The subject with its days and its timer as the directory of today has them."""
    state = decode_state(stored)
    if isinstance(state, Inbox):
        return inboxes.reckon(subject, state, world, now)
    if isinstance(state, People):  # has no timer
        return Decision(state, None)
    draft = Draft(subject, state, world, now)
    if state.status == "open":
        for moment in state.moments.values():
            _reckon(draft, moment)
    draft.because(Code.RECKONED, "people or calendars are others than before; its timer was set anew")
    return draft.finish()


def _reckon(draft: Draft, moment: Moment) -> None:
    """The day's new instant. One that has passed stays where it was, because people have been told of it and have
    answered; one that now has passed begins as a date moved into the past does, after its grace."""
    if moment.at is not None and moment.at <= draft.now:
        return
    settle_date(draft, moment)
    if moment.at is None or moment.at > draft.now:
        return
    start = moved_into_past(draft, moment)
    assert start is not None
    calendar = draft.world.directory.calendar_of(draft.state.owner)
    for run in moment.runs:
        policy = policy_of(draft, run)
        run.outage = start - moment.at
        run.ack, run.acked_by = None, []  # they knew of the date, not of the miss
        for firing in pending(run, policy, moment, calendar):
            if firing.is_before:
                skip(draft, run, firing, Code.PASSED, f"{step_of(policy, firing)} lay in the past already")
