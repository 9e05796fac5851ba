"""What waits to be delivered, as gauges: the same on every event log."""

from collections.abc import Iterable

from service.store.contract import Shard, Store
from service.telemetry.metrics import Metrics


async def measure_backlog(store: Store, shards: Iterable[Shard], metrics: Metrics) -> None:
    waiting = [await store.backlog(shard) for shard in shards if shard.topic == "inbox"]
    metrics.backlog.labels("outbox").set(sum(now for now, _ in waiting))
    metrics.backlog.labels("retry").set(sum(later for _, later in waiting))
