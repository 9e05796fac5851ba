"""What is on record about one subject: its decisions, and what became of each word they asked for. Reads the store.

The subject's own log says what was asked for, by key; the keys lead to the inboxes' logs, from the time of the decision
on. Nothing else is read. The record is kept for thirty days.
"""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import NamedTuple

from service.core.effects import LogEntry, decode_log
from service.core.events import TOPIC_OF_FAMILY, TOPICS
from service.core.ids import effect_key, partition_of, split_subject
from service.core.model import Commitment, State, decode_state
from service.core.reasons import Code
from service.store.contract import Shard, Store

_PAGE = 1_000
# Shards of a cluster lie on several servers, whose clocks differ by less than this.
_SKEW_MS = 60_000
# The due index is asked from its start; who has more open commitments in one shard sees no next time here.
_TIMERS_MAX = 100_000
_FAR_MS = 2**52
# An inbox that says one of these keeps the word for later: it goes out with its next delivery.
KEPT_FOR_LATER = frozenset({"quiet", "digest", "low", "budget", "away"})


class Decided(NamedTuple):
    """One decision about the subject, and what became of each word it asked for: the inbox, then the channel."""

    entry: LogEntry
    after: dict[str, list[LogEntry]]  # by the key of the word

    @property
    def afterwards(self) -> list[LogEntry]:
        """All of it, each once, in the order of time."""
        found = {id(one): one for entries in self.after.values() for one in entries}
        return sorted(found.values(), key=lambda one: one.at)


class Record(NamedTuple):
    subject: str
    state: State | None
    next_at: datetime | None
    decided: list[Decided]

    @property
    def commitment(self) -> Commitment | None:
        return self.state if isinstance(self.state, Commitment) else None


def shard_of(subject: str, partitions: int) -> Shard:
    """Where the subject lives; KeyError when there is no such family."""
    family, bare = split_subject(subject)
    return Shard(TOPIC_OF_FAMILY[family], partition_of(bare, partitions))


async def record_of(store: Store, partitions: int, subject: str) -> Record | None:
    """Everything on record about `subject`; None when that is nothing."""
    shard, mark = shard_of(subject, partitions), subject.encode()
    own = [
        (place, entry)
        async for place, entry in _scan(store, shard, "0", lambda raw: mark in raw)
        if entry.subject == subject and entry.input != "delivery"
    ]
    [raw] = await store.load(shard, [subject])
    state = decode_state(raw) if raw else None
    if not own and state is None:
        return None
    after = await _follow(store, partitions, own)
    decided = [
        Decided(entry, {key: after[key] for key in asked_by(entry) if key in after}) for _, entry in own
    ]
    return Record(subject, state, await _next_at(store, shard, subject), decided)


def asked_by(entry: LogEntry) -> dict[str, str]:
    """The keys of the words a decision asked for or gave to a channel, and to whom."""
    return {key: to for what, key, to in entry.effects if what in ("notify", "deliver")}


async def subject_of(store: Store, partitions: int, key: str) -> str:
    """What a message was about, by its own key or by that of the request for it; "" when the key is on no record."""
    subject, asked = await _in_inboxes(store, partitions, key)
    hops = 0
    while not subject and asked and hops < 10:  # a delegate of a delegate: as deep as directories may be
        subject, asked = await _asked_for(store, partitions, asked)
        hops += 1
    return subject


async def _in_inboxes(store: Store, partitions: int, key: str) -> tuple[str, str]:
    """The subject, where a delivery names it; else the key of the request behind the message."""
    asked, subject = key, ""
    for number in range(partitions):
        async for _, entry in _scan(store, Shard("inbox", number), "0", lambda raw: key.encode() in raw):
            if entry.input == "delivery":
                return entry.subject, ""
            if key in asked_by(entry):
                is_request = entry.input == "notification.requested"
                asked, subject = (_word(entry), "") if is_request else ("", entry.subject)
    return subject, asked


async def _asked_for(store: Store, partitions: int, key: str) -> tuple[str, str]:
    """Who asked for the word with this key: a subject, or an inbox that was asked itself."""
    for topic in TOPICS:
        for number in range(partitions):
            async for _, entry in _scan(store, Shard(topic, number), "0", lambda raw: key.encode() in raw):
                if key in asked_by(entry):
                    is_handed_on = topic == "inbox" and entry.input == "notification.requested"
                    return ("", _word(entry)) if is_handed_on else (entry.subject, "")
    return "", ""


