"""The table of metrics is the truth: for the attributes, for Prometheus, and for what a label may hold."""

import ast
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from service.telemetry.metrics import PREFIX, TABLE, Metrics, reference

# Labels whose values come from code or configuration. Never a person, a subject, a key or a title.
SERVICE = Path(__file__).parents[2] / "service"
SETTERS = {"inc", "set", "observe"}
BOUNDED = {"topic", "shard", "reason", "kind", "channel", "outcome", "queue", "template", "action", "via"}


def test_every_row_is_an_attribute_and_every_attribute_a_row() -> None:
    assert list(Metrics.__annotations__) == [row.name for row in TABLE]


def test_labels_are_bounded() -> None:
    assert {label for row in TABLE for label in row.labels} <= BOUNDED


def test_names_say_their_unit_and_help_is_a_sentence() -> None:
    for row in TABLE:
        assert row.help.endswith("."), row.name
        assert not row.name.startswith(PREFIX)
        assert bool(row.buckets) == (row.kind.__name__ == "Histogram"), row.name
        assert not row.buckets or row.name.endswith("_seconds"), row.name


def test_the_exposition_is_read_back_by_prometheus_own_parser() -> None:
    metrics = Metrics()
    metrics.deliveries.labels("email", "sent").inc()
    metrics.engine_age_seconds.set(2)
    metrics.timer_lateness_seconds.observe(0.2)
    families = {
        family.name: family for family in text_string_to_metric_families(metrics.exposition().decode())
    }
    assert {f"{PREFIX}_{row.name}" for row in TABLE} <= set(families)
    [sample] = [s for s in families[f"{PREFIX}_deliveries"].samples if s.name.endswith("_total")]
    assert (sample.labels, sample.value) == ({"channel": "email", "outcome": "sent"}, 1.0)
    assert "process_resident_memory_bytes" in families
    assert metrics.value("engine_age_seconds") == 2


def test_two_registries_do_not_meet() -> None:
    one, other = Metrics(), Metrics()
    one.rollbacks.labels("deals").inc()
    assert (one.value("rollbacks_total", topic="deals"), other.value("rollbacks_total", topic="deals")) == (
        1,
        0,
    )


def test_the_reference_has_every_metric_as_it_is_scraped() -> None:
    rows = {name: (kind, labels) for name, kind, labels, _ in reference()}
    assert rows["followthrough_events_accepted_total"] == ("counter", "topic")
    assert rows["followthrough_deliveries_total"] == ("counter", "channel, outcome")
    assert len(rows) == len(TABLE)


def set_in(sources: Iterable[str]) -> set[str]:
    """What is set there: `metrics.NAME.inc(…)` or `metrics.NAME.labels(…).set(…)`, whatever `metrics` is called in."""
    found = set()
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in SETTERS
            ):
                held = node.func.value
                if isinstance(held, ast.Call) and isinstance(held.func, ast.Attribute):
                    held = held.func.value if held.func.attr == "labels" else held
                if isinstance(held, ast.Attribute):
                    found.add(held.attr)
    return found


def test_every_metric_is_set_by_the_service() -> None:
    sources = [path.read_text(encoding="utf-8") for path in SERVICE.rglob("*.py")]

    assert {row.name for row in TABLE} - set_in(sources) == set()


def test_a_metric_that_is_only_named_is_not_set() -> None:
    source = """
self.metrics.read_only.labels("x")
print(metrics.printed)
metrics.plain.inc()
deps.metrics.labelled.labels(topic).observe(1)
"""
    assert set_in([source]) == {"plain", "labelled"}
