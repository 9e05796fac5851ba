"""Per-destination rate limits without head-of-line blocking: who is over the limit gets a slot and steps aside.

A slot is a promise: the delivery that comes back at its time passes, without being counted again. State lives in this
process; two delivery processes together may send twice the rate, which the vendor's 429 then corrects.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from service.channels.contract import Channel

# Slots and destinations nobody came back for are forgotten once this many are remembered.
REMEMBERED_MAX = 10_000


class Limit(NamedTuple):
    """At most `per_s` messages a second to one destination, after a first `burst` at once."""

    per_s: float
    burst: int = 1


class Limits:
    """`admit` says how long to wait; `hold` is a vendor's "not before"."""

    def __init__(self, limits: dict[str, Limit] | None = None) -> None:
        self._limits = limits or {}  # channel name -> limit of each of its destinations
        self._free_at: dict[tuple[str, str], datetime] = {}  # the theoretical arrival time of GCRA
        self._held_until: dict[tuple[str, str], datetime] = {}
        self._slots: dict[str, datetime] = {}  # delivery key -> when it may pass

    @classmethod
    def of(cls, channels: Mapping[str, Channel]) -> Self:
        """What the vendors of these channels take."""
        return cls({name: Limit(*channel.rate) for name, channel in channels.items() if channel.rate})

    def admit(self, channel: str, address: str, key: str, now: datetime) -> float:
        """Seconds until this delivery may go to that destination; 0 means now, and uses up its place."""
        destination = (channel, address)
        held = self._held_until.get(destination)
        if held is not None and held > now:
            return (held - now).total_seconds()
        limit = self._limits.get(channel)
        if limit is None:
            return 0
        slot = self._slots.get(key)
        if slot is not None and slot > now:
            return (slot - now).total_seconds()
        if slot is not None:
            del self._slots[key]
            return 0
        wait_s = self._take(destination, limit, now)
        if wait_s > 0:
            self._slots[key] = now + timedelta(seconds=wait_s)
            self._forget(now)
        return wait_s

    def hold(self, channel: str, address: str, until: datetime) -> None:
        """The vendor asked to be left alone: everything for this destination waits, not only what was refused."""
        known = self._held_until.get((channel, address))
        self._held_until[(channel, address)] = max(known, until) if known else until

    def _take(self, destination: tuple[str, str], limit: Limit, now: datetime) -> float:
        step = timedelta(seconds=1 / limit.per_s)
        free_at = max(self._free_at.get(destination, now), now)
        self._free_at[destination] = free_at + step
        return max(0.0, (free_at - now - step * (limit.burst - 1)).total_seconds())

    def _forget(self, now: datetime) -> None:
        if len(self._slots) + len(self._free_at) + len(self._held_until) > REMEMBERED_MAX:
            self._slots = {key: at for key, at in self._slots.items() if at > now}
            self._free_at = {key: at for key, at in self._free_at.items() if at > now}
            self._held_until = {key: at for key, at in self._held_until.items() if at > now}
