"""One attempt at one delivery, in the order of work. Reads the store, never writes it: `worker.py` settles.

Whatever is not a plain success is a reason (`outcome.py`); an unexpected exception is left to the worker.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from service.channels.contract import Channel, ChannelError
from service.core.effects import Owed
from service.core.message import Message, Reader
from service.core.model import Commitment, decode_state
from service.core.still_owed import left_of, still_owed, subjects_of
from service.delivery import outcome
from service.delivery.address import address_of
from service.delivery.breaker import Breakers
from service.delivery.lanes import BLINK_S, HOLD_S, Held, Lane, Timer
from service.delivery.limits import Limits
from service.delivery.outcome import Outcome
from service.delivery.report import Report
from service.delivery.retry import RETRY_AFTER_S_MAX, quiet_ends_at, spread
from service.store.contract import Shard, Store, StoreDown
from service.telemetry.faultpoint import fault_point

# While the store is down, it is asked again after these pauses, the last one repeated.
PATIENCE_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)

T = TypeVar("T")


class Texts(NamedTuple):
    """How an entry becomes a message: `read` finds the reader's record, `render` makes the message, perhaps with a
    template that it asks the store for."""

    read: Callable[[str], Reader]
    render: Callable[[Owed, Reader], Awaitable[Message]]


class Attempts:
    """Called with what a lane's hand holds, returns what became of it."""

    def __init__(
        self,
        store: Store,
        shard_of: Callable[[str], Shard],
        channels: Mapping[str, Channel],
        texts: Texts,
        limits: Limits,
        breakers: Breakers,
        report: Report,
        timer: Timer,
    ) -> None:
        self._store, self._shard_of, self._channels, self._texts = store, shard_of, channels, texts
        self._limits, self._breakers, self._report, self._timer = limits, breakers, report, timer

    async def __call__(self, held: Held, lane: Lane) -> Outcome:
        """The order of work.

        1. Nothing that has waited here too long: another worker may have it by now.
        2. Nothing twice, and nothing that stopped being true while it waited. A digest is stored again without that,
           so that every attempt sends the same.
        3. Nothing without an address, late and in the reader's quiet hours, over a limit, or through an open breaker.
        4. Render and send; what the vendor says decides the rest.
        """
        owed = held.owed
        if self._is_old(held):
            return self._too_old(held)
        if await self._patiently(held, lambda: self._store.was_sent(held.entry.shard, owed.key)):
            return outcome.already_sent(owed, self.now(held))
        if owed.parts and not owed.is_final:
            states = {subject: await self._state(held, subject) for subject in subjects_of(owed)}
            return outcome.checked(owed, left_of(owed, states), self.now(held))
        untrue = await self._untrue(held)
        if untrue is not None:
            return untrue
        channel, reader = self._channels[owed.channel], self._texts.read(owed.to)
        address = address_of(owed, reader, channel)
        if address is None:
            return outcome.no_address(owed, self.now(held))
        held_back = await self._held_back(held, address)
        if held_back is not None:
            return held_back
        message = await self._patiently(held, lambda: self._texts.render(owed, reader))
        return await self._send(held, channel, message, address, lane)

    def now(self, held: Held) -> datetime:
        """The store's clock when the entry was claimed, plus what this process measured since: no round trip."""
        now = held.at + timedelta(seconds=self._timer() - held.since)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    async def _untrue(self, held: Held) -> Outcome | None:
        """The end of what stopped being true while it waited."""
        if held.owed.until == "nothing":  # what reports a fact stays true: nothing is to be asked
            return None
        why = still_owed(held.owed, await self._state(held, held.owed.subject))
        return outcome.cancelled(held.owed, why, self.now(held)) if why is not None else None

    async def _state(self, held: Held, subject: str) -> Commitment | None:
        shard = self._shard_of(subject)
        (raw,) = await self._patiently(held, lambda: self._store.load(shard, [subject]))
        state = decode_state(raw) if raw is not None else None
        return state if isinstance(state, Commitment) else None

    async def _held_back(self, held: Held, address: str) -> Outcome | None:
        owed, now = held.owed, self.now(held)
        quiet_ends = quiet_ends_at(owed, now)
        if quiet_ends is not None:
            wait_s = (quiet_ends - now).total_seconds()
            return outcome.waiting(owed, wait_s, f"it would come in {owed.to}'s quiet hours by now", now)
        wait_s = self._limits.admit(owed.channel, address, owed.key, now)
        if wait_s > 0:
            return outcome.waiting(owed, wait_s, f"queued behind the rate limit of {owed.channel}", now)
        verdict = await self._breakers.admit(owed.channel, now)
        if verdict.is_go:
            return None
        if verdict.refused:
            return outcome.failed(owed, ChannelError(f"out of order ({verdict.refused})"), now)
        wait_s = verdict.wait_s * (1 + spread(owed.key))
        return outcome.waiting(owed, wait_s, f"{owed.channel} was out of order and is being tried", now)

    async def _send(
        self, held: Held, channel: Channel, message: Message, address: str, lane: Lane
    ) -> Outcome:
        owed, ready = held.owed, self._timer()
        fault_point("before_send")
        try:
            async with lane.turn:
                if self._is_old(held):  # it waited for its turn at the channel as well
                    return self._too_old(held)
                has_waited = self._timer() - ready > BLINK_S
                if has_waited and (untrue := await self._untrue(held)) is not None:
                    return untrue
                with lane.sending():
                    await self._timed(channel.send(owed, message, address), owed.channel)
        except ChannelError as error:
            return await self._refused(held, address, error)
        except StoreDown as error:  # A caught message is kept in the store.
            return outcome.failed(owed, ChannelError(f"the store is down ({error})"), self.now(held))
        fault_point("after_send")
        await self._breakers.succeeded(owed.channel)
        now = self.now(held)
        self._report.sent(owed, now, is_fallback_text=message.is_fallback)
        return outcome.sent(owed, now, is_fallback_text=message.is_fallback)

    async def _timed(self, send: Awaitable[None], channel: str) -> None:
        begun = self._timer()
        try:
            await send
        finally:
            self._report.took(channel, self._timer() - begun)

    def _too_old(self, held: Held) -> Outcome:
        text = f"it waited too long behind others for {held.owed.channel}"
        return outcome.waiting(held.owed, 0, text, self.now(held))

    async def _refused(self, held: Held, address: str, error: ChannelError) -> Outcome:
        owed, now = held.owed, self.now(held)
        self._report.refused(owed, error, now)
        if error.is_outage:
            await self._breakers.failed(owed.channel, error.text, now)
        else:
            await self._breakers.succeeded(owed.channel)
        # A wish for longer than that is not waited for: this message goes its other way, and so will the next.
        if error.retry_after_s is not None and error.retry_after_s <= RETRY_AFTER_S_MAX:
            self._limits.hold(owed.channel, address, now + timedelta(seconds=error.retry_after_s))
        return outcome.failed(owed, error, now)

    async def _patiently(self, held: Held, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the store until it answers, or until the entry is too old to be ours."""
        for tries in range(1_000):
            try:
                return await ask()
            except StoreDown:
                if self._is_old(held):
                    raise
            await asyncio.sleep(PATIENCE_S[min(tries, len(PATIENCE_S) - 1)])
        raise StoreDown("it never answered")

    def _is_old(self, held: Held) -> bool:
        return self._timer() - held.since > HOLD_S
