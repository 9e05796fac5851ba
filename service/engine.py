"""The path: load → decide → commit. Nothing else in the service changes state.

An `Owner` holds one shard: its epoch, its place in the log, a cache of states only it may write. It must not know where
events come from (consumers/) nor what becomes of notifications (delivery/). The guard is in store/commit.lua.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from service.batch import Batch, Input, to_ms_up
from service.core.decide import decide
from service.core.effects import Decision
from service.core.errors import BadEvent
from service.core.events import Event, Timer
from service.core.model import encode_state
from service.core.reasons import Code, Reason
from service.core.reckoning import reckon
from service.store.clock import to_ms
from service.store.contract import Commit, Fenced, Gap, Owned, Record, Store, StoreDown
from service.suspects import Suspects
from service.telemetry.faultpoint import fault_point
from service.telemetry.logs import get_log
from service.telemetry.metrics import Metrics
from service.worlds import Worlds, policies_named, policies_of

log = get_log()

# One script call per batch; above 500 inputs the reply only comes later, not cheaper (measured in tests/bench).
BATCH_MAX = 500

# States kept decoded-ready per shard. 20,000 × ~500 B = 10 MB a shard: enough for a team's open commitments.
CACHE_MAX = 20_000

# A timer whose decision breaks (our mistake) is tried again after this: a corrected version then finds it.
POISON_TIMER_AGAIN_AFTER = timedelta(minutes=5)

# A timer whose decision kills the process is left alone for longer: each try costs several deaths.
DEADLY_TIMER_AGAIN_AFTER = timedelta(hours=1)

# The mark beside the places in the log that says by which directory a shard's timers are reckoned.
GRAPH = "graph"

# A store that went away is asked again after this; the batch is not given up, because it may have been written.
RETRY_AFTER_S = 0.5


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
        # Called when the stored place is not ours: reading goes on from there.
        self.moved: Callable[[], None] = lambda: None
        self._store, self._worlds, self._metrics = store, worlds, metrics
        self.suspects = Suspects(store, owned)
        self._cache: dict[str, bytes | None] = {}
        self._rolled_back = False
        self._reckoning = ("", "0")  # by which directory timers are being reckoned anew, and how far that is
        self._lock = asyncio.Lock()

    @property
    def position(self) -> str:
        """Where reading goes on: after the last record whose effect is stored."""
        return self.offsets.get(self.source, "0")

    @property
    def needs_reckoning(self) -> bool:
        """Whether its timers were set by another directory than today's, or by other rules of its zones: somebody
        moved, a holiday was added, a government keeps summer time."""
        return self.source in self.offsets and self.offsets.get(GRAPH) != self._worlds.reckoning

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
            batch = Batch(self.shard.topic, self._worlds.current)
            await self._warm([i.event.subject for i in inputs if i.event and not i.forward])
            moved = [i.event for i in inputs if i.event and i.event.type == "policy.replaced"]
            if moved:
                await self._worlds.ensure(set[str]().union(*map(policies_named, moved)))
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
                elif given.forward:
                    batch.forward(given, given.event, f"{self.shard}@{given.position}", now)
                elif given.origin and not self._is_new(batch, given.origin):
                    reason = Reason(Code.ALREADY_DECIDED, f"forwarded from {given.origin} before")
                    batch.note(given.event.subject, given.event.type, given.origin, now, reason)
                else:
                    self._decide_event(batch, given, given.event, done, now)
            offset = (self.source, self.position, inputs[-1].after or inputs[-1].position)
            await self._commit(batch, now, offset)
            self.offsets |= batch.origins
            self.offsets[self.source] = offset[2]
            self._metrics.events_committed.labels(self.shard.topic).inc(len(inputs))
            self._metrics.commit_seconds.labels(self.shard.topic).observe(time.perf_counter() - began)

    async def take_alone(
        self, record: Record, read: Callable[[], Input], now: datetime, after: str, following: str = ""
    ) -> None:
        """As `take`, for one record that may kill the process; one that did is kept as a dead letter, unread.
        `following` is where reading goes on behind it, where that is not its own position."""
        try:
            if await self.suspects.begin(f"event {self.source} {record.position}"):
                given = read()
            else:
                log.error("deadly_event", shard=str(self.shard), position=record.position)
                error = BadEvent(Code.DEADLY, "deciding it ended the process, each time and alone")
                given = Input(record.position, record.value, None, error, after=following)
            await self.take([given], after, now)
        except BaseException:
            await self.suspects.spare()
            raise

    async def skip_to(self, place: str, why: str, now: datetime) -> None:
        """Go on from `place` although not all before it was decided: a person has accepted that, and it is on record.
        What was forwarded here before is of the past as well."""
        async with self._lock:
            batch = Batch(self.shard.topic, self._worlds.current)
            batch.note("", "skipped", place, now, Reason(Code.STATE_LOST, why))
            batch.origins = {origin: "0" for origin in self.offsets if origin != self.source}
            await self._commit(batch, now, (self.source, self.position, place))
            self.offsets |= {**batch.origins, self.source: place}

    async def stand_at(self, place: str, marks: dict[str, str], now: datetime) -> None:
        """Remember where reading begins, and `marks` beside it, before anything was decided."""
        async with self._lock:
            batch = Batch(self.shard.topic, self._worlds.current)
            batch.origins = marks
            await self._commit(batch, now, (self.source, self.position, place))
            self.offsets |= {**marks, self.source: place}

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

    async def reckon(self, now: datetime) -> None:
        """Set some of the timers as the directory of today has them; after the last of them the shard agrees with it.
        A crash in between begins again, and changes nothing twice."""
        async with self._lock:
            world = self._worlds.current
            graph, (begun, cursor) = self._worlds.reckoning, self._reckoning
            cursor, armed = await self._store.armed(self.shard, cursor if begun == graph else "0")
            await self._warm([subject for subject, _ in armed])
            batch = Batch(self.shard.topic, world)
            for subject, due_ms in armed:
                self._reckon(batch, subject, due_ms, now)
            offset, mark = None, graph if cursor == "0" else ""
            # Half of it is by no directory: the one of before may come back, and then all has to be reckoned again.
            if self.offsets.get(GRAPH) != mark:
                offset, batch.origins = (self.source, self.position, self.position), {GRAPH: mark}
            if batch.states or offset:
                await self._commit(batch, now, offset)
                self.offsets |= batch.origins
            self._reckoning = (graph, cursor)

    def _reckon(self, batch: "Batch", subject: str, due_ms: int, now: datetime) -> None:
        stored = self._cache[subject]
        if stored is None:
            return
        try:
            decision = reckon(subject, stored, batch.world, now)
        except Exception:  # as a timer's: its turn comes by the old reckoning
            log.exception("poison_reckoning", shard=str(self.shard), subject=subject)
            return
        raw = encode_state(decision.state) if decision.state is not None else None
        if raw != stored or decision.due_at is None or to_ms_up(decision.due_at) != due_ms:
            self._apply(batch, subject, decision, "directory", batch.world.directory.hash, now)

    async def check(self, now: datetime) -> None:
        """See whether the store still stands where this owner left it; raises Gap, the place corrected, when it lost
        its last second. Nobody would notice before the next event, and what was lost would wait for that."""
        async with self._lock:
            await self._commit(Batch(self.shard.topic, self._worlds.current), now, None)

    async def _fire(self, due: list[tuple[str, int]], now: datetime) -> None:
        began = time.perf_counter()
        batch = Batch(self.shard.topic, self._worlds.current)
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
            batch = Batch(self.shard.topic, self._worlds.current)
            reason = Reason(Code.DEADLY, "deciding it ended the process, each time and alone")
            batch.put_off(subject, due_ms, now, DEADLY_TIMER_AGAIN_AFTER, reason)
            await self._commit(batch, now, None)
        except BaseException:
            await self.suspects.spare()
            raise

    # -- deciding -----------------------------------------------------------------------------------------------
    def _is_new(self, batch: "Batch", origin: str) -> bool:
        """Whether a forwarded record lies above what was forwarded here from its partition: a shard forwards in order,
        so that the offset after the last one is all there is to remember of it."""
        source, _, offset = origin.partition("@")
        if not (offset.isascii() and offset.isdigit() and len(offset) < 20):
            return True
        following = int(batch.origins.get(source) or self.offsets.get(source, "0"))
        batch.origins[source] = str(max(following, int(offset) + 1))
        return int(offset) >= following

    def _decide_event(
        self, batch: "Batch", given: Input, event: Event, done: set[str], now: datetime
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

    def _decide_timer(self, batch: "Batch", subject: str, due_ms: int, now: datetime) -> None:
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
        self, batch: "Batch", subject: str, decision: Decision, kind: str, given_id: str, now: datetime
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
    async def _commit(self, batch: "Batch", now: datetime, offset: tuple[str, str, str] | None) -> None:
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
                    # The log has entries of numbers that come again: a higher epoch tells its readers which ones count.
                    owned = await self._store.acquire(self.shard)
                    self.epoch, self.suspects = owned.epoch, Suspects(self._store, owned)
                    self._rolled_back = True
                    self._metrics.rollbacks.labels(self.shard.topic).inc()
                self.seq, self.offsets = gap.seq, dict(gap.offsets)
                self.next_due_ms = 0  # what is due there is not what we knew: look
                self.moved()
                raise
            except Fenced:
                self._metrics.commit_conflicts.labels("fenced").inc()
                raise


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
            records = await store.emits(owner.shard, BATCH_MAX)
            if records:
                await publish([record.value for record in records])
                fault_point("after_publish")
                await store.published(owner.shard, records[-1].position)
            if len(records) == BATCH_MAX:  # what is decided meanwhile says so itself
                owner.emitted.set()
        except StoreDown as error:
            log.warning("store_down", shard=str(owner.shard), error=str(error))
            await asyncio.sleep(RETRY_AFTER_S)
            owner.emitted.set()


__all__ = ["BATCH_MAX", "Fenced", "Gap", "Input", "Owner", "publish_emits", "to_ms_up"]
