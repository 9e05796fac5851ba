"""The inbox: one recipient, person or channel. Today it passes requests on to deliveries, now; quiet hours, digests
and the noise budget will be decided here, because only this subject knows what its reader has already been told.
"""

import msgspec

from service.core.directory import World
from service.core.effects import Dead, Decision, Emit, Owed
from service.core.events import DeliveryOutcome, Event, NotificationRequested
from service.core.ids import delivery_key, effect_key, split_subject
from service.core.merge import remember
from service.core.model import Commitment, Inbox
from service.core.policy import Recipients
from service.core.reasons import Code, Reason
from service.core.recipients import resolve

# What a channel that nobody configured, or a person who prefers none, is reached by (and then caught).
DEFAULT_CHANNEL = "email"

_encode = msgspec.json.Encoder().encode


def decide_inbox(subject: str, state: Inbox | None, event: Event, world: World) -> Decision:
    """Now, or not, because …; with the channels in the reader's order of preference."""
    inbox = state or Inbox()
    if not remember(inbox, event.source, event.id):
        return Decision(inbox, None, reasons=(Reason(Code.DUPLICATE, "this event was applied before"),))
    to = split_subject(subject)[1]
    match event.data:
        case NotificationRequested() as request:
            return _deliver(inbox, to, request, world)
        case DeliveryOutcome() as outcome:
            return _delivery_failed(inbox, to, event.type, outcome)
        case _:
            return Decision(state, None, reasons=(Reason(Code.UNMATCHED, f"no rule for {event.type} yet"),))


def _deliver(inbox: Inbox, to: str, request: NotificationRequested, world: World) -> Decision:
    person = world.directory.people.get(to)
    if not to.startswith("channel:") and (person is None or not person.active):
        why = f"{to} is not in the directory" if person is None else f"{to} is not active any more"
        return _unroutable(inbox, request, world, why)
    channels = [c for c in _channels(to, world) if c not in inbox.disabled]
    if not channels:
        return _unroutable(inbox, request, world, f"{to} has no channel that works")
    channel, _, address = channels[0].partition(":")
    owed = _owed(request, channel, address, tuple(channels[1:]), world)
    inbox.sent += 1
    reasons = [Reason(Code.DELIVER, f"now, by {channel}")]
    reasons += [Reason(Code.ADDRESS_DISABLED, f"not by {c}: {why}") for c, why in inbox.disabled.items()]
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


def _unroutable(inbox: Inbox, request: NotificationRequested, world: World, why: str) -> Decision:
    """Nobody is reached: the fallback contact is told instead; when that is who was meant, a dead letter is kept."""
    reason = Reason(Code.UNROUTABLE, why)
    dead = Dead("unroutable", why, _encode(request), request.decided_at, "unroutable", request.subject)
    if request.template == "unroutable":
        return Decision(inbox, None, dead=(dead,), reasons=(reason,))
    found = resolve(Recipients((world.fallback_contact,)), Commitment(), world.directory)
    emits = tuple(_to_fallback(to, request, why) for to in found if to != request.to)
    return Decision(inbox, None, emits=emits, dead=(dead,), reasons=(reason,))


def _to_fallback(to: str, request: NotificationRequested, why: str) -> Emit:
    extra: dict[str, object] = {"step": request.step, "why": why}
    # A step of its own: the fallback contact may have been told of the same step in its own right.
    told = msgspec.structs.replace(
        request,
        to=to,
        step=f"~fallback:{request.policy}.{request.step}:{request.to}",
        template="unroutable",
        kind="notice",
        until="nothing",
        reasons=[why],
        extra=extra,
    )
    parts = (request.subject, request.cycle, request.policy, request.step, request.round, request.cause)
    key = effect_key("fallback", *parts, request.to, to)
    return Emit(key, "inbox", "notification.requested", f"inbox/{to}", request.decided_at, _encode(told))


def _delivery_failed(inbox: Inbox, to: str, type_: str, outcome: DeliveryOutcome) -> Decision:
    """A hard bounce puts the address out of order until the directory changes; the delivery itself went on to the
    next channel, or to the dead letters, when it failed."""
    reasons = [Reason(Code.RECORDED, f"{type_}: {outcome.reason}")]
    if type_ == "delivery.bounced" and outcome.channel not in inbox.disabled:
        inbox.disabled[outcome.channel] = outcome.reason
        reasons.append(Reason(Code.ADDRESS_DISABLED, f"{to} is not reached by {outcome.channel} any more"))
    return Decision(inbox, None, reasons=tuple(reasons))
