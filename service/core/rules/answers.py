"""What people say back: seen, later, help, a new date. The same for every family; the table is at the end.

An answer to an old message is recorded and changes nothing: `as_of` is the cycle its reader saw, and it is stale when
the date, the owner or open/closed has changed since.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import UNSET

from service.core.closing import react
from service.core.draft import Draft, Notice
from service.core.events import Answer
from service.core.ladder import policy_of
from service.core.model import Ack, Moment, Run, name_of, told_of
from service.core.planning import move
from service.core.reasons import Code
from service.core.rules.helping import HELP, HELPERS, ask_for_help
from service.core.series import is_closed
from service.core.view import CLOSED


def _moment(draft: Draft, data: Answer) -> Moment | None:
    """The moment the answer is about; None, with the reason, when the answer binds nothing any more."""
    moment = _meant(draft, data)
    if draft.state.opened_at is None or not draft.state.moments:
        draft.because(Code.STUB, "we do not know this commitment")
    elif moment is None:
        draft.because(Code.REFUSED, f"it has no moment `{data.moment}`; nothing was changed")
    elif draft.state.status in CLOSED:
        draft.because(
            Code.CLOSED, f"it is {draft.state.status.replace('_', ' ')} already; nothing was changed"
        )
    elif draft.state.checkin and is_closed(draft.state.checkin):
        draft.because(
            Code.CLOSED, f"nobody waits for {draft.state.checkin.period} any more; nothing was changed"
        )
    elif isinstance(data.as_of, int) and data.as_of < moment.changed:
        draft.because(
            Code.STALE_ANSWER, "the date or the owner has changed since that message; nothing was changed"
        )
    else:
        return moment
    return None


def _meant(draft: Draft, data: Answer) -> Moment | None:
    """The moment the answer names; else the one of the last word to whoever answers; else the subject's first."""
    moments = draft.state.moments
    if isinstance(data.moment, str):
        return moments.get(data.moment)
    told = [told for told in draft.state.told if told.to == data.by]
    last = max(told, key=lambda one: one.at).moment if told else ""
    return moments.get(last) or next(iter(moments.values()), None)


def on_acknowledged(draft: Draft, data: Answer) -> None:
    moment = _moment(draft, data)
    if moment:
        _acknowledge(draft, moment, data)


def _acknowledge(draft: Draft, moment: Moment, data: Answer) -> None:
    if data.by != draft.state.owner and data.by not in {told.to for told in draft.state.told}:
        draft.because(Code.REFUSED, f"{data.by} has not been told of it; only somebody told can acknowledge")
        return
    holds = [_hold(draft, moment, run, data.by) for run in moment.runs]
    if any(holds):
        draft.because(Code.ACKNOWLEDGED, f"{data.by} is on it; later steps wait")
        react(draft, moment, "commitment.acknowledged")
        _tell_who_acknowledged(draft, moment, data.by)


def _hold(draft: Draft, moment: Moment, run: Run, by: str) -> bool:
    """Count the acknowledgement; whether it still stops a step."""
    policy, calendar = policy_of(draft, run), draft.world.directory.calendar_of(draft.state.owner)
    is_missed = moment.at is not None and moment.at <= draft.now
    if run.ack and moment.at and is_missed and run.ack.at < moment.at:
        run.acked_by = []  # they knew of the date, not of the miss
    elif run.ack and by in run.acked_by and run.ack.expires_at > draft.now:
        draft.because(Code.UNCHANGED, f"{by} said so already; {policy.name} waits for them")
        return False
    if by == draft.state.owner:
        run.acks += 1
        if run.acks > policy.acknowledge.times:
            draft.because(
                Code.LIMIT, f"{by} has acknowledged {run.acks} times; {policy.name} goes on all the same"
            )
            return False
    run.ack = Ack(by, draft.now, calendar.shifted(policy.acknowledge.for_, draft.now))
    run.acked_by += [one for one in _together(draft, by) if one not in run.acked_by]
    return True


def _together(draft: Draft, by: str) -> list[str]:
    """Whoever has answered with `by`: the one they stand in for, or those who stand in for them."""
    told = draft.state.told
    meant = [one.stands_in_for for one in told if one.to == by and one.stands_in_for]
    return [by, *meant, *(one.to for one in told if one.stands_in_for == by)]


def _tell_who_acknowledged(draft: Draft, moment: Moment, by: str) -> None:
    """Whoever was told that it was missed learns that somebody is on it; so a forged answer is seen as well."""
    for told in [told.to for told in told_of(draft.state, moment) if told.after]:
        if told == by or told.startswith("channel:"):
            continue
        text = f"{by} is on it"
        draft.tell(
            Notice(
                told,
                "acknowledged",
                "~acknowledged",
                moment,
                ["somebody is on it"],
                extra={"by": by, "how": "acknowledged"},
            )
        )
        draft.because(Code.WHO_ACKNOWLEDGED, f"{told} is told that {text}")


def on_snoozed(draft: Draft, data: Answer) -> None:
    """Ask again later, within the policy's limits."""
    moment = _moment(draft, data)
    if moment is None:
        return
    if not isinstance(data.until, datetime) or data.until <= draft.now:
        draft.because(Code.REFUSED, "a snooze needs a time that lies ahead")
        return
    calendar, snoozed = draft.world.directory.calendar_of(draft.state.owner), False
    for run in moment.runs:
        policy = policy_of(draft, run)
        if run.snoozes >= policy.snooze.times:
            draft.because(Code.LIMIT, f"it was put off {run.snoozes} times already; {policy.name} goes on")
            continue
        snoozed = True
        run.snoozes += 1
        run.snoozed_until = min(data.until, calendar.shifted(policy.snooze.for_, draft.now))
        draft.because(Code.SNOOZED, f"{data.by} is asked again at {draft.minute(run.snoozed_until)}")
    if snoozed:
        react(draft, moment)


def on_help_requested(draft: Draft, data: Answer) -> None:
    """Somebody asks for help: the mentor, else the manager, hears of it at once; asking is an answer, too."""
    moment = _moment(draft, data)
    if moment is None:
        return
    extra: dict[str, object] = {
        "asked_by": data.by,
        "reason": data.reason if isinstance(data.reason, str) else "",
    }
    if not ask_for_help(draft, moment, HELPERS, extra):
        text = f"{data.by} asks for help, and there is no mentor and no manager"
        draft.because(Code.NOBODY, text)
        draft.tell_fallback(moment, HELP, text)
    react(draft, moment)
    _acknowledge(draft, moment, data)


def on_recommitted(draft: Draft, data: Answer) -> None:
    """A new date, promised by the owner: the commitment moves."""
    moment = _moment(draft, data)
    if moment is None:
        return
    if data.due_at is UNSET and data.due_on is UNSET:
        draft.because(Code.REFUSED, "a new promise needs a new date")
        return
    name = name_of(draft.state, moment)
    if draft.state.checkin:
        draft.because(Code.REFUSED, "a check-in falls due when its cadence says; it can be excused instead")
        return
    if name == "last_activity":
        draft.because(Code.REFUSED, "silence has no date that could be moved; name `moment: close`")
        return
    reason = data.reason if isinstance(data.reason, str) else ""
    if not move(draft, name, data.due_at, data.due_on, data.by, reason):
        draft.because(Code.UNCHANGED, "the date stays as it is")
    else:
        react(draft, moment)


RULES: dict[str, Callable[[Draft, Any], None]] = {
    "commitment.acknowledged": on_acknowledged,
    "commitment.snoozed": on_snoozed,
    "commitment.help_requested": on_help_requested,
    "commitment.recommitted": on_recommitted,
}
