"""What every store promises. One suite (tests/store/contract) runs over each of them.

A store moves bytes and numbers; it knows no policy and no message. `redis.py` is the real one, `memory.py` the one
for pure tests and simulation. Every key is on one page, `keys.py`; the atomic commit is `commit.lua`.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol


class Conflict(Exception):
    """A race was lost: decide again from what is stored."""


class Fenced(Conflict):
    """A newer owner holds the shard (higher epoch). This owner must stop touching it."""


class Gap(Conflict):
    """The stored number or offset is not the caller's: drop the cache, take `seq` and `offsets`, replay from there."""

    def __init__(self, seq: int, offsets: dict[str, str]) -> None:
        super().__init__(f"stored seq {seq}, offsets {offsets}")
        self.seq, self.offsets = seq, offsets


class StoreDown(Exception):
    """The store cannot be reached or refuses to write. Nothing was acknowledged; try again later."""


class LogDown(StoreDown):
    """An event log that is no stream of the store cannot be reached; the store is well."""


class Unfit(Exception):
    """What is stored, or the server itself, does not suit this program: an operator must act. The text says how."""


class Shard(NamedTuple):
    """A topic partition: the unit of ownership. Written `deadlines.2`."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}.{self.partition}"


@dataclass(frozen=True)
class Owned:
    """What acquiring a shard tells its new owner. `offsets`: source -> position after the last one committed.

    `owners` counts those who took the shard since an offset last moved, this one included: three and more mean that
    the next batch may be one that kills its process. `timer_owners` is the same since timers were last committed.
    `alone` is what an earlier owner began to decide alone and never committed, and how many owners in a row did so.
    """

    shard: Shard
    epoch: int
    seq: int
    offsets: dict[str, str]
    owners: int = 1
    timer_owners: int = 1
    alone: tuple[str, int] = ("", 0)


@dataclass
class Commit:
    """One batch of decisions, written whole or not at all. `seq` is the number expected in the store before it."""

    owned_epoch: int
    seq: int
    digest: bytes  # of everything below: a resent commit is recognised by it
    # (source, position before, position after); None for timers. Before the first commit the position is "0".
    offset: tuple[str, str, str] | None = None
    states: dict[str, bytes | None] = field(default_factory=dict)  # subject -> blob, None = forget it
    due: dict[str, int | None] = field(default_factory=dict)  # subject -> epoch milliseconds, None = no timer
    emits: list[bytes] = field(default_factory=list)
    owed: list[tuple[str, bytes]] = field(default_factory=list)  # (key, entry)
    log: list[bytes] = field(default_factory=list)
    dead: list[bytes] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)  # effect key applied -> epoch milliseconds
    seen_before: int = 0  # marks older than this are trimmed
    origins: dict[str, str] = field(
        default_factory=dict
    )  # partition -> offset after the last one forwarded from there


class Record(NamedTuple):
    """One record of an event log: where it lies, and its bytes. `position` orders records of one shard."""

    position: str
    value: bytes


class Entry(NamedTuple):
    """One entry of the outbox as a delivery worker holds it; `id` is what settle removes."""

    shard: Shard
    id: str
    key: str
    value: bytes


class Logged(NamedTuple):
    """One log entry as stored, with the commit that wrote it."""

    id: str
    seq: int
    epoch: int
    value: bytes


class Store(Protocol):
    """Every method may raise StoreDown."""

    async def now(self) -> datetime:
        """The store's clock: aware, UTC, cut to milliseconds. The one clock all processes share."""

    async def memory(self) -> tuple[int, int]:
        """Bytes the server uses, and how many it may use (0: nobody said)."""

    # -- ownership and commits -------------------------------------------------------------------------------
    async def acquire(self, shard: Shard, partitions: int | None = None) -> Owned:
        """Become the owner: raises the epoch, so that every earlier owner is fenced.

        `partitions` (of the topic) is written once; Unfit when another count, or another format, is stored. None
        leaves the count unchecked."""

    async def load(self, shard: Shard, subjects: list[str]) -> list[bytes | None]:
        """The states of `subjects`, None where there is none."""

    async def applied(self, shard: Shard, keys: list[str]) -> list[bool]:
        """Which effect keys have been applied here already (last 7 days)."""

    async def due(self, shard: Shard, until_ms: int, limit: int) -> list[tuple[str, int]]:
        """Subjects whose next timer is at or before `until_ms`, the earliest first."""

    async def next_due(self, shard: Shard) -> int | None:
        """The earliest timer of the shard, whenever it is."""

    async def armed(self, shard: Shard, cursor: str = "0") -> tuple[str, list[tuple[str, int]]]:
        """Some of the subjects that have a timer, with its time, and the cursor of the next ones, "0" after the last.
        What has a timer all the while is named once at least."""

    async def commit(self, shard: Shard, commit: Commit) -> int:
        """Store the batch; returns the new seq. The same bytes sent again return the same seq and change nothing.
        Raises Fenced or Gap; then nothing was written."""

    async def alone(self, shard: Shard, epoch: int, what: str, times: int) -> None:
        """Note what is decided alone now, and that `times` owners in a row have begun it, this one included; 0 takes
        the note back, and so does the next commit. Raises Fenced."""

    # -- the event log of one machine, and what is decided but not yet published ------------------------------
    async def append(self, records: list[tuple[Shard, bytes]]) -> list[str]:
        """Append to the shards' event logs; returns when durable. All or nothing: a pipeline in one transaction."""

    async def read(self, after: dict[Shard, str], count: int, block_ms: int) -> dict[Shard, list[Record]]:
        """Records after the given positions ("0" = from the start), at most `count` a shard; waits when none."""

    async def head(self, shard: Shard) -> str:
        """The position of the newest record, "0" when there was never one."""

    async def emits(self, shard: Shard, count: int) -> list[Record]:
        """Internal events decided here and not yet published, in order."""

    async def published(self, shard: Shard, position: str) -> None:
        """Everything up to `position` was published: trim it."""

    async def trim(self, shard: Shard, source: str) -> None:
        """Drop what nobody needs any more: events over 7 days old that lie behind the stored offset of `source`, log
        entries and dead letters over 30 days. The owner calls it hourly."""

    # -- the outbox (see outbox.py for the Redis side) ---------------------------------------------------------
    async def claim(
        self, shards: list[Shard], worker: str, count: int, block_ms: int, now_ms: int
    ) -> list[Entry]:
        """Entries for this worker: first what it held when it died, then what others held for over 120 s, then new
        ones. Also moves retries due at `now_ms` (the shared clock) back into the stream."""

    async def was_sent(self, shard: Shard, key: str) -> bool:
        """Whether a delivery with this key and channel was settled as sent (the key includes the channel)."""

    async def settle(self, entry: Entry, outcome: "Settled") -> bool:
        """Record the outcome of one attempt; False when another worker settled the entry first (then nothing)."""

    async def owe_again(self, shard: Shard, position: str, key: str, value: bytes) -> None:
        """Put a delivery that was given up into the outbox again, and take its dead letter at `position` away."""

    async def backlog(self, shard: Shard) -> tuple[int, int]:
        """How many deliveries are owed now, in a worker's hands included, and how many wait for their retry."""

    # -- reading ----------------------------------------------------------------------------------------------
    async def log(self, shard: Shard, after: str = "0", count: int = 500) -> list[Logged]:
        """Decisions of a shard in order."""

    def subjects(self) -> AsyncIterator[list[tuple[Shard, str]]]:
        """Every subject with a state, in no order, a page at a time: for commands, never for the hot path. What has a
        state all the while is found, perhaps twice; what comes or goes meanwhile may be found or not."""

    async def recent_log(self, shard: Shard, count: int) -> list[Logged]:
        """The newest decisions, newest first."""

    async def dead_letters(self, shard: Shard, count: int) -> list[Record]:
        """Dead letters, newest first."""

    async def forget_dead(self, shard: Shard, position: str) -> bool:
        """Remove one dead letter (after a requeue)."""

    async def bury(self, shard: Shard, value: bytes) -> None:
        """Keep a dead letter of something that never was an event; returns when durable."""

    # -- small things shared by processes -----------------------------------------------------------------------
    async def put_pinned(self, kind: str, content_hash: str, value: bytes) -> None:
        """Keep a policy, graph or template (`kind`) under its hash for 400 days from now."""

    async def get_pinned(self, kind: str, content_hash: str) -> bytes | None: ...

    async def catch(self, value: bytes) -> str:
        """Keep one caught message, newest 1,000; returns its id."""

    async def caught(self, after: str = "0", count: int = 200, block_ms: int = 0) -> list[Record]:
        """Caught messages in order."""

    async def note(self, name: str, field: str, value: bytes) -> None:
        """Keep the last word about a thing, one a field, for 30 days; `doctor` reads it."""

    async def notes(self, name: str) -> dict[str, bytes]:
        """All that is noted about it."""

    async def keep(self, name: str, value: bytes, for_s: int) -> None:
        """Keep a small thing under its name for so long from now, in place of what stood there. Whoever reads it must
        do without it, too: it may be lost."""

    async def kept(self, name: str) -> bytes | None:
        """What is kept under this name."""

    async def lease(self, holder: str, for_ms: int, name: str = "") -> bool:
        """Take or renew the lease of the one process that owns the shards, or that bears the worker's `name`; False
        while another holds it."""

    async def release(self, holder: str, name: str = "") -> None:
        """Give the lease up, if `holder` has it."""

    async def close(self) -> None:
        """Let go of every connection."""


@dataclass(frozen=True)
class Settled:
    """What became of one attempt.

    sent: mark the key. retry: come back at `retry_at_ms` with `again` as the entry. dead: keep `dead`.
    fallback: `again` is a new entry (next channel) that is owed from now. cancelled: it is no longer true.
    Every outcome writes `log`; `emits` are internal events for the owner of the inbox shard to publish.
    """

    kind: str  # sent | retry | dead | fallback | cancelled
    log: bytes
    retry_at_ms: int = 0
    again: bytes = b""
    again_key: str = ""
    dead: bytes = b""
    emits: tuple[bytes, ...] = ()
