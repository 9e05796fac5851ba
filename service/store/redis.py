"""The real store: Redis or Valkey. Bytes in, bytes out; no policy and no message is known here.

The keys are in `keys.py`, the atomic commit in `commit.lua`, the outbox in `outbox.py`, connections and failures in
`wire.py`. `connect.py` makes one from a URL and checks the server.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from service.store import keys as page
from service.store.contract import (
    Commit,
    Entry,
    Fenced,
    Gap,
    Logged,
    Owned,
    Record,
    Settled,
    Shard,
    Unfit,
)
from service.store.keys import Keys, ShardKeys
from service.store.outbox import CLAIM_IDLE_MS, Outbox
from service.store.wire import BLOCK_MS_MAX, Arg, Lost, Script, Wire

_ACQUIRE, _COMMIT, _LEASE = Script("acquire.lua"), Script("commit.lua"), Script("lease.lua")
_ALONE = Script("alone.lua")

# A lost reply is asked for again after these pauses; then the caller hears StoreDown and may send the same again.
_RESEND_AFTER_S = (0.02, 0.2, 1.0)

# Of a long list, so many entries at a time.
_PAGE = 200

# Keys the server looks at in one step of a scan: a millisecond of it.
_SCAN_COUNT = 1_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RedisStore:
    """The contract over one server. `claim_idle_ms` is how long an entry of the outbox may lie with a silent worker."""

    def __init__(
        self, client: Redis, prefix: str = "ft", *, fsync: bool = False, claim_idle_ms: int = CLAIM_IDLE_MS
    ) -> None:
        self._wire, self._keys = Wire(client, fsync), Keys(prefix)
        self._outbox = Outbox(self._wire, self._keys, claim_idle_ms)

    async def now(self) -> datetime:
        seconds, micros = await self._wire.call("TIME")
        return _EPOCH + timedelta(seconds=int(seconds), milliseconds=int(micros) // 1000)

    async def close(self) -> None:
        await self._wire.close()

    async def server(self) -> dict[str, str]:
        """What the server tells about itself, with `appendfsync` where it tells its settings."""
        about = _about(await self._wire.call("INFO"))
        try:
            return about | _pairs(await self._wire.call("CONFIG GET", "appendfsync"))
        except ResponseError:
            return about

    async def memory(self) -> tuple[int, int]:
        about = _about(await self._wire.call("INFO", "memory"))
        return int(about["used_memory"]), int(about.get("maxmemory", "0"))

    # -- ownership and commits -------------------------------------------------------------------------------
    async def acquire(self, shard: Shard, partitions: int | None = None) -> Owned:
        k = self._keys.of(shard)
        count = "" if partitions is None else str(partitions)
        code, *rest = await self._wire.script(_ACQUIRE, [k.epoch, k.off, k.meta], [page.FORMAT, count])
        if code == b"UNFIT":
            raise Unfit(page.unfit_text(shard, rest[0].decode(), rest[1].decode(), count))
        epoch, seq, owners, timer_owners, alone, *offsets = rest
        times, _, what = alone.decode().partition(" ")
        begun = (what, int(times or 0))
        return Owned(shard, int(epoch), int(seq), _pairs(offsets), int(owners), int(timer_owners), begun)

    async def load(self, shard: Shard, subjects: list[str]) -> list[bytes | None]:
        if not subjects:
            return []
        k = self._keys.of(shard)
        found: list[bytes | None] = await self._wire.call("MGET", *map(k.state, subjects))
        return found

    async def applied(self, shard: Shard, keys: list[str]) -> list[bool]:
        if not keys:
            return []
        scores = await self._wire.call("ZMSCORE", self._keys.of(shard).seen, *keys)
        return [score is not None for score in scores]

    async def due(self, shard: Shard, until_ms: int, limit: int) -> list[tuple[str, int]]:
        key = self._keys.of(shard).due
        flat = await self._wire.call("ZRANGEBYSCORE", key, "-inf", until_ms, "WITHSCORES", "LIMIT", 0, limit)
        return [(flat[i].decode(), int(flat[i + 1])) for i in range(0, len(flat), 2)]

    async def next_due(self, shard: Shard) -> int | None:
        flat = await self._wire.call("ZRANGE", self._keys.of(shard).due, 0, 0, "WITHSCORES")
        return int(flat[1]) if flat else None

    async def armed(self, shard: Shard, cursor: str = "0") -> tuple[str, list[tuple[str, int]]]:
        following, flat = await self._wire.call("ZSCAN", self._keys.of(shard).due, cursor, "COUNT", _PAGE)
        return following.decode(), [(flat[i].decode(), int(flat[i + 1])) for i in range(0, len(flat), 2)]

    async def commit(self, shard: Shard, commit: Commit) -> int:
        """A lost reply is asked for again with the same bytes, which the script knows by their number and digest."""
        keys, args = _commit_call(self._keys.of(shard), commit)
        for pause_s in _RESEND_AFTER_S:
            try:
                return _committed(await self._wire.script(_COMMIT, keys, args))
            except Lost:
                await asyncio.sleep(pause_s)
        return _committed(await self._wire.script(_COMMIT, keys, args))

    async def alone(self, shard: Shard, epoch: int, what: str, times: int) -> None:
        k = self._keys.of(shard)
        note = f"{times} {what}" if times else ""
        code, *rest = await self._wire.script(_ALONE, [k.epoch, k.meta], [str(epoch), note])
        if code == b"FENCED":
            raise _fenced(rest[0])

    # -- the event log of one machine, and what is decided but not yet published ------------------------------
    async def append(self, records: list[tuple[Shard, bytes]]) -> list[str]:
        """One MULTI over all shards: one machine has one server (on a cluster the event log is Kafka)."""
        if not records:
            return []
        added = await self._wire.write(
            [("XADD", self._keys.of(shard).ev, "*", "v", value) for shard, value in records], atomic=True
        )
        return [position.decode() for position in added]

    async def read(self, after: dict[Shard, str], count: int, block_ms: int) -> dict[Shard, list[Record]]:
        if not after:
            return {}
        shards = {self._keys.of(shard).ev.encode(): shard for shard in after}
        found = await self._xread(list(shards), list(after.values()), count, block_ms)
        return {shards[key]: _records(entries) for key, entries in found}

    async def head(self, shard: Shard) -> str:
        try:
            flat = await self._wire.call("XINFO STREAM", self._keys.of(shard).ev)
        except ResponseError as error:
            if "no such key" in str(error):
                return "0"
            raise
        position: bytes = flat[flat.index(b"last-generated-id") + 1]
        return position.decode()

    async def emits(self, shard: Shard, count: int) -> list[Record]:
        return _records(await self._wire.call("XRANGE", self._keys.of(shard).emit, "-", "+", "COUNT", count))

    async def published(self, shard: Shard, position: str) -> None:
        milliseconds, _, number = position.partition("-")
        first_kept = f"{milliseconds}-{int(number or 0) + 1}"
        await self._wire.call("XTRIM", self._keys.of(shard).emit, "MINID", "=", first_kept)

    async def trim(self, shard: Shard, source: str) -> None:
        k = self._keys.of(shard)
        now_ms = round((await self.now()).timestamp() * 1000)
        offset = await self._wire.call("HGET", k.off, source)
        if offset is not None:
            behind_ms = int(offset.partition(b"-")[0])
            keep_from = min(behind_ms, now_ms - page.EVENTS_FOR_MS)
            await self._wire.call("XTRIM", k.ev, "MINID", "=", f"{max(keep_from, 0)}-0")
        await self._wire.call("XTRIM", k.log, "MINID", "=", f"{now_ms - page.LOG_FOR_MS}-0")
        await self._wire.call("XTRIM", k.dead, "MINID", "=", f"{now_ms - page.DEAD_FOR_MS}-0")

    # -- the outbox --------------------------------------------------------------------------------------------
    async def claim(
        self, shards: list[Shard], worker: str, count: int, block_ms: int, now_ms: int
    ) -> list[Entry]:
        return await self._outbox.claim(shards, worker, count, block_ms, now_ms)

    async def was_sent(self, shard: Shard, key: str) -> bool:
        return bool(await self._wire.call("EXISTS", self._keys.of(shard).sent(key)))

    async def settle(self, entry: Entry, outcome: Settled) -> bool:
        return await self._outbox.settle(entry, outcome)

    async def owe_again(self, shard: Shard, position: str, key: str, value: bytes) -> None:
        k = self._keys.of(shard)
        await self._wire.write(
            [("XADD", k.out, "*", "k", key, "v", value), ("XDEL", k.dead, position)], atomic=True
        )

    async def backlog(self, shard: Shard) -> tuple[int, int]:
        k = self._keys.of(shard)
        return await self._wire.call("XLEN", k.out), await self._wire.call("ZCARD", k.retry)

    # -- reading -----------------------------------------------------------------------------------------------
    async def log(self, shard: Shard, after: str = "0", count: int = 500) -> list[Logged]:
        key = self._keys.of(shard).log
        return _logged(await self._wire.call("XRANGE", key, f"({after}", "+", "COUNT", count))

    async def subjects(self) -> AsyncIterator[list[tuple[Shard, str]]]:
        cursor: bytes | str = "0"
        while True:
            pattern, count = self._keys.any_state, _SCAN_COUNT
            cursor, found = await self._wire.call("SCAN", cursor, "MATCH", pattern, "COUNT", count)
            yield [place for key in found if (place := self._keys.place_of(key.decode())) is not None]
            if cursor in (b"0", "0"):
                return

    async def recent_log(self, shard: Shard, count: int) -> list[Logged]:
        return _logged(await self._wire.call("XREVRANGE", self._keys.of(shard).log, "+", "-", "COUNT", count))

    async def dead_letters(self, shard: Shard, count: int) -> list[Record]:
        return _records(
            await self._wire.call("XREVRANGE", self._keys.of(shard).dead, "+", "-", "COUNT", count)
        )

    async def forget_dead(self, shard: Shard, position: str) -> bool:
        return bool(await self._wire.call("XDEL", self._keys.of(shard).dead, position))

    async def bury(self, shard: Shard, value: bytes) -> None:
        await self._wire.write([("XADD", self._keys.of(shard).dead, "*", "v", value)])

    # -- small things shared by processes ------------------------------------------------------------------------
    async def put_pinned(self, kind: str, content_hash: str, value: bytes) -> None:
        await self._wire.write(
            [("SET", self._keys.pinned(kind, content_hash), value, "EX", page.PINNED_TTL_S)]
        )

    async def get_pinned(self, kind: str, content_hash: str) -> bytes | None:
        """Reading is using: the 400 days begin again."""
        found: bytes | None = await self._wire.call(
            "GETEX", self._keys.pinned(kind, content_hash), "EX", page.PINNED_TTL_S
        )
        return found

    async def catch(self, value: bytes) -> str:
        [position] = await self._wire.write(
            [("XADD", self._keys.caught, "MAXLEN", "=", page.CAUGHT_MAX, "*", "v", value)]
        )
        return str(position, "ascii")

    async def caught(self, after: str = "0", count: int = 200, block_ms: int = 0) -> list[Record]:
        found = await self._xread([self._keys.caught.encode()], [after], count, block_ms)
        return _records(found[0][1]) if found else []

    async def note(self, name: str, field: str, value: bytes) -> None:
        key = self._keys.note(name)
        await self._wire.write([("HSET", key, field, value), ("EXPIRE", key, page.NOTES_TTL_S)])

    async def notes(self, name: str) -> dict[str, bytes]:
        flat = await self._wire.call("HGETALL", self._keys.note(name))
        return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}

    async def keep(self, name: str, value: bytes, for_s: int) -> None:
        assert 0 < for_s <= page.KEPT_TTL_S_MAX, for_s
        await self._wire.write([("SET", self._keys.kept(name), value, "EX", for_s)])

    async def kept(self, name: str) -> bytes | None:
        found: bytes | None = await self._wire.call("GET", self._keys.kept(name))
        return found

    async def lease(self, holder: str, for_ms: int, name: str = "") -> bool:
        return bool(await self._wire.script(_LEASE, [self._keys.lease(name)], [holder, for_ms]))

    async def release(self, holder: str, name: str = "") -> None:
        await self._wire.script(_LEASE, [self._keys.lease(name)], [holder, 0])

    async def _xread(self, keys: Sequence[bytes], after: Sequence[str], count: int, block_ms: int) -> Any:
        if block_ms <= 0:
            return await self._wire.call("XREAD", "COUNT", count, "STREAMS", *keys, *after) or []
        block_ms = min(block_ms, BLOCK_MS_MAX)
        return (
            await self._wire.wait("XREAD", "COUNT", count, "BLOCK", block_ms, "STREAMS", *keys, *after) or []
        )


def _commit_call(k: ShardKeys, commit: Commit) -> tuple[list[str], list[Arg]]:
    """KEYS and ARGV of commit.lua, in the order its header gives."""
    source, before, after = commit.offset or ("", "", "")
    kept = {subject: blob for subject, blob in commit.states.items() if blob is not None}
    forgotten = [subject for subject, blob in commit.states.items() if blob is None]
    due = [(at_ms, subject) for subject, at_ms in commit.due.items() if at_ms is not None]
    undue = [subject for subject, at_ms in commit.due.items() if at_ms is None]
    keys = [k.epoch, k.off, k.meta, k.due, k.emit, k.seen, k.out, k.dead, k.log]
    keys += [k.state(subject) for subject in (*kept, *forgotten)]
    args: list[Arg] = [
        *(commit.owned_epoch, commit.seq, commit.digest, source, before, after, commit.seen_before),
        *(len(kept), len(forgotten), len(due), len(undue), len(commit.emits), len(commit.owed)),
        *(len(commit.log), len(commit.dead), len(commit.seen), len(commit.origins)),
        *kept.values(),
        *(part for pair in due for part in pair),
        *undue,
        *commit.emits,
        *(part for pair in commit.owed for part in pair),
        *commit.log,
        *commit.dead,
        *(part for key, at_ms in commit.seen.items() for part in (at_ms, key)),
        *(part for pair in commit.origins.items() for part in pair),
    ]
    return keys, args


def _committed(reply: list[bytes]) -> int:
    code, number, *offsets = reply
    if code in (b"OK", b"DONE"):
        return int(number)
    if code == b"FENCED":
        raise _fenced(number)
    assert code == b"GAP", reply
    raise Gap(int(number), _pairs(offsets))


def _about(raw: bytes) -> dict[str, str]:
    return dict(line.split(":", 1) for line in raw.decode().splitlines() if ":" in line)


def _fenced(epoch: bytes) -> Fenced:
    return Fenced(f"the shard's epoch is {int(epoch)} now")


def _pairs(flat: list[bytes]) -> dict[str, str]:
    return {flat[i].decode(): flat[i + 1].decode() for i in range(0, len(flat), 2)}


def _records(entries: list[tuple[bytes, list[bytes]]]) -> list[Record]:
    return [Record(position.decode(), fields[1]) for position, fields in entries]


def _logged(entries: list[tuple[bytes, list[bytes]]]) -> list[Logged]:
    return [Logged(at.decode(), int(f[1]), int(f[3]), f[5]) for at, f in entries]
