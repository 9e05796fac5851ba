"""Deals: what each of their events does to one. The table is at the end; read it first.

A deal has up to three moments: its close date, its next step, and its last activity, from which silence is counted.
They move, are missed and are acknowledged each by itself; the deal is won, lost and reopened as a whole.
"""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from service.core.closing import react_all, rest, start_over
from service.core.draft import Draft
from service.core.ending import end, is_stale, reopen
from service.core.events import DealActivity, DealClosed, DealCreated, DealUpdated
from service.core.ladder import match
from service.core.merge import is_newer, take
from service.core.model import Deal, Moment
from service.core.planning import (
    hand_over,
    mention_imported,
    moment_named,
    move,
    settle_date,
    take_date,
    tell_already_late,
)
from service.core.reasons import Code
from service.core.view import CLOSED

FAMILY = "deal"
MOMENTS = ("close", "next_step", "last_activity")
NEXT_STEP_DONE = "next_step_done"

_FACTS = ("title", "owner", "team", "url")
_DEAL_FACTS = ("amount", "currency", "stage", "next_step")


def _deal(draft: Draft) -> Deal:
    """The part of the state that only a deal has, with all its moments there."""
    for name in MOMENTS:
        moment_named(draft, name)
    if draft.state.deal is None:
        draft.state.deal = Deal()
    return draft.state.deal


def on_created(draft: Draft, data: DealCreated) -> None:
    """A deal is born, or all of it is said again; what was heard before its birth is already there."""
    state, deal, at = draft.state, _deal(draft), draft.happened_at
    if state.opened_at is not None:
        on_updated(draft, data)
        return
    state.set_at = at
    _take_facts(draft, deal, data)
    if not take_date(draft, "close", data.close_at, data.close_on):
        settle_date(draft, state.moments["close"])
    take_date(draft, "next_step", data.next_step_at, UNSET)
    _begin(draft)


def _begin(draft: Draft) -> None:
    """Its title and its owner are known: from here on it is a deal, and open unless its end was heard of first."""
    state, at = draft.state, draft.happened_at
    state.opened_at = draft.now
    silence = state.moments["last_activity"]
    silence.at = max(silence.at or at, at)
    if state.status in CLOSED:
        _close_what_ended_before_it_began(draft)
        return
    state.status, state.remove_at = "open", None
    draft.because(Code.RECORDED, "a new deal")
    match(draft)
    tell = mention_imported if draft.event and draft.event.is_import else tell_already_late
    for moment in (state.moments["close"], state.moments["next_step"]):
        if moment.at is not None and moment.at <= draft.now:
            tell(draft, moment)
    react_all(draft, "deal.created")


def _close_what_ended_before_it_began(draft: Draft) -> None:
    """`won` overtook `created`: nobody needs a reminder any more, but the win still goes round."""
    state = draft.state
    draft.because(Code.CLOSED, f"it was {state.status} before we heard of it")
    if not (draft.event and draft.event.is_import):
        match(draft)
        react_all(draft, f"deal.{state.status}")
    for moment in state.moments.values():
        moment.runs = []


def on_updated(draft: Draft, data: DealUpdated) -> None:
    """Facts, dates, an owner; all that changed counts as activity.

    Many CRMs tell of a deal field by field and never whole: it begins with the word that completes title and owner.
    """
    state, deal = draft.state, _deal(draft)
    if state.opened_at is None or state.status in CLOSED:
        _take_facts(draft, deal, data)
        take_date(draft, "close", data.close_at, data.close_on)
        take_date(draft, "next_step", data.next_step_at, UNSET)
        if state.opened_at is not None:
            _recorded_after_the_end(draft)
        elif state.title and state.owner:
            settle_date(draft, state.moments["close"])
            _begin(draft)
        else:
            _is_unknown_yet(draft)
        return
    old_owner, old_step = state.owner, deal.next_step
    changed = _take_facts(draft, deal, data)
    if "owner" in changed:
        hand_over(draft, old_owner)
    if "next_step" in changed and old_step:
        _replace_step(draft, state.moments["next_step"], has_date=data.next_step_at is not UNSET)
    moved = move(draft, "close", data.close_at, data.close_on)
    moved |= move(draft, "next_step", data.next_step_at, UNSET)
    if not changed and not moved:
        draft.because(Code.UNCHANGED, "it says nothing new, or something newer is known")
        return
    if changed:
        draft.because(Code.RECORDED, f"changed: {', '.join(sorted(changed)).replace('_', ' ')}")
    _touch(draft)
    match(draft)
    react_all(draft)


