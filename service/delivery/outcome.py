"""What one attempt amounts to: a `Settled` for the store, with its log entry and its reason. Pure.

Every outcome ends here, and every function says which of sent, retry, next channel, dead or cancelled it is. The
order in which they are reached is in `worker.py`.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from service.channels.contract import ChannelError
from service.core.effects import Dead, Emit, LogEntry, Owed, encode_effect
from service.core.events import DeliveryOutcome
from service.core.ids import delivery_key, effect_key
from service.core.reasons import Code, Reason
from service.core.still_owed import Left
from service.core.unreached import TEMPLATE, request_of
from service.delivery.retry import SCHEDULE_S, is_reminder, retry_in_s
from service.store.clock import to_ms
from service.store.contract import Settled

_json = msgspec.json.Encoder().encode


class Outcome(NamedTuple):
    """`name` is the metric's label: sent, already_sent, cancelled, checked, retry, waiting, fallback, dead."""

    name: str
    reason: Reason
    settled: Settled
    dead_kind: str = ""  # of a dead letter: delivery or unroutable


def sent(owed: Owed, now: datetime, *, is_fallback_text: bool) -> Outcome:
    """It was handed over to the vendor, who accepted it."""
    reason = Reason(Code.SENT, f"sent by {owed.channel}, attempt {owed.attempt + 1}")
    reasons = [reason]
    if is_fallback_text:
        why = f"the template {owed.template} broke, so the built-in text went out"
        reasons.append(Reason(Code.TEMPLATE_BROKEN, why))
    return Outcome("sent", reason, Settled("sent", _log(owed, now, "sent", reasons)))


def already_sent(owed: Owed, now: datetime) -> Outcome:
    """A second copy of something settled: said in the log, never sent."""
    reason = Reason(Code.ALREADY_SENT, f"it had already been sent by {owed.channel}")
    return Outcome("already_sent", reason, Settled("cancelled", _log(owed, now, "already_sent", [reason])))


def cancelled(owed: Owed, reason: Reason, now: datetime) -> Outcome:
    """While it waited it stopped being true."""
    return Outcome("cancelled", reason, Settled("cancelled", _log(owed, now, "cancelled", [reason])))


def checked(digest: Owed, left: Left, now: datetime) -> Outcome:
    """A digest before its first attempt: what is left of it takes its place in the outbox, at once; or nothing is."""
    if left.owed is None:
        reason = Reason(Code.CLOSED, "nothing in this digest is true any more")
        reasons = [*left.reasons, reason]
        return Outcome("cancelled", reason, Settled("cancelled", _log(digest, now, "cancelled", reasons)))
    reason = Reason(Code.DIGEST, f"it was checked just before it is sent; {len(left.reasons)} of it left out")
    again, log = left.owed, _log(digest, now, "checked", [*left.reasons, reason])
    settled = Settled("fallback", log, again=encode_effect(again), again_key=again.key)
    return Outcome("checked", reason, settled)


def waiting(owed: Owed, wait_s: float, why: str, now: datetime) -> Outcome:
    """Not tried yet, for the sake of others: it comes back later, and this does not count as an attempt."""
    reason = Reason(Code.WAITING, f"{why}; tried again in {in_words(wait_s)}")
    return Outcome("waiting", reason, _again(owed, wait_s, [reason], now))


def failed(owed: Owed, error: ChannelError, now: datetime) -> Outcome:
    """The attempt failed: try again, or the next channel, or give up.

    1. What can never work on this channel goes on to the next one.
    2. A reminder that may have arrived is not sent again, by any channel.
    3. Anything else is tried again as the schedule and the vendor say; after the last attempt the next channel's turn.
    """
    if error.permanent:
        return _move_on(owed, error.text, now, bounced=error.bounced)
    if error.is_unknown and is_reminder(owed):
        why = f"{owed.channel}: {error.text}; it may have arrived, and a reminder is not repeated"
        return _give_up(owed, Reason(Code.UNKNOWN_OUTCOME, why), now)
    attempts = owed.attempt + 1
    delay_s = retry_in_s(owed.key, attempts, error.retry_after_s)
    if delay_s is None:
        after = f"given up after attempt {attempts} of {len(SCHEDULE_S)}"
        return _move_on(owed, f"{error.text}; {after}", now)
    reason = Reason(
        Code.RETRY, f"{owed.channel}: {error.text}; attempt {attempts + 1} in {in_words(delay_s)}"
    )
    return Outcome("retry", reason, _again(replace(owed, attempt=attempts), delay_s, [reason], now))


def no_address(owed: Owed, now: datetime) -> Outcome:
    """The address book has nothing for this person on this channel."""
    return _move_on(owed, f"{owed.to} has no address there", now, dead_kind="unroutable")


