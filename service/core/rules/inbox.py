"""The inbox: one recipient, person or channel. It decides for each request: now, later, in the digest, to whoever
stands in, or not, because …; only this subject knows what its reader has already been told.

What a reader wants and when they are there is in `reader.py`, what waits in `waiting.py`, absence in `standing_in.py`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from service.core import reader, unreached
from service.core.directory import Person, World
from service.core.effects import Decision
from service.core.events import DeliveryOutcome, Event, NotificationRequested, Timer
from service.core.ids import split_subject
from service.core.merge import remember
from service.core.model import Inbox
from service.core.reader import Later
from service.core.reasons import Code
from service.core.rules import absence
from service.core.standing_in import accepted, due_of, hand_on, waits_for_return
from service.core.tray import Tray
from service.core.waiting import forget_older, hasten, keep, tell_waiting


def decide_inbox(subject: str, state: Inbox | None, event: Event, world: World) -> Decision:
    """What an event does to the inbox of its reader."""
    tray = Tray(split_subject(subject)[1], state or Inbox(), world, event.received_at)
    rule = _RULES.get(event.type)
    if not remember(tray.inbox, event.source, event.id):
        tray.because(Code.DUPLICATE, "this event was applied before")
    elif rule is None or event.data is None:
        tray.because(Code.UNMATCHED, f"no rule for {event.type} yet")
    else:
        rule(tray, event, event.data)
    return tray.finish()


def on_timer(inbox: Inbox, timer: Timer, world: World) -> Decision:
    """What waits goes out; and what was lost on the way to this reader and is not told yet is told now."""
    tray = Tray(split_subject(timer.subject)[1], inbox, world, timer.fired_at)
    if inbox.waiting and (inbox.digest_at is None or inbox.digest_at <= tray.now):
        tell_waiting(tray)
    for emits, said in unreached.report_others(inbox, tray.now, world):
        tray.emits += emits
        tray.reasons.append(said)
    if not tray.reasons:
        tray.because(Code.NOT_DUE, "nothing is due here")
    return tray.finish()


def reckon(subject: str, inbox: Inbox, world: World, now: datetime) -> Decision:
    """People or calendars are others now, and so may be the time until which something waits."""
    tray = Tray(split_subject(subject)[1], inbox, world, now)
    hasten(tray)
    tray.because(Code.RECKONED, "people or calendars are others than before; its timer was set anew")
    return tray.finish()


def _on_requested(tray: Tray, _: Event, request: NotificationRequested) -> None:
    """Now, or later, or somebody else, or nobody: in the order in which it is found out."""
    person = tray.person
    if person is None and tray.to.startswith("channel:"):
        tray.send(tray.owes(request))
        return
    if person is None or not person.active:
        gone_for_good = "not in the directory" if person is None else "not active any more"
        tray.unroutable(request, f"{tray.to} is {gone_for_good}")
        return
    gone = reader.absence(tray.inbox, person, tray.now)
    if gone is not None and not waits_for_return(tray, request, gone):
        hand_on(tray, request, gone)
        return
    accepted(tray, request)
    later = None if request.urgency == "high" else _later(tray, person, request, is_away=gone is not None)
    if later is not None:
        keep(tray, request, later)
        return
    if tray.inbox.waiting:
        forget_older(tray, request)
    tray.send(tray.owes(request))


def _later(tray: Tray, person: Person, request: NotificationRequested, *, is_away: bool) -> Later | None:
    """Why not now, of a reader who is there or whom it waits for; None: now."""
    inbox, world, now = tray.inbox, tray.world, tray.now
    if is_away:
        return Later(Code.AWAY, reader.free_from(inbox, person, world, now), "it came while you were away")
    quiet = reader.quiet_of(inbox, person)
    if quiet and request.quiet != "pass" and reader.in_quiet_until(inbox, person, world, now):
        end = reader.free_from(inbox, person, world, now)
        why = f"it waited for the end of your quiet hours ({quiet})"
        due_at = due_of(request) if request.until != "nothing" else None
        if end is not None and due_at is not None and now < due_at <= end:
            why = f"{why}, and fell due within them"
        return Later(Code.QUIET, end, why)
    if request.urgency == "low":
        return Later(Code.LOW, reader.next_digest(inbox, person, world, now), "it is not urgent")
    if reader.is_over_budget(inbox, world, now):
        counted, budget = reader.counted(inbox, now), reader.budget_of(inbox, world)
        why = (
            f"you had {counted} message{'s' * (counted != 1)} that day already; your noise budget is {budget}"
        )
        return Later(Code.BUDGET, reader.next_digest(inbox, person, world, now), why)
    return None


def _on_delivery(tray: Tray, event: Event, outcome: DeliveryOutcome) -> None:
    """A hard bounce puts the channel last in this reader's order; the delivery itself went on to the next one when it
    failed, or to the dead letters. Then the fallback contact is told."""
    inbox = tray.inbox
    tray.because(Code.RECORDED, f"{event.type}: {outcome.reason}")
    if event.type == "delivery.bounced" and outcome.channel not in inbox.disabled:
        inbox.disabled[outcome.channel] = outcome.reason
        tray.because(Code.ADDRESS_DISABLED, f"{tray.to} is told by {outcome.channel} only after the others")
    if event.type == "delivery.dead" and outcome.lost is not None:
        emits, said = unreached.report(
            inbox, outcome.lost, outcome.channel, outcome.reason, tray.now, tray.world
        )
        tray.emits += emits
        tray.reasons.append(said)


_RULES: dict[str, Callable[[Tray, Event, Any], None]] = {
    "notification.requested": _on_requested,
    "delivery.dead": _on_delivery,
    "delivery.bounced": _on_delivery,
    "person.away": absence.on_away,
    "person.back": absence.on_back,
    "preferences.changed": absence.on_preferences,
}
