"""Every key of the store on one page: shape, type, TTL, writer, reader, and the functions that build them.

A test uses a server and fails on a key that is not in the list, or whose type or TTL differs from it. `{s}` is a
shard such as `{deadlines.2}`: the braces are Redis Cluster's hash tag, so all keys of one script share a slot.
"""

import re
from functools import cached_property
from typing import NamedTuple

from service.store.contract import Shard

DAY_MS = 86_400_000

# The retention of each kind of data, from the design (§3) and the promises on personal data.
SENT_TTL_S = 30 * 86_400
PINNED_TTL_S = 400 * 86_400
NOTES_TTL_S = 30 * 86_400
KEPT_TTL_S_MAX = 90 * 86_400
EVENTS_FOR_MS = 7 * DAY_MS
LOG_FOR_MS = 30 * DAY_MS
DEAD_FOR_MS = 30 * DAY_MS
# The page of caught messages is for looking at, not an archive.
CAUGHT_MAX = 1_000

GROUP = "deliver"  # the one consumer group, on every `{s}:out`
FORMAT = "1"  # the layout of this page; raised when an old program could not read what a new one writes


class Row(NamedTuple):
    """One kind of key. `ttl`: "none", or what bounds its life."""

    shape: str
    type: str
    ttl: str
    writer: str
    reader: str


KEYS = (
    # shape               type      ttl           written by                        read by
    Row("{s}:epoch", "string", "none", "acquire.lua", "commit.lua"),
    Row("{s}:off", "hash", "none", "commit.lua", "acquire.lua, commit.lua, trim"),
    Row("{s}:meta", "hash", "none", "acquire.lua, commit.lua, alone.lua", "commit.lua, settle.lua"),
    Row("{s}:c:<subject>", "string", "none", "commit.lua", "engine: load, plan: subjects"),
    Row("{s}:due", "zset", "none", "commit.lua", "engine: due"),
    Row("{s}:emit", "stream", "none: trimmed once published", "commit.lua, settle.lua", "owner: emits"),
    Row("{s}:seen", "zset", "none: trimmed in the commit, 7 days", "commit.lua", "engine: applied"),
    Row(
        "{s}:out",
        "stream",
        "none: settled entries go",
        "commit.lua, settle.lua, retries.lua, owe_again",
        "delivery: claim",
    ),
    Row("{s}:retry", "zset", "none: moved back when due", "settle.lua", "retries.lua"),
    Row(
        "{s}:dead", "stream", "none: trimmed hourly, 30 days", "commit.lua, settle.lua, bury", "dead-letters"
    ),
    Row("{s}:log", "stream", "none: trimmed hourly, 30 days", "commit.lua, settle.lua", "readmodel, explain"),
    Row("{s}:ev", "stream", "none: trimmed hourly, 7 days behind off", "append", "consumers: read"),
    Row("{s}:sent:<key>", "string", "30 days", "settle.lua", "delivery: was_sent"),
    Row("policy:<hash>", "string", "400 days", "put_pinned", "get_pinned"),
    Row("graph:<hash>", "string", "400 days", "put_pinned", "get_pinned"),
    Row("template:<hash>", "string", "400 days", "put_pinned", "get_pinned"),
    Row("caught", "stream", "none: newest 1,000", "catch", "caught"),
    Row("note:<name>", "hash", "30 days", "note", "doctor: notes"),
    Row("kept:<name>", "string", "its writer's, 90 days at most", "keep", "channels, web: kept"),
    Row("lease", "string", "seconds", "lease", "lease"),
    Row("worker:<name>", "string", "seconds", "lease", "lease"),
)

PINNED_KINDS = ("policy", "graph", "template")


class ShardKeys:
    """The keys of one shard."""

    def __init__(self, prefix: str, shard: Shard) -> None:
        self._base = base = f"{prefix}:{{{shard}}}:"
        self.epoch, self.off, self.meta = f"{base}epoch", f"{base}off", f"{base}meta"
        self.due, self.emit, self.seen = f"{base}due", f"{base}emit", f"{base}seen"
        self.out, self.retry, self.dead = f"{base}out", f"{base}retry", f"{base}dead"
        self.log, self.ev = f"{base}log", f"{base}ev"

    def state(self, subject: str) -> str:
        return f"{self._base}c:{subject}"

    def sent(self, key: str) -> str:
        return f"{self._base}sent:{key}"


class Keys:
    """The keys of one installation; `prefix` separates two installations on one server."""

    def __init__(self, prefix: str = "ft") -> None:
        self.prefix = prefix
        self._shards: dict[Shard, ShardKeys] = {}

    def of(self, shard: Shard) -> ShardKeys:
        found = self._shards.get(shard)
        if found is None:
            found = self._shards[shard] = ShardKeys(self.prefix, shard)
        return found

    def pinned(self, kind: str, content_hash: str) -> str:
        assert kind in PINNED_KINDS, kind
        return f"{self.prefix}:{kind}:{content_hash}"

    @property
    def any_state(self) -> str:
        """The pattern of every subject's state, as SCAN takes it."""
        return f"{self.prefix}:{{*}}:c:*"

    def place_of(self, key: str) -> tuple[Shard, str] | None:
        """The shard and the subject whose state is under `key`."""
        found = re.fullmatch(rf"{re.escape(self.prefix)}:\{{([a-z._-]+)\.(\d+)\}}:c:(.+)", key, re.DOTALL)
        return (Shard(found[1], int(found[2])), found[3]) if found else None

    @cached_property
    def caught(self) -> str:
        return f"{self.prefix}:caught"

    def note(self, name: str) -> str:
        return f"{self.prefix}:note:{name}"

    def kept(self, name: str) -> str:
        return f"{self.prefix}:kept:{name}"

    def lease(self, name: str) -> str:
        return f"{self.prefix}:worker:{name}" if name else f"{self.prefix}:lease"

    def row_of(self, key: str) -> Row | None:
        """The row of the list that `key` belongs to; None means that the key is not ours, or was forgotten here."""
        rest = key.removeprefix(f"{self.prefix}:")
        return next((row for row in KEYS if rest != key and _pattern(row.shape).fullmatch(rest)), None)


def _pattern(shape: str) -> re.Pattern[str]:
    tagged = re.escape(shape).replace(re.escape("{s}"), r"\{[a-z._-]+\.\d+\}")
    return re.compile(re.sub(r"<\w+>", ".+", tagged), re.DOTALL)


def unfit_text(shard: Shard, what: str, stored: str, wanted: str) -> str:
    if what == "partitions":
        return (
            f"topic {shard.topic} was created with {stored} partitions and now has {wanted}. The count is"
            f" fixed once a topic exists, because a subject's partition follows from it: set it back to {stored}."
        )
    return (
        f"the data of {shard} is in format {stored}, this program writes format {FORMAT}: run the version"
        " that wrote it, or a newer one."
    )
