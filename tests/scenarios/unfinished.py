"""What the service has still to do, in one look at its server: the condition that the driver of a clock waits for.

Everything is read, decided events are published, the outbox is empty, and no timer or retry is due. It looks at the
keys themselves (service/store/keys.py), not at what the service says of itself. Where the log is not the store's, a
subclass says where it ends.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from redis.asyncio import Redis

from service.consumers.timers import has_read
from service.engine import GRAPH
from service.store.contract import Shard
from service.store.keys import Keys
from service.store.wire import open_client

# One script, so that nothing is on its way between two keys; and one reply, because it is asked for all the time.
LOOK = """
local found = {}
for i = 1, #KEYS, 6 do
  local newest = redis.call('XREVRANGE', KEYS[i], '+', '-', 'COUNT', 1)[1]
  local timer = redis.call('ZRANGE', KEYS[i + 4], 0, 0, 'WITHSCORES')[2]
  local retry = redis.call('ZRANGE', KEYS[i + 5], 0, 0, 'WITHSCORES')[2]
  local read_to = redis.call('HGET', KEYS[i + 1], ARGV[1]) or '0'
  local graph = redis.call('HGET', KEYS[i + 1], ARGV[2]) or ''
  local decided, owed = redis.call('XLEN', KEYS[i + 2]), redis.call('XLEN', KEYS[i + 3])
  table.insert(found, {newest and newest[1] or '0', read_to, decided, owed, timer or '', retry or '', graph})
end
return found
"""


class Look(NamedTuple):
    """`undone` names what waits for nobody's clock, `next_due` when a timer or a retry wants the next turn."""

    undone: list[str]
    next_due: datetime | None

    def is_quiet(self, until: datetime) -> bool:
        return not self.undone and (self.next_due is None or self.next_due > until)


class Unfinished:
    """Looks at every shard of the installation whose keys begin with `prefix`."""

    source = "ev"  # the log whose stored place is looked at
    reckoning = ""  # the directory and zone rules by which all timers must be reckoned, once anything is read

    def __init__(self, url: str, prefix: str, shards: Sequence[Shard]) -> None:
        self._client: Redis = open_client(url)
        self._shards, self._keys = shards, list[str]()
        for k in map(Keys(prefix).of, shards):
            self._keys += [k.ev, k.off, k.emit, k.out, k.due, k.retry]

    async def close(self) -> None:
        await self._client.aclose()
        await self._client.connection_pool.aclose()

    async def look(self) -> Look:
        undone: list[str] = []
        due_ms: list[int] = []
        places: list[tuple[Shard, str, str]] = []
        found = await self._client.eval(LOOK, len(self._keys), *self._keys, self.source, GRAPH)
        for shard, (newest, read_to, decided, owed, timer, retry, graph) in zip(
            self._shards, found, strict=True
        ):
            places.append((shard, read_to.decode(), newest.decode()))
            if decided:
                undone.append(f"{decided} events decided in {shard} are not published")
            if owed:
                undone.append(f"{owed} deliveries of {shard} are owed")
            if self.reckoning and read_to != b"0" and graph.decode() != self.reckoning:
                undone.append(f"the timers of {shard} are not reckoned by the directory of now")
            due_ms += [int(at_ms) for at_ms in (timer, retry) if at_ms]
        undone += await self._unread(places) if not undone else []
        return Look(undone, datetime.fromtimestamp(min(due_ms) / 1000, UTC) if due_ms else None)

    async def _unread(self, places: Sequence[tuple[Shard, str, str]]) -> list[str]:
        """`places`: of each shard how far it is read, and the newest record that the look found."""
        return [
            f"the log of {shard} is not read to its end"
            for shard, read_to, newest in places
            if not has_read(read_to, newest)
        ]
