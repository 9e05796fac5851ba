"""The path: load → decide → commit. Nothing else in the service changes state.

An `Owner` holds one shard: its epoch, its place in the log, a cache of states only it may write. It must not know where
events come from (consumers/) nor what becomes of notifications (delivery/). The guard is in store/commit.lua.
"""

import asyncio
import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from service.core.decide import decide
from service.core.directory import World
from service.core.effects import Dead, Decision, LogEntry, encode_effect
from service.core.errors import BadEvent
from service.core.events import Event, Timer
from service.core.model import Commitment, encode_state
from service.core.reasons import Code, Reason
from service.store.clock import to_ms
from service.store.contract import Commit, Fenced, Gap, Owned, Record, Store, StoreDown
from service.suspects import Suspects
from service.telemetry.faultpoint import fault_point
from service.telemetry.logs import get_log
from service.telemetry.metrics import Metrics
from service.worlds import Worlds, policies_of

log = get_log()

# One script call per batch; above 500 inputs the reply only comes later, not cheaper (measured in tests/bench).
BATCH_MAX = 500

# States kept decoded-ready per shard. 20,000 × ~500 B = 10 MB a shard: enough for a team's open commitments.
CACHE_MAX = 20_000

# Effect keys applied are remembered for this long: longer than any publisher can be stopped before it is repaired.
SEEN_FOR = timedelta(days=7)

# A timer whose decision breaks (our mistake) is tried again after this: a corrected version then finds it.
POISON_TIMER_AGAIN_AFTER = timedelta(minutes=5)

# A timer whose decision kills the process is left alone for longer: each try costs several deaths.
DEADLY_TIMER_AGAIN_AFTER = timedelta(hours=1)

# A store that went away is asked again after this; the batch is not given up, because it may have been written.
RETRY_AFTER_S = 0.5


class Input(NamedTuple):
    """One record of the log, read: an event, or what is wrong with it."""

    position: str
    raw: bytes
    event: Event | None
    error: BadEvent | None = None


Read = Callable[[Record], Input]


