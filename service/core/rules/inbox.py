"""The inbox: one recipient, person or channel. Today it passes requests on to deliveries, now; quiet hours, digests
and the noise budget will be decided here, because only this subject knows what its reader has already been told.
"""

from datetime import datetime

import msgspec

from service.core import unreached
from service.core.directory import World
from service.core.effects import Dead, Decision, Emit, Owed
from service.core.events import DeliveryOutcome, Event, NotificationRequested, Timer
from service.core.ids import delivery_key, split_subject
from service.core.merge import remember
from service.core.model import Inbox
from service.core.reasons import Code, Reason

# What a channel that nobody configured, or a person who prefers none, is reached by (and then caught).
DEFAULT_CHANNEL = "email"

_encode = msgspec.json.Encoder().encode


def decide_inbox(subject: str, state: Inbox | None, event: Event, world: World) -> Decision:
    """Now, or not, because …; with the channels in the reader's order of preference."""
    return _with_timer(_on_event(subject, state, event, world))


def on_timer(inbox: Inbox, timer: Timer, world: World) -> Decision:
    """What was lost on the way to this reader and is not told yet is told now."""
    told = unreached.report_others(inbox, timer.fired_at, world)
    reasons = tuple(why for _, why in told) or (Reason(Code.NOT_DUE, "nothing is due here"),)
    return _with_timer(
        Decision(inbox, None, emits=tuple(e for emits, _ in told for e in emits), reasons=reasons)
    )


def reckon(inbox: Inbox) -> Decision:
    """As it is, with its timer."""
    return _with_timer(Decision(inbox, None))


def _with_timer(decision: Decision) -> Decision:
    state = decision.state
    due_at = unreached.next_due(state) if isinstance(state, Inbox) else None
    return msgspec.structs.replace(decision, due_at=due_at)


def _on_event(subject: str, state: Inbox | None, event: Event, world: World) -> Decision:
    inbox = state or Inbox()
    if not remember(inbox, event.source, event.id):
        return Decision(inbox, None, reasons=(Reason(Code.DUPLICATE, "this event was applied before"),))
    to = split_subject(subject)[1]
    match event.data:
        case NotificationRequested() as request:
            return _deliver(inbox, to, request, event.received_at, world)
        case DeliveryOutcome() as outcome:
            return _delivery_failed(inbox, to, event, outcome, world)
        case _:
            return Decision(state, None, reasons=(Reason(Code.UNMATCHED, f"no rule for {event.type} yet"),))


def _deliver(inbox: Inbox, to: str, request: NotificationRequested, now: datetime, world: World) -> Decision:
    person = world.directory.people.get(to)
    if not to.startswith("channel:") and (person is None or not person.active):
        why = f"{to} is not in the directory" if person is None else f"{to} is not active any more"
        return _unroutable(inbox, request, now, world, why)
    # An address that bounced is tried last, not never: nobody tells us when the directory was mended.
    channels = sorted(_channels(to, world), key=lambda channel: channel in inbox.disabled)
    channel, _, address = channels[0].partition(":")
    owed = _owed(request, channel, address, tuple(channels[1:]), world)
    inbox.sent += 1
    reasons = [Reason(Code.DELIVER, f"now, by {channel}")]
    reasons += [
        Reason(Code.ADDRESS_DISABLED, f"{c} only after the others: {why}")
        for c, why in inbox.disabled.items()
    ]
    return Decision(inbox, None, owed=(owed,), reasons=tuple(reasons))


def _channels(to: str, world: World) -> tuple[str, ...]:
    if to.startswith("channel:"):
        return (to.removeprefix("channel:"),)
    person = world.directory.people.get(to)
    return (person.channels if person else ()) or (DEFAULT_CHANNEL,)


def _owed(
    request: NotificationRequested, channel: str, address: str, fallbacks: tuple[str, ...], world: World
) -> Owed:
    owed = Owed(
        key="",
        to=request.to,
        channel=channel,
        address=address,
        fallbacks=fallbacks,
        subject=request.subject,
        policy=request.policy,
        policy_hash=request.policy_hash,
        step=request.step,
        cycle=request.cycle,
        round=request.round,
        cause=request.cause,
        kind=request.kind,
        template=request.template,
        template_hash=world.templates.get(request.template, ""),
        urgency=request.urgency,
        until=request.until,
        decided_at=request.decided_at,
        reasons=tuple(request.reasons),
        facts=request.facts,
        extra=request.extra,
    )
    return msgspec.structs.replace(owed, key=delivery_key(owed, channel))


def _unroutable(
    inbox: Inbox, request: NotificationRequested, now: datetime, world: World, why: str
) -> Decision:
    """Nobody is reached: the fallback contact is told instead, and a dead letter is kept."""
    emits, said = unreached.report(inbox, request, "", why, now, world)
    code = Code.FALLBACK_UNREACHED if said.code == Code.FALLBACK_UNREACHED else Code.UNROUTABLE
    dead = Dead(code, why, _encode(request), now, "unroutable", request.subject)
    return Decision(inbox, None, emits=emits, dead=(dead,), reasons=(Reason(Code.UNROUTABLE, why), said))


def _delivery_failed(inbox: Inbox, to: str, event: Event, outcome: DeliveryOutcome, world: World) -> Decision:
    """A hard bounce puts the channel last in this reader's order; the delivery itself went on to the next one when it
    failed, or to the dead letters. Then the fallback contact is told."""
    reasons = [Reason(Code.RECORDED, f"{event.type}: {outcome.reason}")]
    emits: tuple[Emit, ...] = ()
    if event.type == "delivery.bounced" and outcome.channel not in inbox.disabled:
        inbox.disabled[outcome.channel] = outcome.reason
        reasons.append(
            Reason(Code.ADDRESS_DISABLED, f"{to} is told by {outcome.channel} only after the others")
        )
    if event.type == "delivery.dead" and outcome.lost is not None:
        at = event.received_at
        emits, said = unreached.report(inbox, outcome.lost, outcome.channel, outcome.reason, at, world)
        reasons.append(said)
    return Decision(inbox, None, emits=emits, reasons=tuple(reasons))
