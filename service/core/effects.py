"""What a decision asks for. Plain data: the engine stores it, nobody acts on it before it is stored."""

from datetime import datetime

import msgspec
from msgspec import Struct

from service.core.model import State
from service.core.reasons import Reason


class Emit(Struct, frozen=True, array_like=True):
    """An internal event for another shard. `key` is its id there, and what makes applying it twice harmless."""

    key: str
    topic: str
    type: str
    subject: str  # subject key on that topic
    time: datetime
    data: bytes  # JSON of the event's data struct; of a forwarded record the whole event
    origin: str = (
        ""  # where a forwarded record lay, as `deals.3@17`: it came to a partition that is not its own
    )


class Owed(Struct, frozen=True, array_like=True):
    """One notification owed over one channel: an entry of the outbox, and all that rendering may use.

    `key` is stable over every attempt. `fallbacks` are the channels still to try, in the person's order.
    """

    key: str
    to: str  # person id, or channel:<name>
    channel: str  # an entry of channels.yaml
    address: (
        str  # where on it, for channel:<name>:<address>; empty: the person's address, looked up when sending
    )
    fallbacks: tuple[str, ...]
    subject: str
    policy: str
    policy_hash: str
    step: str
    cycle: int
    round: int
    cause: str
    kind: str  # notice | retraction
    template: str
    template_hash: str
    urgency: str
    until: str
    decided_at: datetime
    reasons: tuple[str, ...]
    facts: dict[str, object]
    extra: dict[str, object] = {}
    attempt: int = 0  # attempts made so far on this channel
    asked_at: datetime | None = None  # when it was asked for, where it has waited since
    parts: tuple[bytes, ...] = ()  # of a digest: the entries it stands for
    is_final: bool = False  # its parts were checked: every attempt sends what is left of them
    quiet: str = ""  # `20:00-08:00 Europe/Madrid`: it does not come within these; "" at any hour


class Dead(Struct, frozen=True, array_like=True):
    """A dead letter: given up, kept with its reason and the original bytes for thirty days."""

    reason: str
    detail: str
    raw: bytes
    at: datetime
    kind: str = "event"  # event | delivery | unroutable
    subject: str = ""
    source: str = ""  # where it lay: topic, partition, offset


class LogEntry(Struct, frozen=True, array_like=True):
    """One decision as it happened: what came in, what changed, what was asked for, and why."""

    at: datetime
    subject: str
    input: str  # event type, or "timer"
    input_id: str  # "source id" of the event, or the timer's due time
    before: str  # status before, "" when there was nothing
    after: str
    effects: tuple[tuple[str, str, str], ...]  # (what, key, to)
    reasons: tuple[Reason, ...]
    policies: tuple[str, ...] = ()  # hashes the subject runs under
    graph: str = ""
    # Where a commitment asked for a word: whose it was then, and its moments as (name, when, cycle). What was decided
    # can be reckoned again from these, whatever has changed since.
    owner: str = ""
    moments: tuple[tuple[str, datetime, int], ...] = ()


class Decision(Struct, frozen=True):
    """`state` is the new state, None to forget the subject; `due_at` its next timer, None for none."""

    state: State | None
    due_at: datetime | None
    emits: tuple[Emit, ...] = ()
    owed: tuple[Owed, ...] = ()
    dead: tuple[Dead, ...] = ()
    reasons: tuple[Reason, ...] = ()
    before: str = ""  # the status before; "" when there was nothing


_owed_encoder = msgspec.msgpack.Encoder()
_owed_decoder = msgspec.msgpack.Decoder(Owed)
_emit_decoder = msgspec.msgpack.Decoder(Emit)
_log_decoder = msgspec.msgpack.Decoder(LogEntry)
_dead_decoder = msgspec.msgpack.Decoder(Dead)


def encode_effect(effect: Emit | Owed | Dead | LogEntry) -> bytes:
    return _owed_encoder.encode(effect)


def decode_owed(raw: bytes) -> Owed:
    return _owed_decoder.decode(raw)


def decode_emit(raw: bytes) -> Emit:
    return _emit_decoder.decode(raw)


def decode_log(raw: bytes) -> LogEntry:
    return _log_decoder.decode(raw)


def decode_dead(raw: bytes) -> Dead:
    return _dead_decoder.decode(raw)