def _take_facts(draft: Draft, deal: Deal, data: DealUpdated) -> set[str]:
    given = {name: getattr(data, name) for name in (*_FACTS, *_DEAL_FACTS)}
    given = {name: value or "" for name, value in given.items() if value is not UNSET}
    at, state = draft.happened_at, draft.state
    changed = take(state, {name: given[name] for name in _FACTS if name in given}, at)
    return changed | take(state, {name: given[name] for name in _DEAL_FACTS if name in given}, at, deal)


def _replace_step(draft: Draft, moment: Moment, *, has_date: bool) -> None:
    """Another next step, or none: the old one is over, done or not, and a date that has passed is none of the new."""
    if not _deal(draft).next_step or (moment.at is not None and moment.at <= draft.now and not has_date):
        rest(draft, moment, "next_step_changed")
    elif moment.at is not None:
        start_over(draft, moment, "next_step_changed")


def on_activity(draft: Draft, data: DealActivity) -> None:
    """Any touch resets the clock of silence; one kind also ends the next step."""
    _deal(draft)
    if draft.state.status in CLOSED:
        _recorded_after_the_end(draft)
        return
    if data.kind == NEXT_STEP_DONE and not _end_step(draft, data):
        return
    touched = _touch(draft)
    if draft.state.opened_at is None:
        _is_unknown_yet(draft)
        return
    if not touched:
        draft.because(Code.OLDER, "something newer has happened on it")
    react_all(draft)


def _end_step(draft: Draft, data: DealActivity) -> bool:
    """Whether a step was there to be done; done is done, also after its date has moved."""
    state, deal = draft.state, _deal(draft)
    moment = state.moments["next_step"]
    if is_stale(draft, moment, data.by, data.as_of):
        return False
    if not is_newer(state, "next_step", draft.happened_at):
        draft.because(Code.OLDER, "a newer next step is known; that one stays")
        return True
    if moment.at is None and not deal.next_step:
        draft.because(Code.UNCHANGED, "there is no next step that could be done")
        return True
    by = data.by if isinstance(data.by, str) else ""
    draft.because(Code.RECORDED, f"the next step is done{f': {deal.next_step}' if deal.next_step else ''}")
    rest(draft, moment, NEXT_STEP_DONE, by)
    take(state, {"next_step": ""}, draft.happened_at, deal)
    take_date(draft, "next_step", None, None)
    return True


def _touch(draft: Draft) -> bool:
    """Something happened: silence is counted from now on; whether it is news."""
    moment, at = draft.state.moments["last_activity"], draft.happened_at
    if moment.at is not None and at <= moment.at:
        return False
    moment.at, moment.not_before = at, None
    start_over(draft, moment, "active")
    draft.because(Code.RECORDED, "activity: silence is counted from here")
    return True


def on_won(draft: Draft, data: DealClosed) -> None:
    _end(draft, data, "won")


def on_lost(draft: Draft, data: DealClosed) -> None:
    _end(draft, data, "lost")


def _end(draft: Draft, data: DealClosed, status: str) -> None:
    """The amount of the end is the amount; who helped is thanked with it."""
    deal, state = _deal(draft), draft.state
    if state.status not in CLOSED and is_newer(state, "status", draft.happened_at):
        given = {name: getattr(data, name) for name in ("amount", "currency", "helpers")}
        given = {name: value for name, value in given.items() if value is not UNSET}
        take(state, given, draft.happened_at, deal)
    end(draft, status, data.at, "")


def on_reopened(draft: Draft, _: DealClosed) -> None:
    _deal(draft)
    if reopen(draft):
        _touch(draft)


def _recorded_after_the_end(draft: Draft) -> None:
    draft.because(Code.CLOSED, f"it is {draft.state.status} already; recorded, nothing follows")


def _is_unknown_yet(draft: Draft) -> None:
    draft.because(Code.STUB, "we have not heard of this deal yet; kept until we do")


RULES: dict[str, Callable[[Draft, Any], None]] = {
    "deal.created": on_created,
    "deal.updated": on_updated,
    "deal.activity": on_activity,
    "deal.won": on_won,
    "deal.lost": on_lost,
    "deal.reopened": on_reopened,
}
