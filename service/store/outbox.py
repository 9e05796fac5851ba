"""The outbox as Redis holds it: a stream a shard, read by one consumer group, settled by `settle.lua`.

Delivery is at least once. An entry belongs to the worker that read it until it is settled, or until the worker has
been silent for CLAIM_IDLE_MS; then another worker gets it. On a cluster each call here must be made shard by shard.
"""

import time
from typing import Any

from redis.exceptions import ResponseError

from service.store.contract import Entry, Settled, Shard, StoreDown
from service.store.keys import GROUP, SENT_TTL_S, Keys
from service.store.wire import BLOCK_MS_MAX, Arg, Script, Wire

_SETTLE, _RETRIES = Script("settle.lua"), Script("retries.lua")

# Four times the total send deadline of 30 s (design §7): a worker that is merely slow keeps its entries.
CLAIM_IDLE_MS = 120_000
# Looks at what dead workers hold, in that time: every 4 s.
SWEEPS = 30
# How many retries one call moves back, a shard: a burst after an outage must not starve what is new.
_RETRIES_MAX = 100
# So often retries are looked for; a claim of a busy outbox comes back for more within milliseconds.
_RETRIES_EVERY_MS = 100


class Outbox:
    """Claims and settles for any number of workers of this process."""

    def __init__(self, wire: Wire, keys: Keys, claim_idle_ms: int = CLAIM_IDLE_MS) -> None:
        self._wire, self._keys, self._idle_ms = wire, keys, claim_idle_ms
        self._grouped: set[Shard] = set()
        # Where the reading of a worker's own pending entries stands, "" = done. It begins again after a failure:
        # the reply that was lost may have carried entries.
        self._own: dict[tuple[str, Shard], str] = {}
        self._cursors: dict[Shard, str] = {}  # of XAUTOCLAIM, where a look was cut short
        self._swept_at = float("-inf")
        self._looked_ms = float("-inf")  # for retries
        self._turn = 0
        # Entries handed out and not settled, with the time until which they count as being worked on.
        self._held: dict[tuple[Shard, str], float] = {}

    async def claim(
        self, shards: list[Shard], worker: str, count: int, block_ms: int, now_ms: int
    ) -> list[Entry]:
        """About `count` entries: at least one of every shard that has any."""
        taken: list[Entry] = []
        try:
            await self._make_groups(shards)
            await self._return_retries(shards, now_ms)
            await self._own_pending(shards, worker, count, taken)
            await self._abandoned(shards, worker, count, taken)
            await self._new(shards, worker, count, taken, block_ms)
        except BaseException as error:
            # Nobody got these entries, nor those of a reply that was lost: the next call reads them again as this
            # worker's own. Being cancelled counts too.
            for entry in taken:
                self._held.pop((entry.shard, entry.id), None)
            for shard in shards:
                self._own.pop((worker, shard), None)
            if isinstance(error, ResponseError) and "NOGROUP" in str(error):
                self._grouped.clear()
                raise StoreDown("the outbox lost its consumer group; it is made again") from error
            raise
        return taken

    async def settle(self, entry: Entry, outcome: Settled) -> bool:
        k = self._keys.of(entry.shard)
        settled = await self._wire.script(
            _SETTLE,
            [k.out, k.retry, k.dead, k.sent(entry.key), k.log, k.emit, k.meta],
            [GROUP, entry.id, *_settle_args(entry, outcome)],
        )
        self._held.pop((entry.shard, entry.id), None)
        if outcome.kind == "retry":
            self._looked_ms = float("-inf")
        return bool(settled)

    async def _make_groups(self, shards: list[Shard]) -> None:
        for shard in shards:
            if shard in self._grouped:
                continue
            try:
                await self._wire.call("XGROUP CREATE", self._keys.of(shard).out, GROUP, "0", "MKSTREAM")
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
            self._grouped.add(shard)

    async def _return_retries(self, shards: list[Shard], now_ms: int) -> None:
        if abs(now_ms - self._looked_ms) < _RETRIES_EVERY_MS:
            return
        pages = map(self._keys.of, shards)
        await self._wire.scripts(_RETRIES, [([k.retry, k.out], [now_ms, _RETRIES_MAX]) for k in pages])
        self._looked_ms = now_ms

    async def _own_pending(self, shards: list[Shard], worker: str, count: int, taken: list[Entry]) -> None:
        for shard in shards:
            after = self._own.get((worker, shard), "0")
            if len(taken) >= count or not after:
                continue
            found = await self._read(worker, count - len(taken), {shard: after})
            entries = found[0][1] if found else []
            self._own[worker, shard] = entries[-1][0].decode() if entries else ""
            await self._take(shard, entries, taken)

    async def _abandoned(self, shards: list[Shard], worker: str, count: int, taken: list[Entry]) -> None:
        """Look at what others hold too long; the promise is the limit and five seconds, hence so often."""
        now = time.monotonic()
        if now < self._swept_at + self._idle_ms / 1000 / SWEEPS and not any(self._cursors.values()):
            return
        self._swept_at = now
        self._held = {entry: until for entry, until in self._held.items() if until > now}
        for shard in shards:
            if len(taken) >= count:
                return
            start = self._cursors.get(shard) or "0-0"
            claim: list[Arg] = ["XAUTOCLAIM", self._keys.of(shard).out, GROUP, worker, self._idle_ms, start]
            cursor, entries, *_ = await self._wire.call(*claim, "COUNT", count - len(taken))
            self._cursors[shard] = "" if cursor == b"0-0" else cursor.decode()
            await self._take(shard, entries, taken)

    async def _new(
        self, shards: list[Shard], worker: str, count: int, taken: list[Entry], block_ms: int
    ) -> None:
        """A share of every shard in one question, which waits where there is nothing: a lone message met a question a
        shard before, which was a third of its way (measured 2026-11). Then more of those that have more; they take
        turns at being first, so that a busy one does not starve the others."""
        if len(taken) >= count:
            return
        # XREADGROUP counts by stream, hence the share.
        share = max(1, (count - len(taken)) // len(shards))
        by_key = {self._keys.of(shard).out.encode(): shard for shard in shards}
        more: list[Shard] = []
        wait_ms = 0 if taken else block_ms
        for key, entries in await self._read(worker, share, dict.fromkeys(shards, ">"), wait_ms):
            await self._take(by_key[key], entries, taken)
            more += [by_key[key]] if len(entries) == share else []
        self._turn += 1
        first = self._turn % max(1, len(more))
        for shard in more[first:] + more[:first]:
            if len(taken) < count:
                for _, entries in await self._read(worker, count - len(taken), {shard: ">"}):
                    await self._take(shard, entries, taken)

    async def _read(self, worker: str, count: int, after: dict[Shard, str], block_ms: int = 0) -> Any:
        read: list[Arg] = ["XREADGROUP", "GROUP", GROUP, worker, "COUNT", count]
        streams = ["STREAMS", *(self._keys.of(shard).out for shard in after), *after.values()]
        if block_ms <= 0:
            return await self._wire.call(*read, *streams) or []
        return await self._wire.wait(*read, "BLOCK", min(block_ms, BLOCK_MS_MAX), *streams) or []

    async def _take(self, shard: Shard, entries: list[tuple[bytes, Any]], taken: list[Entry]) -> None:
        """Entries as the worker gets them, without those that this process still works on."""
        now = time.monotonic()
        for raw_id, fields in entries:
            held = (shard, raw_id.decode())
            if fields is None:
                # Removed from the stream by hand while it was pending: nothing is left to deliver.
                await self._wire.call("XACK", self._keys.of(shard).out, GROUP, raw_id)
            elif self._held.get(held, now) <= now:
                self._held[held] = now + self._idle_ms / 1000
                taken.append(Entry(shard, held[1], fields[1].decode(), fields[3]))


def _settle_args(entry: Entry, outcome: Settled) -> list[Arg]:
    again_key = outcome.again_key or entry.key
    assert "\0" not in again_key, again_key
    args: list[Arg] = [outcome.kind, outcome.log, SENT_TTL_S, outcome.retry_at_ms, again_key, outcome.again]
    return [*args, outcome.dead, *outcome.emits]
