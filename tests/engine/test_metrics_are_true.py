"""What `/metrics` of a running service shows is what happened: lag, lateness, backlog, decisions, deliveries."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.engine.in_process import Running, running, until
from tests.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]


async def sample(it: Running, name: str, **labels: str) -> float:
    """One sample as it is scraped; labels in the order of the table."""
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    line = f"followthrough_{name}" + (f"{{{inside}}}" if inside else "")
    found = re.search(rf"^{re.escape(line)} (\S+)$", await it.metrics(), re.MULTILINE)
    assert found is not None, line
    return float(found[1])


async def test_one_promise_that_is_missed_and_answered_for(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    async with running(make_server(), tmp_path) as it:
        due_at = (await it.app.clock.now() + timedelta(seconds=3)).isoformat()
        fields = {"commitment_id": "c1", "title": "A tour", "owner": "ana", "kind": "tour", "due_at": due_at}
        await it.post("deadline.set", **fields)
        status, refused, _ = await it.post("deadline.met", commitment_id="", by="ana")
        assert status == 422

        async def is_told() -> bool:
            return ("deadline/c1", "missed") in await it.caught()

        await until(is_told)

        async def is_settled() -> bool:
            sent = it.app.metrics.value("deliveries_total", channel="email", outcome="sent")
            return sent == len(await it.caught())

        await until(is_settled)
        told = len(await it.caught())
        assert await sample(it, "events_accepted_total", topic="deadlines") == 1
        assert await sample(it, "intake_refusals_total", reason=refused["error"]) == 1
        assert await sample(it, "events_committed_total", topic="deadlines") == 1
        assert await sample(it, "events_committed_total", topic="inbox") == told
        assert await sample(it, "emits_published_total", topic="inbox") == told
        # A check-in series is recorded as it begins, and so is its first period.
        series = len(it.app.settings.series)
        assert await sample(it, "decisions_total", reason="recorded") == 1 + 2 * series
        assert await sample(it, "decisions_total", reason="deliver") == told
        assert await sample(it, "event_to_message_seconds_count") == told
        assert await sample(it, "delivery_seconds_count", channel="email") == told
        assert await sample(it, "timers_fired_total") >= 1
        assert await sample(it, "timer_lateness_seconds_count") == await sample(it, "timers_fired_total")
        assert await sample(it, "timer_lateness_seconds_sum") < 60
        assert 0 < await sample(it, "commit_seconds_sum", topic="deadlines") < 60
        assert await sample(it, "shards_owned") == len(it.app.worker.shards)
        assert await sample(it, "lag_seconds", shard="deadlines.0") < 60
        assert await sample(it, "backlog", queue="outbox") >= 0
        assert await sample(it, "store_memory_ratio") == 0

    assert it.app.metrics.value("shards_owned") == 0
