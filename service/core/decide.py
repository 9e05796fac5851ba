"""The decision: one input against one subject's state, under the world's policies. Total: any input, any state.

`decide(stored, input, world)` is a pure function; equal arguments give equal bytes, which is what replay, the
simulator and the tests rest on. To add an event, write its rule in `rules/` and its line in RULES.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from service.core import replan
from service.core.closing import tell_move
from service.core.directory import World
from service.core.draft import Draft
from service.core.effects import Dead, Decision
from service.core.events import Event, Timer
from service.core.ladder import fire_due
from service.core.merge import remember
from service.core.model import Commitment, Inbox, People, State, decode_state
from service.core.reasons import Code, Reason
from service.core.rules import answers, checkins, deadlines, deals, delegates, goals, people
from service.core.rules import inbox as inboxes
from service.core.series import on_time

# What we know only by hearsay (an update before its create) waits this long for the rest.
STUB_KEPT_FOR = timedelta(days=7)

# Clocks differ by seconds everywhere. From a minute on, whoever runs the sender should hear that it counts no more.
CLOCK_AHEAD_SAID = timedelta(minutes=1)

RULES: dict[str, Callable[[Draft, Any], None]] = {
    **deadlines.RULES,
    **deals.RULES,
    **goals.RULES,
    **checkins.RULES,
    **answers.RULES,
    **delegates.RULES,
    **replan.RULES,
}

# Answers go to the subject's own topic; families without rules yet leave them unmatched.
_FAMILIES = frozenset({deadlines.FAMILY, deals.FAMILY, goals.FAMILY, checkins.FAMILY})


def decide(stored: bytes | None, given: Event | Timer, world: World) -> Decision:
    """What `given` does to the subject whose state is `stored` (None: never heard of)."""
    state = decode_state(stored) if stored is not None else None
    if isinstance(given, Timer):
        return _on_timer(state, given, world)
    family = given.subject.partition("/")[0]
    if family == "inbox" and not isinstance(state, Commitment | People):
        return inboxes.decide_inbox(given.subject, state, given, world)
    if family == people.FAMILY and not isinstance(state, Commitment | Inbox):
        return people.decide_people(state or People(), given, world)
    rule = RULES.get(given.type)
    if rule is None or given.data is None or family not in _FAMILIES or isinstance(state, Inbox | People):
        due_at = None if not isinstance(state, Commitment) else _unchanged(state, given, world).due_at
        return Decision(state, due_at, reasons=(Reason(Code.UNMATCHED, f"no rule for {given.type} yet"),))
    return _on_event(state or Commitment(), given, rule, world)


def _unchanged(state: Commitment, given: Event, world: World) -> Decision:
    return Draft(given.subject, state, world, given.received_at, given).finish()


def _on_event(state: Commitment, event: Event, rule: Callable[[Draft, Any], None], world: World) -> Decision:
    draft = Draft(event.subject, state, world, event.received_at, event)
    if not remember(state, event.source, event.id):
        draft.because(Code.DUPLICATE, "this event was applied before")
        return draft.finish()
    rule(draft, event.data)
    if not draft.reasons:
        draft.because(Code.RECORDED, "recorded; nothing follows from it")
    if event.time - event.received_at > CLOCK_AHEAD_SAID:
        said, counts = draft.minute(event.time), draft.minute(event.received_at)
        draft.because(
            Code.CLOCK_AHEAD, f"its sender's clock says {said}; it counts as of its receipt, {counts}"
        )
    if state.opened_at is None and state.status == "stub":
        state.remove_at = draft.now + STUB_KEPT_FOR
    return draft.finish()


def _on_timer(state: State | None, timer: Timer, world: World) -> Decision:
    """What time brings: removal at the very end; the next period of a series; a note about a move; then every run's
    due steps, in order."""
    if isinstance(state, Inbox):
        return inboxes.on_timer(state, timer, world)
    if state is None or isinstance(state, People):
        return Decision(state, None, reasons=(Reason(Code.NOT_DUE, "nothing is due here"),))
    draft = Draft(timer.subject, state, world, timer.fired_at)
    if state.remove_at is not None:
        if state.remove_at <= draft.now:
            return _removed(draft)
        _tell_moves(draft)
        if not draft.reasons:
            draft.because(Code.NOT_DUE, "its removal is not due yet")
        return draft.finish()
    on_time(draft)
    _tell_moves(draft)
    for moment in state.moments.values():
        for run in list(moment.runs) if moment.at else ():
            fire_due(draft, moment, run)
    if not draft.reasons:
        draft.because(Code.NOT_DUE, "nothing is due yet")
    return draft.finish()


def _tell_moves(draft: Draft) -> None:
    for moment in draft.state.moments.values():
        if moment.note and moment.note.at <= draft.now:
            tell_move(draft, moment)


def _removed(draft: Draft) -> Decision:
    """The end of a subject; one that was never announced is given up where a person sees it: its win may be lost."""
    if draft.state.opened_at is not None:
        return Decision(None, None, reasons=(Reason(Code.REMOVED, "closed long enough; forgotten"),))
    said = "" if draft.state.status == "stub" else f" ({draft.state.status})"
    detail = f"events about it came{said}, but never the one it begins with; forgotten"
    dead = Dead(Code.STUB, detail, b"", draft.now, "unroutable", draft.subject)
    return Decision(None, None, dead=(dead,), reasons=(Reason(Code.REMOVED, detail),))
