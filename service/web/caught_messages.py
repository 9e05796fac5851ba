"""Caught messages as the pages read them: decoded, named and filtered. The bytes are channels/caught.py's."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from service.store.contract import Record, Store

# The store keeps no more (design, section 3: capped), so one read is all of them.
KEPT_MAX = 1000


class CaughtLink(Struct, frozen=True):
    name: str
    label: str
    url: str


class CaughtMessage(Struct, frozen=True, kw_only=True):
    """The fields of `/v1/caught`; the outside contract keeps them as they are."""

    at: datetime
    to: str
    channel: str
    template: str
    policy: str
    step: str
    subject: str
    reason: str
    key: str
    title: str
    text: str
    html: str
    links: list[CaughtLink]


class Shown(Struct, frozen=True):
    """One caught message with its place in the store and everything that came with it."""

    id: str
    message: CaughtMessage
    more: dict[str, Any]  # what stands beside the contract's fields: address, urgency, cycle, …

    @property
    def reasons(self) -> list[str]:
        reasons = self.more.get("reasons")
        return [str(reason) for reason in reasons] if isinstance(reasons, list) else [self.message.reason]


_decode = msgspec.json.Decoder(CaughtMessage).decode
_decode_all = msgspec.json.Decoder(dict[str, Any]).decode


def shown(record: Record) -> Shown | None:
    """The message in `record`; None when another version wrote it in a way this one cannot read."""
    try:
        message, fields = _decode(record.value), _decode_all(record.value)
    except msgspec.DecodeError:
        return None
    known = set(CaughtMessage.__struct_fields__)
    return Shown(record.position, message, {k: v for k, v in fields.items() if k not in known})


def readable(records: Iterable[Record], to: str = "") -> list[Shown]:
    """The messages in `records` that can be read, in their order; with `to`, only those for that recipient."""
    found = [one for record in records if (one := shown(record)) is not None]
    return [one for one in found if not to or one.message.to == to]


async def newest_first(store: Store) -> list[Shown]:
    return readable(reversed(await store.caught("0", KEPT_MAX)))


async def find(store: Store, message_id: str) -> Shown | None:
    for record in await store.caught("0", KEPT_MAX):
        if record.position == message_id:
            return shown(record)
    return None


def as_utc(at: datetime) -> datetime:
    """An aware instant in UTC; a naive one is refused with ValueError, because nobody knows what it means."""
    if at.tzinfo is None:
        raise ValueError("an instant needs an offset, for example 2026-11-24T16:00:00Z")
    return at.astimezone(UTC)