async def _follow(
    store: Store, partitions: int, own: list[tuple[str, LogEntry]]
) -> dict[str, list[LogEntry]]:
    """What became of each word: by the key that the subject's decision gave it."""
    found: dict[str, list[LogEntry]] = {}
    todo = [(place, key, to, {key}) for place, entry in own for key, to in asked_by(entry).items()]
    seen = set[tuple[Shard, str]]()
    while todo:
        shard = _inbox_of(todo[0][2], partitions)
        here = [one for one in todo if _inbox_of(one[2], partitions) == shard and (shard, one[1]) not in seen]
        todo = [one for one in todo if _inbox_of(one[2], partitions) != shard]
        if here:
            seen |= {(shard, key) for _, key, _, _ in here}
            trail = _Trail(own[0][1].subject, {key: roots for _, key, _, roots in here})
            first = min((place for place, *_ in here), key=_ms)
            async for place, entry in _scan(store, shard, _before(first), trail.is_of_interest):
                roots, handed_on = trail.take(entry)
                for root in roots:
                    found.setdefault(root, []).append(entry)
                todo += [(place, key, to, roots) for key, to in handed_on.items()]
    return found


class _Trail:
    """The keys that lead on through one inbox shard: of words asked for, of deliveries, of what waits there."""

    def __init__(self, subject: str, asked: dict[str, set[str]]) -> None:
        self._subject = subject
        self._known = asked
        self._waiting: dict[str, set[str]] = {}  # inbox -> words that go out later
        self._checked: dict[str, set[str]] = {}  # reader -> words of a digest that was checked
        self._marks = {key.encode() for key in asked}

    def is_of_interest(self, raw: bytes) -> bool:
        return any(mark in raw for mark in self._marks)

    def take(self, entry: LogEntry) -> tuple[set[str], dict[str, str]]:
        """Which words the entry is about, and which it hands on to other inboxes."""
        word = entry.input_id if entry.input == "delivery" else _word(entry)
        roots = set(self._known.get(word, ())) or self._left_alone(entry)
        delivered = {key for what, key, _ in entry.effects if what in ("deliver", "delivery")}
        # What goes back to a subject is no word to anybody.
        handed_on = {k: to for what, k, to in entry.effects if what == "notify" and not _is_subject(to)}
        if not roots and entry.input != "notification.requested":
            roots = self._no_longer_waiting(entry, is_delivered=bool(delivered))
        if not roots:
            return roots, {}
        for key in delivered:
            # A delivery that fails for good comes back to the inbox by a key of its own.
            self._learn(key, roots)
            self._learn(effect_key("delivery.dead", key), roots)
            self._learn(effect_key("delivery.bounced", key), roots)
        is_kept = any(reason.code in KEPT_FOR_LATER for reason in entry.reasons)
        if is_kept and not delivered and not handed_on:
            self._waiting.setdefault(entry.subject, set()).update(roots)
            self._marks.add(entry.subject.encode())
        for what, _, to in entry.effects:
            if what == "checked":
                self._checked.setdefault(to, set()).update(roots)
                self._marks.add(self._subject.encode())
        return roots, handed_on

    def _no_longer_waiting(self, entry: LogEntry, *, is_delivered: bool) -> set[str]:
        """The words that a digest takes along; or those of which some are handed to whoever stands in."""
        if is_delivered:
            return self._waiting.pop(entry.subject, set())
        is_delegated = any(reason.code == Code.DELEGATED for reason in entry.reasons)
        return set(self._waiting.get(entry.subject, ())) if is_delegated else set()

    def _left_alone(self, entry: LogEntry) -> set[str]:
        """The last word that is left of a digest goes out as itself, by a key that no decision names."""
        if entry.input != "delivery" or entry.subject != self._subject:
            return set()
        roots = set[str]().union(*(self._checked.get(to, ()) for _, _, to in entry.effects))
        if roots:
            self._learn(entry.input_id, roots)
        return roots

    def _learn(self, key: str, roots: set[str]) -> None:
        self._known.setdefault(key, set()).update(roots)
        self._marks.add(key.encode())


async def _scan(
    store: Store, shard: Shard, after: str, is_wanted: Callable[[bytes], bool]
) -> AsyncIterator[tuple[str, LogEntry]]:
    """Entries of a shard's log in their order, each with its place; only what is wanted is decoded."""
    while page := await store.log(shard, after, _PAGE):
        for logged in page:
            if is_wanted(logged.value):
                yield logged.id, decode_log(logged.value)
        after = page[-1].id


async def _next_at(store: Store, shard: Shard, subject: str) -> datetime | None:
    due = await store.due(shard, _FAR_MS, _TIMERS_MAX)
    return next((datetime.fromtimestamp(at_ms / 1000, UTC) for found, at_ms in due if found == subject), None)


def _is_subject(to: str) -> bool:
    family, slash, _ = to.partition("/")
    return bool(slash) and family in TOPIC_OF_FAMILY


def _inbox_of(to: str, partitions: int) -> Shard:
    return Shard("inbox", partition_of(to, partitions))


def _word(entry: LogEntry) -> str:
    """The id of an internal event is the key of the effect that made it."""
    return entry.input_id.rpartition(" ")[2]


def _ms(place: str) -> int:
    return int(place.partition("-")[0])


def _before(place: str) -> str:
    return str(max(0, _ms(place) - _SKEW_MS))
