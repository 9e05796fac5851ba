"""What the in-memory store keeps of a shard, in the shapes the real server has: streams, a zset, hashes.

Only `memory.py` reads this file.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
Place = tuple[int, int]


def place(position: str) -> Place:
    """A stream position as a number pair that orders like the server orders it; "0" is before everything."""
    ms, _, number = position.partition("-")
    return int(ms), int(number or 0)


class Stream(Generic[T]):
    """An append-only list of values with monotone ids; entries may be removed, ids never come again."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._values: dict[Place, T] = {}
        self.last: Place = (0, 0)

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: T, now_ms: int) -> str:
        ms, number = self.last
        self.last = (now_ms, 0) if now_ms > ms else (ms, number + 1)
        self._places.append(self.last)
        self._values[self.last] = value
        return f"{self.last[0]}-{self.last[1]}"

    def after(self, position: str) -> Iterator[tuple[str, T]]:
        start = bisect_right(self._places, place(position))
        for at in self._places[start:]:
            if at in self._values:
                yield f"{at[0]}-{at[1]}", self._values[at]

    def newest(self) -> Iterator[tuple[str, T]]:
        for at in reversed(self._places):
            if at in self._values:
                yield f"{at[0]}-{at[1]}", self._values[at]

    def get(self, position: str) -> T | None:
        return self._values.get(place(position))

    def remove(self, position: str) -> bool:
        """Whether it was there."""
        return self._values.pop(place(position), None) is not None

    def drop_before(self, first_kept: Place) -> None:
        cut = bisect_left(self._places, first_kept)
        for at in self._places[:cut]:
            self._values.pop(at, None)
        del self._places[:cut]

    def drop_through(self, position: str) -> None:
        ms, number = place(position)
        self.drop_before((ms, number + 1))


class Due:
    """Subjects by their next due time; equal times in the order of the names, as a zset has them."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        self._order: list[tuple[int, bytes]] = []

    def set(self, subject: str, at_ms: int | None) -> None:
        old = self._at.pop(subject, None)
        if old is not None:
            del self._order[bisect_left(self._order, (old, subject.encode()))]
        if at_ms is not None:
            self._at[subject] = at_ms
            insort(self._order, (at_ms, subject.encode()))

    def until(self, until_ms: int, limit: int) -> list[tuple[str, int]]:
        end = bisect_left(self._order, (until_ms + 1, b""))
        return [(subject.decode(), at_ms) for at_ms, subject in self._order[: min(end, limit)]]

    def first(self) -> int | None:
        return self._order[0][0] if self._order else None


@dataclass
class Shelf:
    """Everything of one shard."""

    epoch: int = 0
    seq: int = 0
    digest: bytes = b""
    commit_epoch: int = 0
    owners: int = 0
    timer_owners: int = 0
    alone: tuple[str, int] = ("", 0)
    partitions: int | None = None
    offsets: dict[str, str] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)
    due: Due = field(default_factory=Due)
    seen: dict[str, int] = field(default_factory=dict)
    emit: Stream[bytes] = field(default_factory=Stream)
    dead: Stream[bytes] = field(default_factory=Stream)
    ev: Stream[bytes] = field(default_factory=Stream)
    log: Stream[tuple[int, int, bytes]] = field(default_factory=Stream)
    out: Stream[tuple[str, bytes]] = field(default_factory=Stream)
    retry: dict[tuple[str, bytes], int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)  # key -> epoch ms when it is forgotten
    delivered: str = "0"  # the newest entry of `out` that any worker has read
    pending: dict[str, tuple[str, int]] = field(
        default_factory=dict
    )  # entry id -> (worker, read at, epoch ms)
