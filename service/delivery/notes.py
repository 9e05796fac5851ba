"""What is remembered of each channel for `doctor`: the last message it delivered, and the last error it gave.

Kept here and written at most once a second, a field a word; so the way of a message costs nothing. Of several delivery
processes the last one to write is heard: what is told may be a second old, never another channel's. Whom a message was
for is no part of it.
"""

from datetime import datetime
from time import monotonic

import msgspec
from msgspec import Struct

from service.channels.contract import ChannelError
from service.core.effects import Owed
from service.delivery.lanes import Timer
from service.store.contract import Store

# One note for all channels; its fields are `delivered <channel>` and `failed <channel>`.
NAME = "channels"
WRITE_EVERY_S = 1.0


class Delivered(Struct, frozen=True):
    """The last message that a channel took."""

    at: datetime
    to: str  # a person | a channel
    template: str


class Failed(Struct, frozen=True):
    """The last error that a channel gave, in the words of `ChannelError`: no address and no secret."""

    at: datetime
    error: str


class Notes:
    """One worker's; nothing is written before `write`, and what could not be written is tried again by the next."""

    def __init__(self, store: Store, timer: Timer = monotonic) -> None:
        self._store, self._timer = store, timer
        self._waiting: dict[str, Delivered | Failed] = {}
        self._written_at: float | None = None

    def delivered(self, owed: Owed, at: datetime) -> None:
        to = "a channel" if owed.to.startswith("channel:") else "a person"
        self._waiting[f"delivered {owed.channel}"] = Delivered(at, to, owed.template)

    def failed(self, owed: Owed, error: ChannelError, at: datetime) -> None:
        self._waiting[f"failed {owed.channel}"] = Failed(at, error.text)

    async def write(self, *, now: bool = False) -> None:
        """What has changed, when a second has passed since the last time; with `now` at once. May raise StoreDown."""
        is_soon = self._written_at is not None and self._timer() - self._written_at < WRITE_EVERY_S
        if not self._waiting or (is_soon and not now):
            return
        self._written_at = self._timer()
        for field, note in list(self._waiting.items()):
            await self._store.note(NAME, field, msgspec.json.encode(note))
            if self._waiting.get(field) is note:
                del self._waiting[field]


def decode(notes: dict[str, bytes]) -> dict[str, tuple[Delivered | None, Failed | None]]:
    """By the channel's name."""
    found: dict[str, tuple[Delivered | None, Failed | None]] = {}
    for name in sorted({field.partition(" ")[2] for field in notes}):
        sent, failed = notes.get(f"delivered {name}"), notes.get(f"failed {name}")
        found[name] = (
            msgspec.json.decode(sent, type=Delivered) if sent else None,
            msgspec.json.decode(failed, type=Failed) if failed else None,
        )
    return found