def unreadable(key: str, raw: bytes, why: str, now: datetime) -> Outcome:
    """An outbox entry that this version cannot decode: kept whole, for a version that can."""
    reason = Reason(Code.DEAD, f"the outbox entry cannot be read: {why}")
    dead = Dead("unreadable", why, raw, now, "delivery", "", f"outbox {key}")
    log = LogEntry(now, "", "delivery", key, "", "", (("dead", key, ""),), (reason,))
    return Outcome("dead", reason, Settled("dead", encode_effect(log), dead=encode_effect(dead)), "delivery")


def _move_on(
    owed: Owed, why: str, now: datetime, *, bounced: bool = False, dead_kind: str = "delivery"
) -> Outcome:
    """The next channel in the person's order, as a new delivery with its own key; without one, a dead letter."""
    emits = [_emit("delivery.bounced", owed, why, now)] if bounced else []
    if not owed.fallbacks:
        code = Code.UNROUTABLE if dead_kind == "unroutable" else Code.BOUNCED if bounced else Code.DEAD
        return _give_up(owed, Reason(code, f"{owed.channel}: {why}"), now, dead_kind, emits)
    channel, _, address = owed.fallbacks[0].partition(":")
    again = replace(
        owed,
        key=delivery_key(owed, channel),
        channel=channel,
        address=address,
        fallbacks=owed.fallbacks[1:],
        attempt=0,
    )
    reason = Reason(Code.NEXT_CHANNEL, f"{owed.channel}: {why}; now by {channel}")
    reasons = [
        reason,
        *([Reason(Code.BOUNCED, f"the {owed.channel} address does not exist")] if bounced else []),
    ]
    settled = Settled(
        "fallback",
        _log(owed, now, "fallback", reasons, (("delivery", again.key, again.to),)),
        again=encode_effect(again),
        again_key=again.key,
        emits=tuple(emits),
    )
    return Outcome("fallback", reason, settled)


def _give_up(
    owed: Owed, reason: Reason, now: datetime, dead_kind: str = "delivery", emits: Iterable[bytes] = ()
) -> Outcome:
    """A dead letter; and the inbox of whoever was not reached hears of it, so that the fallback contact is told."""
    if owed.template == TEMPLATE:
        why = f"{reason.text}; {owed.to} is the fallback contact, so nobody is told now"
        reason = Reason(Code.FALLBACK_UNREACHED, why)
    dead = Dead(
        reason.code, reason.text, encode_effect(owed), now, dead_kind, owed.subject, f"outbox {owed.key}"
    )
    settled = Settled(
        "dead",
        _log(owed, now, "dead", [reason]),
        dead=encode_effect(dead),
        emits=(*emits, _emit("delivery.dead", owed, reason.text, now, reason.code)),
    )
    return Outcome("dead", reason, settled, dead_kind)


def _again(owed: Owed, delay_s: float, reasons: list[Reason], now: datetime) -> Settled:
    return Settled(
        "retry",
        _log(owed, now, "retry", reasons),
        retry_at_ms=to_ms(now + timedelta(seconds=delay_s)),
        again=encode_effect(owed),
        again_key=owed.key,
    )


def _emit(type_: str, owed: Owed, why: str, now: datetime, code: str = "") -> bytes:
    """An event for the inbox of whoever was not reached, with what they were not told. Its key belongs to the delivery,
    so that one settled twice (two workers, one reply lost) is one event.

    What may have arrived is not called lost: nobody is told that a reminder failed which its reader has.
    """
    route = owed.to.removeprefix("channel:") if owed.to.startswith("channel:") else owed.channel
    may_have_arrived = code == Code.UNKNOWN_OUTCOME
    lost = request_of(owed) if type_ == "delivery.dead" and not may_have_arrived else None
    data = DeliveryOutcome(
        to=owed.to, key=owed.key, channel=route, subject=owed.subject, reason=why, lost=lost
    )
    key = effect_key(type_, owed.key)
    return encode_effect(Emit(key, "inbox", type_, f"inbox/{owed.to}", now, _json(data)))


def _log(
    owed: Owed, now: datetime, what: str, reasons: list[Reason], more: tuple[tuple[str, str, str], ...] = ()
) -> bytes:
    effects = ((what, owed.key, owed.to), *more)
    entry = LogEntry(
        now, owed.subject, "delivery", owed.key, "", "", effects, tuple(reasons), (owed.policy_hash,)
    )
    return encode_effect(entry)


def in_words(seconds: float) -> str:
    """`5 s`, `5 min`, `2 h`: for one line of a log."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
