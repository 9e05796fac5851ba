"""The store for pure tests and simulation: the same contract, in one process, under whatever clock it is given.

It passes the same suite as the real server, guards included. Nothing here is awaited in the middle of a change, so
every method is atomic.
"""

import asyncio
import copy
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from itertools import islice
from typing import TypeVar

from service.store import keys as page
from service.store.contract import Commit, Entry, Fenced, Gap, Logged, Owned, Record, Settled, Shard, Unfit
from service.store.outbox import CLAIM_IDLE_MS
from service.store.shelf import Shelf, Stream

_Found = TypeVar("_Found", list[Entry], list[Record], dict[Shard, list[Record]])


class _Room:
    """What outlives one MemoryStore: the "server"."""

    def __init__(self) -> None:
        self.shelves: dict[Shard, Shelf] = {}
        self.pinned: dict[tuple[str, str], bytes] = {}
        self.caught: Stream[bytes] = Stream()
        self.notes: dict[str, dict[str, bytes]] = {}
        self.kept: dict[str, tuple[bytes, int]] = {}
        self.leases: dict[str, tuple[str, int]] = {}
        self.memory: tuple[int, int] = (0, 0)  # as a server would tell it; a test sets it
        self.waiting: list[asyncio.Future[None]] = []


class MemoryStore:
    """`reopened()` is the same data seen by a restarted process; `snapshot` and `restore` play a rollback."""

    def __init__(self, now: Callable[[], datetime], claim_idle_ms: int = CLAIM_IDLE_MS) -> None:
        self._now, self._idle_ms = now, claim_idle_ms
        self._room = _Room()
        self._held: dict[tuple[Shard, str], int] = {}
        self._own_read: set[tuple[str, Shard]] = set()

    def reopened(self) -> "MemoryStore":
        other = MemoryStore(self._now, self._idle_ms)
        other._room = self._room
        return other

    def snapshot(self) -> dict[Shard, Shelf]:
        return copy.deepcopy(self._room.shelves)

    def restore(self, snapshot: dict[Shard, Shelf]) -> None:
        self._room.shelves = copy.deepcopy(snapshot)

    async def now(self) -> datetime:
        now = self._now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    async def close(self) -> None:
        pass

    async def memory(self) -> tuple[int, int]:
        return self._room.memory

    # -- ownership and commits ---------------------------------------------------------------------------
    async def acquire(self, shard: Shard, partitions: int | None = None) -> Owned:
        shelf = self._shelf(shard)
        if partitions is not None:
            if shelf.partitions not in (None, partitions):
                raise Unfit(page.unfit_text(shard, "partitions", str(shelf.partitions), str(partitions)))
            shelf.partitions = partitions
        shelf.epoch = max(shelf.epoch + 1, self._ms())
        shelf.owners += 1
        shelf.timer_owners += 1
        counts = (shelf.owners, shelf.timer_owners)
        return Owned(shard, shelf.epoch, shelf.seq, dict(shelf.offsets), *counts, shelf.alone)

    async def load(self, shard: Shard, subjects: list[str]) -> list[bytes | None]:
        return [self._shelf(shard).states.get(subject) for subject in subjects]

    async def applied(self, shard: Shard, keys: list[str]) -> list[bool]:
        return [key in self._shelf(shard).seen for key in keys]

    async def due(self, shard: Shard, until_ms: int, limit: int) -> list[tuple[str, int]]:
        return self._shelf(shard).due.until(until_ms, limit)

    async def next_due(self, shard: Shard) -> int | None:
        return self._shelf(shard).due.first()

    async def armed(
        self,
        shard: Shard,
        cursor: str = "0",  # noqa: ARG002  one page holds them all
    ) -> tuple[str, list[tuple[str, int]]]:
        return "0", self._shelf(shard).due.until(sys.maxsize, sys.maxsize)

    async def commit(self, shard: Shard, commit: Commit) -> int:
        shelf = self._shelf(shard)
        if shelf.epoch != commit.owned_epoch:
            raise Fenced(f"the shard's epoch is {shelf.epoch} now")
        if shelf.seq == commit.seq + 1 and shelf.digest == commit.digest:
            return shelf.seq
        source, before, after = commit.offset or ("", "", "")
        if shelf.seq != commit.seq or (source and shelf.offsets.get(source, "0") != before):
            raise Gap(shelf.seq, dict(shelf.offsets))
        self._write(shelf, commit)
        shelf.seq, shelf.digest, shelf.commit_epoch = commit.seq + 1, commit.digest, commit.owned_epoch
        shelf.alone = ("", 0)
        if source:
            shelf.offsets |= commit.origins
            shelf.offsets[source], shelf.owners = after, 0
        else:
            shelf.timer_owners = 0
        self._wake()
        return shelf.seq

    async def alone(self, shard: Shard, epoch: int, what: str, times: int) -> None:
        shelf = self._shelf(shard)
        if shelf.epoch != epoch:
            raise Fenced(f"the shard's epoch is {shelf.epoch} now")
        shelf.alone = (what, times) if times else ("", 0)

    def _write(self, shelf: Shelf, commit: Commit) -> None:
        now_ms = self._ms()
        for subject, blob in commit.states.items():
            if blob is None:
                shelf.states.pop(subject, None)
            else:
                shelf.states[subject] = blob
        for subject, at_ms in commit.due.items():
            shelf.due.set(subject, at_ms)
        for emit in commit.emits:
            shelf.emit.add(emit, now_ms)
        for owed in commit.owed:
            shelf.out.add(owed, now_ms)
        for entry in commit.log:
            shelf.log.add((commit.seq + 1, commit.owned_epoch, entry), now_ms)
        for dead in commit.dead:
            shelf.dead.add(dead, now_ms)
        if commit.seen:
            marks = {**shelf.seen, **commit.seen}
            shelf.seen = {key: at_ms for key, at_ms in marks.items() if at_ms >= commit.seen_before}

    # -- the event log of one machine, and what is decided but not yet published -------------------------
    async def append(self, records: list[tuple[Shard, bytes]]) -> list[str]:
        now_ms = self._ms()
        positions = [self._shelf(shard).ev.add(value, now_ms) for shard, value in records]
        self._wake()
        return positions

    async def read(self, after: dict[Shard, str], count: int, block_ms: int) -> dict[Shard, list[Record]]:
        def now_there() -> dict[Shard, list[Record]]:
            found = {s: _records(self._shelf(s).ev.after(at), count) for s, at in after.items()}
            return {shard: records for shard, records in found.items() if records}

        return await self._sooner_or_later(now_there, block_ms)

    async def head(self, shard: Shard) -> str:
        ms, number = self._shelf(shard).ev.last
        return f"{ms}-{number}" if ms else "0"

    async def emits(self, shard: Shard, count: int) -> list[Record]:
        return _records(self._shelf(shard).emit.after("0"), count)

    async def published(self, shard: Shard, position: str) -> None:
        self._shelf(shard).emit.drop_through(position)

    async def trim(self, shard: Shard, source: str) -> None:
        shelf, now_ms = self._shelf(shard), self._ms()
        if source in shelf.offsets:
            behind_ms = int(shelf.offsets[source].partition("-")[0])
            shelf.ev.drop_before((min(behind_ms, now_ms - page.EVENTS_FOR_MS), 0))
        shelf.log.drop_before((now_ms - page.LOG_FOR_MS, 0))
        shelf.dead.drop_before((now_ms - page.DEAD_FOR_MS, 0))

    # -- the outbox --------------------------------------------------------------------------------------
    async def claim(
        self, shards: list[Shard], worker: str, count: int, block_ms: int, now_ms: int
    ) -> list[Entry]:
        for shard in shards:
            shelf = self._shelf(shard)
            ready = sorted((at, owed) for owed, at in shelf.retry.items() if at <= now_ms)
            for _, owed in ready:
                del shelf.retry[owed]
                shelf.out.add(owed, self._ms())

        def now_there() -> list[Entry]:
            taken: list[Entry] = []
            for pick in (self._own_pending, self._abandoned, self._new):
                for shard in shards:
                    taken += pick(shard, worker, count - len(taken))
            return taken

        return await self._sooner_or_later(now_there, block_ms)

    def _own_pending(self, shard: Shard, worker: str, count: int) -> list[Entry]:
        if (worker, shard) in self._own_read:
            return []
        own = [at for at, (by, _) in self._shelf(shard).pending.items() if by == worker]
        taken = self._take(shard, worker, own, count)
        if len(taken) < count:
            self._own_read.add((worker, shard))
        return taken

    def _abandoned(self, shard: Shard, worker: str, count: int) -> list[Entry]:
        since = self._ms() - self._idle_ms
        old = [at for at, (_, read_ms) in self._shelf(shard).pending.items() if read_ms <= since]
        return self._take(shard, worker, old, count)

    def _new(self, shard: Shard, worker: str, count: int) -> list[Entry]:
        shelf = self._shelf(shard)
        fresh = [at for at, _ in islice(shelf.out.after(shelf.delivered), max(count, 0))]
        if fresh:
            shelf.delivered = fresh[-1]
        return self._take(shard, worker, fresh, count)

    def _take(self, shard: Shard, worker: str, positions: list[str], count: int) -> list[Entry]:
        shelf, now_ms, taken = self._shelf(shard), self._ms(), list[Entry]()
        for at in positions:
            owed = shelf.out.get(at)
            if len(taken) < count and owed and self._held.get((shard, at), now_ms) <= now_ms:
                shelf.pending[at] = (worker, now_ms)
                self._held[shard, at] = now_ms + self._idle_ms
                taken.append(Entry(shard, at, *owed))
        return taken

    async def was_sent(self, shard: Shard, key: str) -> bool:
        return self._shelf(shard).sent.get(key, 0) > self._ms()

    async def settle(self, entry: Entry, outcome: Settled) -> bool:
        shelf, now_ms = self._shelf(entry.shard), self._ms()
        assert outcome.kind in ("sent", "retry", "dead", "fallback", "cancelled"), outcome.kind
        self._held.pop((entry.shard, entry.id), None)
        shelf.pending.pop(entry.id, None)
        if not shelf.out.remove(entry.id):
            return False
        again = (outcome.again_key or entry.key, outcome.again)
        if outcome.kind == "sent":
            shelf.sent[entry.key] = now_ms + page.SENT_TTL_S * 1000
        elif outcome.kind == "retry":
            shelf.retry[again] = outcome.retry_at_ms
        elif outcome.kind == "dead":
            shelf.dead.add(outcome.dead, now_ms)
        elif outcome.kind == "fallback":
            shelf.out.add(again, now_ms)
        shelf.log.add((shelf.seq, shelf.commit_epoch, outcome.log), now_ms)
        for emit in outcome.emits:
            shelf.emit.add(emit, now_ms)
        self._wake()
        return True

    async def owe_again(self, shard: Shard, position: str, key: str, value: bytes) -> None:
        shelf = self._shelf(shard)
        shelf.out.add((key, value), self._ms())
        shelf.dead.remove(position)
        self._wake()

    async def backlog(self, shard: Shard) -> tuple[int, int]:
        shelf = self._shelf(shard)
        return len(shelf.out), len(shelf.retry)

    # -- reading -----------------------------------------------------------------------------------------
    async def log(self, shard: Shard, after: str = "0", count: int = 500) -> list[Logged]:
        return [Logged(at, *entry) for at, entry in islice(self._shelf(shard).log.after(after), count)]

    async def subjects(self) -> AsyncIterator[list[tuple[Shard, str]]]:
        for shard, shelf in list(self._room.shelves.items()):
            yield [(shard, subject) for subject in shelf.states]

    async def recent_log(self, shard: Shard, count: int) -> list[Logged]:
        return [Logged(at, *entry) for at, entry in islice(self._shelf(shard).log.newest(), count)]

    async def dead_letters(self, shard: Shard, count: int) -> list[Record]:
        return _records(self._shelf(shard).dead.newest(), count)

    async def forget_dead(self, shard: Shard, position: str) -> bool:
        return self._shelf(shard).dead.remove(position)

    async def bury(self, shard: Shard, value: bytes) -> None:
        self._shelf(shard).dead.add(value, self._ms())

    # -- small things shared by processes ----------------------------------------------------------------
    async def put_pinned(self, kind: str, content_hash: str, value: bytes) -> None:
        self._room.pinned[kind, content_hash] = value

    async def get_pinned(self, kind: str, content_hash: str) -> bytes | None:
        return self._room.pinned.get((kind, content_hash))

    async def catch(self, value: bytes) -> str:
        position = self._room.caught.add(value, self._ms())
        if len(self._room.caught) > page.CAUGHT_MAX:
            self._room.caught.drop_through(next(self._room.caught.after("0"))[0])
        self._wake()
        return position

    async def caught(self, after: str = "0", count: int = 200, block_ms: int = 0) -> list[Record]:
        return await self._sooner_or_later(lambda: _records(self._room.caught.after(after), count), block_ms)

    async def note(self, name: str, field: str, value: bytes) -> None:
        self._room.notes.setdefault(name, {})[field] = value

    async def notes(self, name: str) -> dict[str, bytes]:
        return dict(self._room.notes.get(name, {}))

    async def keep(self, name: str, value: bytes, for_s: int) -> None:
        assert 0 < for_s <= page.KEPT_TTL_S_MAX, for_s
        self._room.kept[name] = (value, self._ms() + for_s * 1000)

    async def kept(self, name: str) -> bytes | None:
        value, until_ms = self._room.kept.get(name, (None, 0))
        return value if until_ms > self._ms() else None

    async def lease(self, holder: str, for_ms: int, name: str = "") -> bool:
        held_by, until_ms = self._room.leases.get(name, (holder, 0))
        if held_by != holder and until_ms > self._ms():
            return False
        self._room.leases[name] = (holder, self._ms() + for_ms)
        return True

    async def release(self, holder: str, name: str = "") -> None:
        if name in self._room.leases and self._room.leases[name][0] == holder:
            del self._room.leases[name]

    # -- waiting -----------------------------------------------------------------------------------------
    def _shelf(self, shard: Shard) -> Shelf:
        return self._room.shelves.setdefault(shard, Shelf())

    def _ms(self) -> int:
        return int(self._now().timestamp() * 1000)

    def _wake(self) -> None:
        for waiter in self._room.waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._room.waiting.clear()

    async def _sooner_or_later(self, look: Callable[[], _Found], block_ms: int) -> _Found:
        """What `look` finds now, or once something changed, or nothing after `block_ms` of real time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + block_ms / 1000
        while not (found := look()) and (left_s := deadline - loop.time()) > 0:
            waiter = loop.create_future()
            self._room.waiting.append(waiter)
            await asyncio.wait([waiter], timeout=left_s)
        return found


def _records(entries: Iterable[tuple[str, bytes]], count: int) -> list[Record]:
    return [Record(at, value) for at, value in islice(entries, count)]