class Owner:
    """The one writer of a shard. Use `take` for events and `fire` for timers; both commit before they return."""

    def __init__(
        self, store: Store, owned: Owned, worlds: Worlds, metrics: Metrics, source: str = "ev"
    ) -> None:
        self.shard, self.epoch, self.seq = owned.shard, owned.epoch, owned.seq
        self.offsets, self.source = dict(owned.offsets), source
        self.next_due_ms: int | None = None
        self.emitted = asyncio.Event()
        self.changed: Callable[[], None] = lambda: None  # called when an earlier timer was set
        self._store, self._worlds, self._metrics = store, worlds, metrics
        self.suspects = Suspects(store, owned)
        self._cache: dict[str, bytes | None] = {}
        self._rolled_back = False
        self._lock = asyncio.Lock()

    @property
    def position(self) -> str:
        """Where reading goes on: after the last record whose effect is stored."""
        return self.offsets.get(self.source, "0")

    async def start(self) -> None:
        self.next_due_ms = await self._store.next_due(self.shard)
        self.emitted.set()  # what a predecessor decided may still wait to be published

    async def take(self, inputs: list[Input], after: str, now: datetime) -> None:
        """Decide and commit a batch of records that were read after the position `after`, in their order.

        Raises Fenced or Gap: then nothing was written. A batch from another place than ours is dropped: it was read
        before the shard's place was corrected, and will be read again.
        """
        async with self._lock:
            if after != self.position:
                return
            began = time.perf_counter()
            batch = _Batch(self.shard.topic, self._worlds.current)
            await self._warm([i.event.subject for i in inputs if i.event])
            keys = [i.event.effect_key for i in inputs if i.event and i.event.effect_key]
            done = (
                {
                    key
                    for key, was in zip(keys, await self._store.applied(self.shard, keys), strict=False)
                    if was
                }
                if keys
                else set()
            )
            for given in inputs:
                if given.event is None:
                    batch.bury(given, f"{self.shard}@{given.position}", now)
                else:
                    self._decide_event(batch, given, given.event, done, now)
            offset = (self.source, self.position, inputs[-1].position)
            await self._commit(batch, now, offset)
            self.offsets[self.source] = inputs[-1].position
            self._metrics.events_committed.labels(self.shard.topic).inc(len(inputs))
            self._metrics.commit_seconds.labels(self.shard.topic).observe(time.perf_counter() - began)

    async def take_alone(self, record: Record, read: Read, now: datetime) -> None:
        """As `take`, for one record that may kill the process; one that did is kept as a dead letter, unread."""
        after = self.position
        try:
            if await self.suspects.begin(f"event {self.source} {record.position}"):
                given = read(record)
            else:
                log.error("deadly_event", shard=str(self.shard), position=record.position)
                error = BadEvent(Code.DEADLY, "deciding it ended the process, each time and alone")
                given = Input(record.position, record.value, None, error)
            await self.take([given], after, now)
        except BaseException:
            await self.suspects.spare()
            raise

    async def fire(self, until_ms: int, now: datetime, limit: int) -> int:
        """Fire what was due at `until_ms`, at most `limit` subjects; returns how many. Nothing is popped before its
        effect is stored: a crash anywhere fires again from the same state, with the same due time."""
        async with self._lock:
            due = await self._store.due(self.shard, until_ms, limit)
            if due and self.suspects.timers:
                for subject, due_ms in due:
                    await self._fire_alone(subject, due_ms, now)
                self.suspects.timers = False
            elif due:
                await self._fire(due, now)
            if len(due) < limit:
                self.next_due_ms = await self._store.next_due(self.shard)
            return len(due)

    async def check(self, now: datetime) -> None:
        """See whether the store still stands where this owner left it; raises Gap, the place corrected, when it lost
        its last second. Nobody would notice before the next event, and what was lost would wait for that."""
        async with self._lock:
            await self._commit(_Batch(self.shard.topic, self._worlds.current), now, None)

    async def _fire(self, due: list[tuple[str, int]], now: datetime) -> None:
        began = time.perf_counter()
        batch = _Batch(self.shard.topic, self._worlds.current)
        await self._warm([subject for subject, _ in due])
        for subject, due_ms in due:
            self._decide_timer(batch, subject, due_ms, now)
        await self._commit(batch, now, None)
        self._metrics.commit_seconds.labels(self.shard.topic).observe(time.perf_counter() - began)

    async def _fire_alone(self, subject: str, due_ms: int, now: datetime) -> None:
        """One timer that may kill the process. One that has done so is put off, so that its shard goes on."""
        try:
            if await self.suspects.begin(f"timer {due_ms} {subject}"):
                await self._fire([(subject, due_ms)], now)
                return
            log.error("deadly_timer", shard=str(self.shard), subject=subject)
            batch = _Batch(self.shard.topic, self._worlds.current)
            reason = Reason(Code.DEADLY, "deciding it ended the process, each time and alone")
            batch.put_off(subject, due_ms, now, DEADLY_TIMER_AGAIN_AFTER, reason)
            await self._commit(batch, now, None)
        except BaseException:
            await self.suspects.spare()
            raise

    # -- deciding -----------------------------------------------------------------------------------------------
    def _decide_event(
        self, batch: "_Batch", given: Input, event: Event, done: set[str], now: datetime
    ) -> None:
        if event.effect_key:
            if event.effect_key in done:
                reason = Reason(Code.ALREADY_DECIDED, "this effect was applied before")
                batch.note(event.subject, event.type, f"{event.source} {event.id}", now, reason)
                return
            done.add(event.effect_key)
            batch.seen[event.effect_key] = to_ms(now)
        try:
            before = self._cache[event.subject]
            decision = decide(before, event, batch.world)
        except Exception as error:  # a poison event must not stop the others; its bytes and reason are kept
            log.exception("poison_event", shard=str(self.shard), position=given.position, type=event.type)
            poison = given._replace(error=BadEvent("internal_error", repr(error)))
            batch.bury(poison, f"{self.shard}@{given.position}", now)
            return
        self._apply(batch, event.subject, decision, event.type, f"{event.source} {event.id}", now)

    def _decide_timer(self, batch: "_Batch", subject: str, due_ms: int, now: datetime) -> None:
        due_at = datetime.fromtimestamp(due_ms / 1000, now.tzinfo)
        timer = Timer(subject=subject, due_at=due_at, fired_at=now)
        try:
            decision = decide(self._cache[subject], timer, batch.world)
        except Exception as error:  # as above: one subject must not stop its shard's timers
            log.exception("poison_timer", shard=str(self.shard), subject=subject)
            reason = Reason("internal_error", repr(error))
            batch.put_off(subject, due_ms, now, POISON_TIMER_AGAIN_AFTER, reason)
            return
        batch.lateness.append(max(0.0, (now - due_at).total_seconds()))
        self._apply(batch, subject, decision, "timer", due_at.isoformat(), now)

    def _apply(
        self, batch: "_Batch", subject: str, decision: Decision, kind: str, given_id: str, now: datetime
    ) -> None:
        raw = encode_state(decision.state) if decision.state is not None else None
        batch.add(subject, decision, raw, kind, given_id, now)
        self._cache[subject] = raw

    async def _warm(self, subjects: list[str]) -> None:
        """Have every subject's state at hand, and every policy it is pinned to."""
        if len(self._cache) > CACHE_MAX:
            self._cache.clear()
        cold = list({subject for subject in subjects if subject not in self._cache})
        if cold:
            states = await self._store.load(self.shard, cold)
            await self._worlds.ensure({p for raw in states if raw is not None for p in policies_of(raw)})
            self._cache.update(zip(cold, states, strict=False))

    # -- committing -----------------------------------------------------------------------------------------------
    async def _commit(self, batch: "_Batch", now: datetime, offset: tuple[str, str, str] | None) -> None:
        if self._rolled_back:
            batch.note(
                "",
                "rolled_back",
                "",
                now,
                Reason(Code.ROLLED_BACK, "the store was behind; replayed from there"),
            )
        commit = batch.commit(self.epoch, self.seq, offset, now)
        fault_point("before_commit")
        try:
            self.seq = await self._until_answered(commit)
        except BaseException:
            self._cache.clear()  # what was decided is not what is stored
            raise
        fault_point("after_commit")
        self._rolled_back = False
        dues = [ms for ms in commit.due.values() if ms is not None]
        if dues and (self.next_due_ms is None or min(dues) < self.next_due_ms):
            self.next_due_ms = min(dues)
            self.changed()
        if commit.emits:
            self.emitted.set()
        batch.count(self._metrics)

    async def _until_answered(self, commit: Commit) -> int:
        """Send the same bytes until the store says what became of them: a lost reply must not become a second try."""
        while True:
            try:
                return await self._store.commit(self.shard, commit)
            except StoreDown as error:
                log.warning("store_down", shard=str(self.shard), error=str(error))
                await asyncio.sleep(RETRY_AFTER_S)
            except Gap as gap:
                self._metrics.commit_conflicts.labels("gap").inc()
                if gap.seq < self.seq:
                    self._rolled_back = True
                    self._metrics.rollbacks.labels(self.shard.topic).inc()
                self.seq, self.offsets = gap.seq, dict(gap.offsets)
                self.next_due_ms = 0  # what is due there is not what we knew: look
                raise
            except Fenced:
                self._metrics.commit_conflicts.labels("fenced").inc()
                raise


