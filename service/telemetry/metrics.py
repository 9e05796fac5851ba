"""Every metric, one table. Others hold a `Metrics` and call `.deliveries.labels(channel, outcome).inc()`.

It must not know who measures. A label's values are bounded by code or configuration, never an id: a metric with
a subject or a person in it would grow for ever and tell who. `/metrics` shows `exposition()` (web/operate.py).
"""

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

PREFIX = "followthrough"
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

# A commit takes 0.2 to 20 ms (measured 2026-11); anything above a second is trouble, whatever its size.
FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
# A send is given up after 30 s in all (design, "Delivery").
SEND_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# A timer is polled every fraction of a second; hours mean that we were down.
LATE_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0, 86400.0)

Kind = type[Counter] | type[Gauge] | type[Histogram]


class Row(NamedTuple):
    """One metric: its name without the prefix (counters end in `_total` outside), and what it tells."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


TABLE = (
    # events in
    Row("events_accepted", Counter, ("topic",), "Events from outside that the log has durably, by topic."),
    Row("intake_refusals", Counter, ("reason",), "Requests and events refused at the door, by reason code."),
    Row("intake_seconds", Histogram, (), "From the last byte of a request to its 202.", FAST_S),
    # the engine
    Row("events_committed", Counter, ("topic",), "Events whose decision is stored."),
    Row("events_unmatched", Counter, ("topic",), "Events of a type no rule knows: stored, not acted on."),
    Row("decisions", Counter, ("reason",), "Reasons given by decisions, by code; also for silence."),
    Row("commit_seconds", Histogram, ("topic",), "Load, decide and store of one batch.", FAST_S),
    Row("commit_conflicts", Counter, ("kind",), "Commits the store refused: fenced or gap."),
    Row("rollbacks", Counter, ("topic",), "Times a shard found its store behind itself and replayed."),
    Row("timers_fired", Counter, (), "Timers whose decision is stored."),
    Row("timer_lateness_seconds", Histogram, (), "From a timer's due time to its stored decision.", LATE_S),
    Row(
        "lag_seconds",
        Gauge,
        ("shard",),
        "How long the newest decided event lay in the log; 0 when all are read.",
    ),
    Row("shards_owned", Gauge, (), "Shards this process owns; 0 on a standby."),
    Row(
        "engine_age_seconds", Gauge, (), "Time since the engine last went round its loop; grows when stalled."
    ),
    Row(
        "clock_difference_seconds",
        Gauge,
        (),
        "How far this machine's clock and the store's differ; timers are held above 2.",
    ),
    Row("emits_published", Counter, ("topic",), "Internal events moved from where they were decided."),
    # delivery
    Row("backlog", Gauge, ("queue",), "Deliveries not settled: queue is outbox (now) or retry (later)."),
    Row("deliveries", Counter, ("channel", "outcome"), "Attempts and how they were settled."),
    Row("delivery_seconds", Histogram, ("channel",), "One attempt on a channel, rendering left out.", SEND_S),
    Row("event_to_message_seconds", Histogram, (), "From a decision to its message handed over.", LATE_S),
    Row("breaker_open", Gauge, ("channel",), "1 while a channel is left alone after too many failures."),
    Row("template_fallbacks", Counter, ("template",), "Messages in built-in plain text: the template broke."),
    Row(
        "dead_letters",
        Counter,
        ("kind",),
        "Given up, kept with a reason: event, webhook, delivery or unroutable.",
    ),
    # the rest
    Row(
        "reloads", Counter, ("outcome",), "Changed configurations: applied, or refused with the old in force."
    ),
    Row("answers", Counter, ("action", "via"), "What people answered to a message, by action and way."),
    Row(
        "store_memory_ratio",
        Gauge,
        (),
        "Memory the store uses of what it may, 0 when it has no limit; intake stops at 0.9.",
    ),
)


class Metrics:
    """One process's metrics, in a registry of their own, so that two in one test do not meet."""

    events_accepted: Counter
    intake_refusals: Counter
    intake_seconds: Histogram
    events_committed: Counter
    events_unmatched: Counter
    decisions: Counter
    commit_seconds: Histogram
    commit_conflicts: Counter
    rollbacks: Counter
    timers_fired: Counter
    timer_lateness_seconds: Histogram
    lag_seconds: Gauge
    shards_owned: Gauge
    engine_age_seconds: Gauge
    clock_difference_seconds: Gauge
    emits_published: Counter
    backlog: Gauge
    deliveries: Counter
    delivery_seconds: Histogram
    event_to_message_seconds: Histogram
    breaker_open: Gauge
    template_fallbacks: Counter
    dead_letters: Counter
    reloads: Counter
    answers: Counter
    store_memory_ratio: Gauge

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        for row in TABLE:
            setattr(self, row.name, self._make(row))

    def _make(self, row: Row) -> Counter | Gauge | Histogram:
        name = f"{PREFIX}_{row.name}"
        if row.kind is Histogram:
            return Histogram(name, row.help, row.labels, registry=self.registry, buckets=row.buckets)
        return row.kind(name, row.help, row.labels, registry=self.registry)

    def value(self, name: str, **labels: str) -> float:
        """One sample as it stands: `value("rollbacks_total", topic="deals")`; 0 when there is none."""
        return self.registry.get_sample_value(f"{PREFIX}_{name}", labels) or 0.0

    def exposition(self) -> bytes:
        """All metrics as Prometheus reads them (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)


def reference() -> Iterator[tuple[str, str, str, str]]:
    """Name as scraped, type, labels and help of every metric: the rows of the reference page."""
    for row in TABLE:
        suffix = "_total" if row.kind is Counter else ""
        yield f"{PREFIX}_{row.name}{suffix}", row.kind.__name__.lower(), ", ".join(row.labels), row.help
