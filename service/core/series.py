"""A check-in series in time: a period is asked, missed when nobody has answered in time, and followed by the next.

One period is open at a time; what the policies do about it is the ladder's, around the moment `due`. What is said
about periods is in `rules/checkins.py`, when a period is in `periods.py`.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from service.core.closing import finish, react
from service.core.draft import Draft, Notice
from service.core.ladder import match
from service.core.model import CheckIn, Moment, Report
from service.core.periods import Period, asked_last, first_from, read_week
from service.core.planning import begin_cycle, moment_named
from service.core.reasons import Code
from service.core.view import minute

MOMENT = "due"
# Periods count their cycles from numbers of their own, so that a series that was removed and begins again repeats none:
# what it says would be taken for what was said before. Far more than the answers of a week can begin.
CYCLES_A_WEEK = 100
# Of a period that is over its outcome is remembered for so many periods: late news is told what it was.
PAST_MAX = 8

IN_WORDS = {
    "": "open",
    "submitted": "submitted",
    "late": "submitted, late",
    "missed": "missed",
    "excused": "excused",
    "not_asked": "not asked",
}


def standing(checkin: CheckIn) -> str:
    """What became of the period that was asked last, as the end of a sentence."""
    how = IN_WORDS[checkin.outcome]
    is_after_its_time = checkin.submitted_at is not None and checkin.outcome not in ("submitted", "late")
    return f"{how}, and came in after its time" if is_after_its_time else how


def is_closed(checkin: CheckIn) -> bool:
    """Whether nobody waits for the report of the period that was asked last."""
    return (
        checkin.outcome in ("submitted", "late", "excused", "not_asked") or checkin.submitted_at is not None
    )


def arm(draft: Draft, checkin: CheckIn) -> None:
    """Find the next period to be asked: the first whose ask lies ahead, so that whoever joins after an ask is not
    waited for before the next one. A period that is open keeps its time: none is asked before it is over."""
    assert checkin.rhythm is not None
    asked = read_week(checkin.period)
    is_open = checkin.grace_at is not None and not checkin.outcome
    earliest = max(draft.now, checkin.grace_at) if checkin.grace_at and is_open else draft.now
    following = first_from(
        checkin.rhythm, earliest, ZoneInfo(checkin.time_zone), -1 if asked is None else asked
    )
    checkin.next, checkin.next_at = following.id, following.ask_at
    for period in [period for period in checkin.ahead if period < following.id]:
        _remember(checkin, period, checkin.ahead.pop(period).outcome)
    draft.because(
        Code.RECORDED, f"{following.id} is asked at {minute(following.ask_at, ZoneInfo(checkin.time_zone))}"
    )


def on_time(draft: Draft) -> None:
    """What time brings to a series: the open period is missed, the next one is asked."""
    checkin = draft.state.checkin
    if checkin is None:
        return
    if checkin.grace_at is not None and not checkin.outcome and checkin.grace_at <= draft.now:
        checkin.outcome = "missed"
        draft.because(Code.MISSED, f"{checkin.period} is missed: nothing came in until now")
    if checkin.next_at is not None and checkin.next_at <= draft.now:
        _go_on(draft, checkin)


def _go_on(draft: Draft, checkin: CheckIn) -> None:
    """The newest period whose time has come; those before it, which nobody was asked for, are no misses."""
    assert checkin.rhythm is not None
    week, zone = read_week(checkin.next), ZoneInfo(checkin.time_zone)
    assert week is not None
    asked = asked_last(checkin.rhythm, draft.now, zone, week)
    if (
        not asked
    ):  # the clocks of the zone were given other rules since the ask was reckoned: it lies ahead again
        arm(draft, checkin)
        return
    *passed, current = asked
    moment = moment_named(draft, MOMENT)
    _lay_down(draft, checkin, moment)
    for one in passed:
        early = checkin.ahead.pop(one.id, None)
        _remember(checkin, one.id, early.outcome if early else "not_asked")
    if passed:
        weeks = passed[0].id if len(passed) == 1 else f"{passed[0].id} to {passed[-1].id}"
        draft.because(Code.NOT_ASKED, f"{weeks} had its time while nothing ran: not asked, and not missed")
    _begin(draft, checkin, moment, current)
    arm(draft, checkin)


def _lay_down(draft: Draft, checkin: CheckIn, moment: Moment) -> None:
    """The period asked last is over, and with it every step that was still to come."""
    if not checkin.period:
        return
    _remember(checkin, checkin.period, checkin.outcome)
    if moment.runs:
        how = IN_WORDS[checkin.outcome]
        draft.because(
            Code.SUPERSEDED, f"{checkin.period} is over ({how}): what its policies had still to do ends"
        )
    moment.runs, moment.note, moment.escalated = [], None, False
    draft.state.told = []


def _remember(checkin: CheckIn, period: str, outcome: str) -> None:
    checkin.past[period] = outcome
    for oldest in list(checkin.past)[:-PAST_MAX]:
        del checkin.past[oldest]


def _begin(draft: Draft, checkin: CheckIn, moment: Moment, one: Period) -> None:
    begin_cycle(moment, CYCLES_A_WEEK * (read_week(one.id) or 0))
    moment.at, moment.not_before = one.due_at, one.grace_at
    checkin.period, checkin.asked_at, checkin.grace_at = one.id, draft.now, one.grace_at
    checkin.outcome, checkin.submitted_at, checkin.report = "", None, None
    early = checkin.ahead.pop(one.id, None)
    why = _why_not(draft, one)
    if early is not None:
        checkin.outcome, checkin.report = early.outcome, early.report
        checkin.submitted_at = early.at if early.outcome == "submitted" else None
        draft.because(Code.NOT_ASKED, f"{one.id} is {early.outcome} already: nobody is asked")
        if early.outcome == "submitted" and not early.is_import:
            _react_to_early(draft, checkin, moment)
    elif gone := _absence(draft):
        excuse(draft, checkin, moment, gone)
    elif why:
        checkin.outcome = "not_asked"
        draft.because(Code.NOT_ASKED, f"{one.id} is not asked, and not missed: {why}")
    else:
        match(draft)
        _ask(draft, moment, one)


def _why_not(draft: Draft, one: Period) -> str:
    owner = draft.world.directory.people.get(draft.state.owner)
    if owner is None or not owner.active:
        return f"{draft.state.owner} is not {'in the directory' if owner is None else 'active'}"
    half_time = one.ask_at + (one.due_at - one.ask_at) / 2
    is_rushed = half_time < draft.now  # by our lateness, not by theirs
    return "nothing ran before half of its time was over" if is_rushed else ""


def _absence(draft: Draft) -> str:
    """Whoever is away by the directory is not asked; an absence that only their inbox knows comes back from there."""
    owner = draft.world.directory.people.get(draft.state.owner)
    gone = (
        next((a for a in owner.away if a.at <= draft.now and (not a.until or draft.now < a.until)), None)
        if owner
        else None
    )
    return f"{draft.state.owner} is away" if gone else ""


def excuse(draft: Draft, checkin: CheckIn, moment: Moment, why: str) -> None:
    """Nobody waits for the open period's report."""
    if checkin.outcome:
        return
    checkin.outcome = "excused"
    draft.because(Code.EXCUSED, f"{checkin.period} is excused: {why}")
    finish(draft, moment, "excused")


def _react_to_early(draft: Draft, checkin: CheckIn, moment: Moment) -> None:
    """A report from before the ask is news like any other, once its period is the one that policies look at."""
    match(draft)
    report = msgspec.structs.asdict(checkin.report or Report())
    about = {"person": draft.state.owner, "cadence": checkin.cadence, "period": checkin.period}
    draft.said = {"type": "checkin.submitted", "data": {**about, **report}}
    react(draft, moment, "checkin.submitted")
    draft.said, moment.runs = None, []


def _ask(draft: Draft, moment: Moment, one: Period) -> None:
    zone = ZoneInfo(draft.state.checkin.time_zone if draft.state.checkin else "UTC")
    until = f"{one.due_at.astimezone(zone):%A %H:%M}"
    owner, reason = draft.state.owner, f"{draft.state.title} asks for {one.id}, until {until}"
    if draft.tell(Notice(owner, "checkin_ask", "~ask", moment, [reason], until="done")):
        draft.because(Code.ASKED, f"{owner} is asked: {reason}")


def is_kept(checkin: CheckIn, at: datetime) -> bool:
    """Whether a report from `at` is in time for the period that was asked last."""
    return checkin.grace_at is not None and at <= checkin.grace_at
