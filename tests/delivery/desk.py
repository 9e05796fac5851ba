"""A delivery worker with everything around it: a store in memory, a clock that is moved, channels that obey."""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from service.channels.contract import Channel, ChannelError
from service.core.effects import (
    Dead,
    Emit,
    LogEntry,
    Owed,
    decode_dead,
    decode_emit,
    decode_log,
    encode_effect,
)
from service.core.ids import delivery_key
from service.core.message import Message, Reader
from service.core.model import Commitment, Moment, encode_state
from service.delivery.breaker import Breakers
from service.delivery.limits import Limits
from service.delivery.worker import DeliveryWorker
from service.store.clock import Clock
from service.store.contract import Commit, Entry, Settled, Shard, Store
from service.store.memory import MemoryStore
from service.telemetry.metrics import Metrics

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
INBOX, DEADLINES = Shard("inbox", 0), Shard("deadlines", 0)
# Nothing here takes a second; a condition that does not come is a failure, not a slow machine.
PATIENCE_S = 20


def an_owed(number: int = 1, **changes: Any) -> Owed:
    """An escalation to Ana by mail, owed since noon; its key is what the inbox would give it."""
    owed = Owed(
        key="",
        to="ana",
        channel="email",
        address="",
        fallbacks=(),
        subject=f"deadline/c{number}",
        policy="deadline-follow-through",
        policy_hash="ab12",
        step="manager",
        cycle=1,
        round=0,
        cause="",
        kind="notice",
        template="escalated",
        template_hash="cd34",
        urgency="high",
        until="acknowledged",
        decided_at=NOON,
        reasons=("manager: 1 day after the deadline",),
        facts={"id": f"deadline/c{number}", "title": "Send the offer", "due_at": "2026-11-23T12:00:00.000Z"},
    )
    owed = replace(owed, **changes)
    return replace(owed, key=delivery_key(owed, owed.channel))


def a_reminder(number: int = 1, **changes: Any) -> Owed:
    facts = {"id": f"deadline/c{number}", "title": "Send the offer", "due_at": "2026-11-25T12:00:00.000Z"}
    return an_owed(number, template="reminder", step="heads-up", until="done", facts=facts, **changes)


class ObedientChannel:
    """Fails as told (one error a send, then no more), may be told to hang, and remembers everything."""

    def __init__(self, name: str, kind: str = "email", concurrency: int = 4) -> None:
        self.name, self.kind, self.concurrency, self.rate = name, kind, concurrency, None
        self.fails: list[Exception] = []
        self.always: Exception | None = None
        self.tried: list[tuple[str, datetime]] = []
        self.accepted: list[tuple[Owed, Message, str]] = []
        self.gate: asyncio.Event | None = None  # sends wait for it
        self.now: Callable[[], datetime] = lambda: NOON
        self.changed = asyncio.Condition()

    async def send(self, owed: Owed, message: Message, address: str) -> None:
        self.tried.append((owed.key, self.now()))
        async with self.changed:
            self.changed.notify_all()
        if self.gate is not None:
            await self.gate.wait()
        error = self.fails.pop(0) if self.fails else self.always
        if error is not None:
            raise error
        self.accepted.append((owed, message, address))

    async def close(self) -> None:
        pass

    async def has_tried(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S), self.changed:
            await self.changed.wait_for(lambda: len(self.tried) >= count)


