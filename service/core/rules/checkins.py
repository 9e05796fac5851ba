"""Check-ins: what each of their events does to a series, one person in one cadence. The table is at the end.

A report or an excuse is about one period: the one asked last, one that is asked later, or one that is over. When
periods begin and end is in `series.py`. The series itself begins and ends by what the configuration says.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import UNSET

from service.core.closing import close, finish
from service.core.draft import Draft
from service.core.events import CheckinEnded, CheckinExcused, CheckinScheduled, CheckinSubmitted
from service.core.model import Ahead, CheckIn, Report
from service.core.periods import asks_in, read_week, week_at, week_id, week_number
from service.core.planning import moment_named
from service.core.reasons import Code
from service.core.series import IN_WORDS, MOMENT, arm, is_closed, is_kept

FAMILY = "checkin"
# Half a year of weekly excuses: nobody plans further, and the state stays small.
AHEAD_MAX = 26


class Said(NamedTuple):
    """What an event says about one period."""

    period: str
    at: datetime
    outcome: str  # submitted | excused
    report: Report | None = None
    is_late: bool = False  # by its sender's own account
    by: str = ""


def _checkin(draft: Draft, person: str, cadence: str) -> CheckIn:
    """The part of the state that only a series has."""
    state = draft.state
    if state.checkin is None:
        state.checkin = CheckIn(cadence)
        state.owner, state.title = person, f"{cadence} check-in"
    moment_named(draft, MOMENT)
    return state.checkin


# -- the series --------------------------------------------------------------------------------------------------------
def on_scheduled(draft: Draft, data: CheckinScheduled) -> None:
    """Somebody is in a cadence, or it asks differently from now on; the period asked last stays as it was asked."""
    state, checkin = draft.state, _checkin(draft, data.person, data.cadence)
    is_new = state.opened_at is None or state.status == "cancelled"
    if not is_new and is_as_scheduled(checkin, state.title, data):
        draft.because(Code.UNCHANGED, "it is in this cadence already")
        return
    checkin.rhythm, checkin.time_zone, state.title = data.rhythm, data.time_zone, data.title
    checkin.version += 1
    if is_new:
        state.status, state.remove_at, state.closed_at = "open", None, None
        state.opened_at = state.set_at = draft.now
        draft.because(Code.RECORDED, f"{data.person} is in the cadence {data.cadence}")
    else:
        draft.because(
            Code.RESCHEDULED, f"the cadence {data.cadence} has changed; it counts from the next ask"
        )
    arm(draft, checkin)


def is_as_scheduled(checkin: CheckIn, title: str, data: CheckinScheduled) -> bool:
    return (checkin.rhythm, checkin.time_zone, title) == (data.rhythm, data.time_zone, data.title)


def on_ended(draft: Draft, data: CheckinEnded) -> None:
    """Whoever has left a cadence is asked no more, and nobody waits for what was asked."""
    checkin = _checkin(draft, data.person, data.cadence)
    if draft.state.opened_at is None or draft.state.status == "cancelled":
        draft.because(Code.UNCHANGED, "it is in no cadence")
        return
    checkin.version += 1
    checkin.next, checkin.next_at = "", None
    checkin.outcome = checkin.outcome or "excused"
    draft.because(Code.RECORDED, f"{data.person} is in the cadence {data.cadence} no longer")
    close(draft, "cancelled", draft.now, "")


# -- what is said about a period ---------------------------------------------------------------------------------------
def on_submitted(draft: Draft, data: CheckinSubmitted) -> None:
    checkin = _checkin(draft, data.person, data.cadence)
    given = {name: getattr(data, name) for name in ("progress", "next", "roadblocks", "confidence", "wins")}
    report = Report(**{name: value for name, value in given.items() if value is not UNSET})
    period = data.period if isinstance(data.period, str) else _period_at(draft, checkin)
    said = Said(period, draft.happened_at, "submitted", report, data.late is True, data.person)
    _take(draft, checkin, said)


def on_excused(draft: Draft, data: CheckinExcused) -> None:
    by = data.by if isinstance(data.by, str) else ""
    checkin = _checkin(draft, data.person, data.cadence)
    _take(draft, checkin, Said(data.period, draft.happened_at, "excused", by=by))


def _period_at(draft: Draft, checkin: CheckIn) -> str:
    """The period that a report without one is about: the one that waits for it, else the one of its own time."""
    zone = (
        ZoneInfo(checkin.time_zone) if checkin.time_zone else draft.world.directory.zone_of(draft.state.owner)
    )
    if checkin.rhythm is None:
        return week_at(draft.happened_at, zone)
    week, asked = week_number(draft.happened_at.astimezone(zone).date()), read_week(checkin.period)
    if asked is not None and (week == asked or (week > asked and not is_closed(checkin))):
        return checkin.period
    if asked is None or week > asked:
        week = max(week, checkin.rhythm.first_week)
        week += (checkin.rhythm.first_week - week) % checkin.rhythm.weeks
    return week_id(week)


def _take(draft: Draft, checkin: CheckIn, said: Said) -> None:
    """Keep what is said where it belongs, with a reason wherever that is."""
    week, asked = read_week(said.period), read_week(checkin.period)
    if week is None:
        draft.because(Code.REFUSED, f"there is no week {said.period}; nothing was changed")
    elif draft.state.opened_at is None:
        if _keep_ahead(draft, checkin, said):
            draft.because(Code.STUB, "nobody is in this cadence that we know of; kept until we hear of it")
    elif checkin.rhythm is None or draft.state.status == "cancelled":
        draft.because(Code.CLOSED, f"{draft.state.owner} is asked no more; recorded, nothing follows")
    elif asked is not None and week == asked:
        _on_current(draft, checkin, said)
    elif not asks_in(checkin.rhythm, week):
        draft.because(Code.REFUSED, f"{checkin.cadence} does not ask in {said.period}; nothing was changed")
    elif week < (read_week(checkin.next) or 0):
        _on_past(draft, checkin, said)
    elif _keep_ahead(draft, checkin, said):
        draft.because(
            Code.RECORDED, f"{said.period} is {said.outcome} ahead of its time; it will not be asked"
        )


def _keep_ahead(draft: Draft, checkin: CheckIn, said: Said) -> bool:
    known = checkin.ahead.get(said.period)
    if known is not None and known.at > said.at:
        draft.because(Code.OLDER, f"something newer is known about {said.period}")
        return False
    if known is None and len(checkin.ahead) >= AHEAD_MAX:
        draft.because(Code.LIMIT, f"{AHEAD_MAX} later periods are noted already; nothing was changed")
        return False
    is_import = draft.event is not None and draft.event.is_import
    checkin.ahead[said.period] = Ahead(said.outcome, said.at, said.report, is_import)
    return True


def _on_past(draft: Draft, checkin: CheckIn, said: Said) -> None:
    how = IN_WORDS.get(checkin.past.get(said.period, "not_asked"), "over")
    draft.because(Code.CLOSED, f"{said.period} is over ({how}); recorded, and it stays {how}")


def _on_current(draft: Draft, checkin: CheckIn, said: Said) -> None:
    if said.outcome == "excused":
        _excuse(draft, checkin, said)
    elif checkin.submitted_at is None:
        _submit(draft, checkin, said)
    elif said.at < checkin.submitted_at:
        draft.because(Code.OLDER, f"a newer report of {said.period} is known")
    else:
        checkin.submitted_at, checkin.report = said.at, said.report
        draft.because(Code.RECORDED, f"a newer report of {said.period} takes the place of the first")


def _submit(draft: Draft, checkin: CheckIn, said: Said) -> None:
    """In time, late within the grace, or after it: then it stays missed, and the ladder ends all the same."""
    moment, was = moment_named(draft, MOMENT), checkin.outcome
    checkin.submitted_at, checkin.report = said.at, said.report
    if is_kept(checkin, said.at):
        is_late = said.is_late or (moment.at is not None and said.at > moment.at)
        checkin.outcome = "late" if is_late else "submitted"
        draft.because(Code.RECORDED, f"{said.period} is {IN_WORDS[checkin.outcome]}")
    else:
        checkin.outcome = was if was in ("excused", "not_asked") else "missed"
        draft.because(
            Code.RECORDED, f"{said.period} came in after its time; it stays {IN_WORDS[checkin.outcome]}"
        )
    is_taken_back = was == "missed" and checkin.outcome != "missed"
    finish(draft, moment, "submitted", said.by, retracted=is_taken_back and moment.escalated)


def _excuse(draft: Draft, checkin: CheckIn, said: Said) -> None:
    """Nobody waits any more. A miss can be excused as well, but not by whoever missed it."""
    if checkin.submitted_at is not None or checkin.outcome == "excused":
        draft.because(Code.UNCHANGED, f"{said.period} is {IN_WORDS[checkin.outcome]} already")
    elif checkin.outcome == "missed" and said.by == draft.state.owner and not is_kept(checkin, said.at):
        draft.because(Code.REFUSED, f"{said.period} is missed; now only somebody else can excuse it")
    else:
        checkin.outcome = "excused"
        who = f" by {said.by}" if said.by else ""
        draft.because(Code.EXCUSED, f"{said.period} is excused{who}; nobody waits for it")
        finish(draft, moment_named(draft, MOMENT), "excused", said.by)


RULES: dict[str, Callable[[Draft, Any], None]] = {
    "checkin.scheduled": on_scheduled,
    "checkin.ended": on_ended,
    "checkin.submitted": on_submitted,
    "checkin.excused": on_excused,
}
