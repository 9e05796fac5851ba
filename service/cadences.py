"""Says in the event log who is in which cadence, where that differs from what the store knows.

A series begins and ends by an internal event like everything else; the same configuration loaded again, or by two
processes at once, says nothing new (core/roster.py). Must not decide anything.
"""

from collections.abc import Sequence

from service.broker import Broker, Publication
from service.core.envelope import encode_internal
from service.core.events import CheckinScheduled
from service.core.roster import changes, is_series, series_of
from service.store.clock import Clock
from service.store.contract import Shard, Store
from service.telemetry.logs import get_log

log = get_log()

TOPIC = "checkins"
# Every open series has a timer, so the timers are the list of them. A company has fewer.
SERIES_MAX = 1_000_000
_EVER_MS = 2**53 - 1  # later than any timer, and still exact as the score of a sorted set


async def announce(wanted: Sequence[CheckinScheduled], store: Store, broker: Broker, clock: Clock) -> int:
    """Publish what has changed; returns how many events that took. Raises StoreDown."""
    known: dict[str, bytes | None] = {}
    by_shard: dict[Shard, set[str]] = {Shard(TOPIC, p): set() for p in range(broker.partitions)}
    for shard, subjects in by_shard.items():
        subjects |= {s for s, _ in await store.due(shard, _EVER_MS, SERIES_MAX) if is_series(s)}
    for data in wanted:
        subject = series_of(data)
        by_shard[Shard(TOPIC, broker.partition(subject))].add(subject)
    for shard, subjects in by_shard.items():
        ordered = sorted(subjects)
        known |= zip(ordered, await store.load(shard, ordered) if ordered else [], strict=True)
    emits = changes(wanted, known, await clock.now())
    if emits:
        await broker.publish([Publication(TOPIC, emit.subject, encode_internal(emit)) for emit in emits])
        log.info("cadences_changed", series=len(wanted), events=len(emits))
    return len(emits)