class Settlements:
    """Watches a store settle: what tests wait for."""

    def __init__(self, store: Store) -> None:
        self.all: list[tuple[Entry, Settled]] = []
        self._changed = asyncio.Condition()
        self.watch(store)

    def watch(self, store: Store) -> None:
        settle = store.settle

        async def watched(entry: Entry, outcome: Settled) -> bool:
            was_first = await settle(entry, outcome)
            self.all.append((entry, outcome))
            async with self._changed:
                self._changed.notify_all()
            return was_first

        store.settle = watched  # type: ignore[method-assign]

    @property
    def kinds(self) -> list[str]:
        return [outcome.kind for _, outcome in self.all]

    async def count(self, number: int) -> None:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: len(self.all) >= number)

    async def change(self, within_s: float) -> None:
        """The next settlement, or the end of `within_s`: for what happens only when the clock is moved again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s), self._changed:
                await self._changed.wait()

    async def kind(self, kind: str) -> None:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: kind in self.kinds)


def message_of(owed: Owed, reader: Reader) -> Message:
    return Message(f"{owed.facts['title']}", "short", f"Hello {reader.name}", f"<p>Hello {reader.name}</p>")


class Desk:
    """`desk.owe(…)`, `async with desk.working():`, then wait for `desk.settled`."""

    def __init__(self, store: Any = None) -> None:
        self.time = NOON
        self.store: Any = store or MemoryStore(lambda: self.time)
        self.clock = Clock(self.store)
        self.settled = Settlements(self.store)
        self.email = ObedientChannel("email")
        self.channels: dict[str, Channel] = {"email": self.email}
        self.email.now = lambda: self.time
        self.readers = {"ana": Reader("ana", "Ana", addresses={"email": "ana@example.com", "slack": "U0ANA"})}
        self.metrics = Metrics()
        self.limits: Limits | None = Limits()  # None: what the channels themselves say
        self.breakers: Breakers | None = None
        self.render: Callable[[Owed, Reader], Message] = message_of
        self.timer: Callable[[], float] = lambda: (
            0.0
        )  # of the process: nothing takes time unless a test says so
        self._seq: dict[Shard, int] = {}
        self._epoch: dict[Shard, int] = {}

    def reader(self, who: str) -> Reader:
        return self.readers.get(who) or Reader(who, who)

    def worker(
        self, name: str = "w1", store: Store | None = None, breakers: Breakers | None = None
    ) -> DeliveryWorker:
        used = store or self.store
        return DeliveryWorker(
            used,
            [INBOX],
            name,
            self.channels,
            clock=self.clock,
            read=self.reader,
            render=self._render,
            shard_of=lambda _subject: DEADLINES,
            metrics=self.metrics,
            limits=self.limits,
            breakers=breakers or self.breakers,
            timer=self.timer,
        )

    async def _render(self, owed: Owed, reader: Reader) -> Message:
        return self.render(owed, reader)

    async def owe(self, *owed: Owed) -> None:
        """As the engine does it; their subjects exist and are open."""
        for one in owed:
            await self.subject(one.subject)
        await self._commit(INBOX, owed=[(one.key, encode_effect(one)) for one in owed])

    async def owe_bytes(self, key: str, raw: bytes) -> None:
        await self._commit(INBOX, owed=[(key, raw)])

    async def subject(self, subject: str, status: str = "open") -> None:
        state = Commitment(
            status=status, title="Send the offer", owner="ana", moments={"due": Moment(at=NOON)}
        )
        await self._commit(DEADLINES, states={subject: encode_state(state)})

    async def _commit(self, shard: Shard, **what: Any) -> None:
        if shard not in self._epoch:
            owned = await self.store.acquire(shard)
            self._epoch[shard], self._seq[shard] = owned.epoch, owned.seq
        digest = hashlib.blake2b(repr((shard, self._seq[shard], what)).encode()).digest()
        commit = Commit(self._epoch[shard], self._seq[shard], digest, **what)
        self._seq[shard] = await self.store.commit(shard, commit)

    @asynccontextmanager
    async def working(self, worker: DeliveryWorker | None = None) -> Any:
        one = worker or self.worker()
        running = asyncio.create_task(one.run())
        try:
            yield one
        finally:
            one.stop()
            with suppress(asyncio.CancelledError):
                async with asyncio.timeout(PATIENCE_S):
                    await running

    async def log(self) -> list[LogEntry]:
        entries = [decode_log(logged.value) for logged in await self.store.log(INBOX) if logged.value]
        return [entry for entry in entries if entry.input == "delivery"]

    async def codes(self) -> list[str]:
        return [reason.code for entry in await self.log() for reason in entry.reasons]

    async def dead(self) -> list[Dead]:
        return [decode_dead(record.value) for record in await self.store.dead_letters(INBOX, 100)]

    async def emits(self) -> list[Emit]:
        return [decode_emit(record.value) for record in await self.store.emits(INBOX, 100)]

    def outcomes(self, channel: str = "email") -> dict[str, float]:
        found: dict[str, float] = {}
        for metric in self.metrics.deliveries.collect():
            for sample in metric.samples:
                if sample.name.endswith("_total") and sample.labels["channel"] == channel:
                    found[sample.labels["outcome"]] = sample.value
        return found

    async def until_sent(self, count: int, step_s: float) -> None:
        """Move the clock on, step by step, until so many have been sent."""
        async with asyncio.timeout(PATIENCE_S):
            while self.settled.kinds.count("sent") < count:
                self.later(seconds=step_s)
                await self.settled.change(within_s=0.02)

    def later(self, **span: float) -> None:
        """Move the clock: that of a store in memory itself, a real server's by the service's offset."""
        self.time += timedelta(**span)
        if not isinstance(self.store, MemoryStore):
            self.clock.offset += timedelta(**span)


TRY_LATER = ChannelError("the server said 451 to RCPT: try later")
OUTAGE = ChannelError("the server cannot be reached", is_outage=True)
NEVER = ChannelError("the server said 554 to DATA: no", permanent=True)
NO_MAILBOX = ChannelError("the server said 550 to RCPT: no such user", permanent=True, bounced=True)
UNKNOWN = ChannelError("the connection broke after the mail was handed over", is_unknown=True, is_outage=True)