class _Batch:
    """What one commit will hold, gathered decision by decision."""

    def __init__(self, topic: str, world: World) -> None:
        self.topic, self.world = topic, world
        self.states: dict[str, bytes | None] = {}
        self.due: dict[str, int | None] = {}
        self.emits: list[bytes] = []
        self.owed: list[tuple[str, bytes]] = []
        self.log: list[bytes] = []
        self.dead: list[bytes] = []
        self.seen: dict[str, int] = {}
        self.lateness: list[float] = []
        self._codes: list[str] = []
        self._nobody_told: list[tuple[str, str]] = []
        self._dead_kinds: list[str] = []

    def add(
        self, subject: str, decision: Decision, raw: bytes | None, kind: str, given_id: str, now: datetime
    ) -> None:
        self.states[subject] = raw
        self.due[subject] = to_ms_up(decision.due_at) if decision.due_at else None
        self.emits += [encode_effect(emit) for emit in decision.emits]
        self.owed += [(owed.key, encode_effect(owed)) for owed in decision.owed]
        self.dead += [encode_effect(dead) for dead in decision.dead]
        self._dead_kinds += [dead.kind for dead in decision.dead]
        effects = [("notify", e.key, e.subject.removeprefix("inbox/")) for e in decision.emits]
        effects += [("deliver", o.key, o.to) for o in decision.owed] + [
            ("dead", "", d.reason) for d in decision.dead
        ]
        state = decision.state
        after, policies = "", tuple[str, ...]()
        if isinstance(state, Commitment):
            after = state.status
            policies = tuple(run.policy for moment in state.moments.values() for run in moment.runs)
        statuses = (decision.before, after)
        self._log(subject, kind, given_id, statuses, tuple(effects), decision.reasons, policies, now)

    def note(self, subject: str, kind: str, given_id: str, now: datetime, reason: Reason) -> None:
        """Only say it; nothing changes."""
        self._log(subject, kind, given_id, ("", ""), (), (reason,), (), now)

    def put_off(self, subject: str, due_ms: int, now: datetime, by: timedelta, reason: Reason) -> None:
        """Leave the subject as it is and its timer for later."""
        self.due[subject] = to_ms(now + by)
        due_at = datetime.fromtimestamp(due_ms / 1000, now.tzinfo)
        self.note(subject, "timer", due_at.isoformat(), now, reason)

    def bury(self, given: Input, where: str, now: datetime) -> None:
        """Keep what cannot be used, with its reason and its original bytes."""
        error = given.error
        assert error is not None
        subject = given.event.subject if given.event else ""
        detail = f"{error.pointer or '/'}: {error.detail}"
        self._dead_kinds.append("event")
        self.dead.append(encode_effect(Dead(error.reason, detail, given.raw, now, "event", subject, where)))
        buried = (("dead", "", error.reason),)
        self._log(subject, "dead_letter", where, ("", ""), buried, (Reason(error.reason, detail),), (), now)

    def _log(
        self,
        subject: str,
        kind: str,
        given_id: str,
        statuses: tuple[str, str],
        effects: tuple[tuple[str, str, str], ...],
        reasons: tuple[Reason, ...],
        policies: tuple[str, ...],
        now: datetime,
    ) -> None:
        graph = self.world.directory.hash
        entry = LogEntry(now, subject, kind, given_id, *statuses, effects, reasons, policies, graph)
        self.log.append(encode_effect(entry))
        self._codes += [reason.code for reason in reasons]
        self._nobody_told += [(subject, r.text) for r in reasons if r.code == Code.FALLBACK_UNREACHED]

    def commit(self, epoch: int, seq: int, offset: tuple[str, str, str] | None, now: datetime) -> Commit:
        digest = hashlib.blake2b(digest_size=16)
        for raw in self.log:
            digest.update(raw)
        digest.update(repr(offset).encode())
        return Commit(
            epoch,
            seq,
            digest.digest(),
            offset,
            self.states,
            self.due,
            self.emits,
            self.owed,
            self.log,
            self.dead,
            self.seen,
            to_ms(now - SEEN_FOR) if self.seen else 0,
        )

    def count(self, metrics: Metrics) -> None:
        """Count what is stored now, not what was tried."""
        for code, times in Counter(self._codes).items():
            metrics.decisions.labels(code).inc(times)
        metrics.events_unmatched.labels(self.topic).inc(self._codes.count(Code.UNMATCHED))
        for kind, times in Counter(self._dead_kinds).items():
            metrics.dead_letters.labels(kind).inc(times)
        # The one end that no message reports: it stands in the log, in the dead letters and in `doctor`.
        for subject, text in self._nobody_told:
            log.error("fallback_contact_unreached", subject=subject, reason=text)
        metrics.timers_fired.inc(len(self.lateness))
        for late_s in self.lateness:
            metrics.timer_lateness_seconds.observe(late_s)


