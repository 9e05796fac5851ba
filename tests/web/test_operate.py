"""Health tells the truth, metrics tell no names, and one commitment can be asked about."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from service.core.effects import LogEntry, encode_effect
from service.core.model import Commitment, Moment, encode_state
from service.core.reasons import Reason
from service.store.clock import to_ms
from service.store.contract import Commit, Shard
from service.web import operate
from tests.core.hostile_events import GOOD
from tests.web.door import NOW, Door, opened


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as door:
        yield door


async def get(door: Door, path: str) -> tuple[int, Any]:
    async with door.client.get(path) as response:
        return response.status, json.loads(await response.text())


async def test_it_is_alive_also_when_it_can_do_nothing(door: Door) -> None:
    door.is_down = True
    door.ready["reasons"] = ["the engine has not gone round for 60 s"]
    assert await get(door, "/health/live") == (200, {"status": "live"})


async def test_it_is_ready_and_shows_what_it_knows(door: Door) -> None:
    assert await get(door, "/health/ready") == (200, {"status": "ready", "reasons": [], "role": "owner"})


async def test_a_stalled_engine_is_not_ready_and_says_so(door: Door) -> None:
    door.ready = {"reasons": ["the engine has not gone round for 60 s"], "engine_age_s": 60.0}
    status, found = await get(door, "/health/ready")
    assert (status, found["status"], found["engine_age_s"]) == (503, "not ready", 60.0)
    assert found["reasons"] == ["the engine has not gone round for 60 s"]


async def test_without_the_store_it_is_not_ready(door: Door) -> None:
    door.is_down = True
    status, found = await get(door, "/health/ready")
    assert (status, found["reasons"]) == (503, ["the store cannot be reached: away"])


async def test_a_store_that_does_not_answer_is_no_store(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operate, "STORE_WITHIN_S", 0.2)
    door.hold.clear()
    status, found = await get(door, "/health/ready")
    assert status == 503
    assert "did not answer" in found["reasons"][0]


async def test_metrics_are_read_by_prometheus_and_name_nobody(door: Door) -> None:
    await door.send(GOOD)
    await door.send({**GOOD, "id": ""})
    async with door.client.get("/metrics") as response:
        text = await response.text()
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'followthrough_events_accepted_total{topic="deadlines"} 1.0' in text
    assert 'followthrough_intake_refusals_total{reason="invalid_value"} 1.0' in text
    assert "followthrough_engine_age_seconds" in text
    for canary in ("ana", "c1", "proposal"):
        assert f'"{canary}"' not in text


# -- one commitment ---------------------------------------------------------------------------------------------------
async def remember(door: Door, subject: str) -> None:
    state = Commitment(status="open", title="Send the proposal", owner="ana", opened_at=NOW)
    state.moments["due"] = Moment(at=NOW + timedelta(days=1))
    shard = Shard("deadlines", door.deps.broker.partition(subject))
    owned = await door.store.acquire(shard)
    reasons = (Reason("recorded", "a new commitment"),)
    entries = [
        LogEntry(NOW, subject, "deadline.set", "test e1", "", "open", (("emit", "k", "ana"),), reasons),
        LogEntry(NOW, "deadline/other", "deadline.set", "test e2", "", "open", (), reasons),
    ]
    commit = Commit(owned.epoch, owned.seq, b"digest")
    commit.states[subject] = encode_state(state)
    commit.due[subject] = to_ms(NOW + timedelta(hours=3))
    commit.log = [encode_effect(entry) for entry in entries]
    await door.store.commit(shard, commit)


async def test_a_commitment_tells_its_state_its_timer_and_why(door: Door) -> None:
    await remember(door, "deadline/c1")
    status, found = await get(door, "/v1/commitments/deadline/c1")
    assert status == 200
    assert (found["id"], found["title"], found["status"]) == ("deadline/c1", "Send the proposal", "open")
    assert (found["due_at"], found["next_timer_at"]) == (
        "2026-11-25T09:00:00.000Z",
        "2026-11-24T12:00:00.000Z",
    )
    [decision] = found["decisions"]
    assert (decision["input"], decision["before"], decision["after"]) == ("deadline.set", "", "open")
    assert decision["reasons"] == [{"code": "recorded", "text": "a new commitment"}]
    assert decision["effects"] == [{"what": "emit", "key": "k", "to": "ana"}]


async def test_a_commitments_id_may_hold_a_slash(door: Door) -> None:
    await remember(door, "deadline/2026/q4/c1")
    status, found = await get(door, "/v1/commitments/deadline/2026/q4/c1")
    assert (status, found["id"]) == (200, "deadline/2026/q4/c1")


@pytest.mark.parametrize("path", ["deadline/none", "nonsense/c1", "deal/1", "inbox/ana", "deadline/%00"])
async def test_what_is_not_known_is_a_404_in_the_usual_shape(door: Door, path: str) -> None:
    status, found = await get(door, f"/v1/commitments/{path}")
    assert (status, found["error"], found["status"]) == (404, "not_found", 404)


async def test_the_description_of_the_api_shows_how_to_send_an_event(door: Door) -> None:
    status, found = await get(door, "/openapi.json")
    sending = found["paths"]["/v1/events"]["post"]
    assert status == 200
    assert "application/cloudevents+json" in sending["requestBody"]["content"]
    assert {"202", "400", "413", "415", "422", "503"} <= set(sending["responses"])
    example = sending["requestBody"]["content"]["application/cloudevents+json"]["schema"]["example"]
    assert (await door.send(example))[0] == 202