def to_ms_up(at: datetime) -> int:
    """Epoch milliseconds, rounded up: a timer is never early."""
    ms = to_ms(at)
    return ms if ms / 1000 >= at.timestamp() else ms + 1


Publish = Callable[[list[bytes]], Awaitable[None]]


async def publish_emits(store: Store, owner: Owner, publish: Publish) -> None:
    """Publish, in order, what this shard decided for others; then trim it. A crash between the two publishes twice,
    and the receiving shard drops the second by its effect key. Runs until cancelled."""
    while True:
        # Delivery settles may add emits without telling us: look at least once a second.
        with contextlib.suppress(TimeoutError):
            # Not `asyncio.wait_for`: Python 3.11's swallows a cancellation that comes as it finishes (cpython#86296).
            async with asyncio.timeout(1.0):
                await owner.emitted.wait()
        owner.emitted.clear()
        try:
            while records := await store.emits(owner.shard, BATCH_MAX):
                await publish([record.value for record in records])
                fault_point("after_publish")
                await store.published(owner.shard, records[-1].position)
        except StoreDown as error:
            log.warning("store_down", shard=str(owner.shard), error=str(error))
            await asyncio.sleep(RETRY_AFTER_S)
            owner.emitted.set()


__all__ = ["BATCH_MAX", "Fenced", "Gap", "Input", "Owner", "Read", "publish_emits"]
