"""`POST /v1/events` over a real connection: accepted means in the log, refused says why and leaves nothing."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from service.web import guard, intake
from tests.core.hostile_events import GOOD, HOSTILE, Hostile, body, event
from tests.web.door import BATCH, STRUCTURED, Door, opened

STRUCTURED_LINE = b"Content-Type: application/cloudevents+json\r\n"


@pytest.fixture(scope="module")
async def opened_door() -> AsyncIterator[Door]:
    async with opened() as door:
        yield door


@pytest.fixture
def door(opened_door: Door) -> Door:
    opened_door.reset()
    return opened_door


async def refused(door: Door, answer: tuple[int, Any], status: int, error: str, pointer: str = "") -> Any:
    found_status, found = answer
    assert (found_status, found["error"], found.get("pointer", "")) == (status, error, pointer), found
    assert found["status"] == status
    assert found["detail"]
    assert door.published == []
    return found


# -- accepted ---------------------------------------------------------------------------------------------------------
async def test_a_structured_event_is_in_the_log_when_it_is_answered(door: Door) -> None:
    assert await door.send(GOOD) == (202, {"accepted": 1, "ids": ["e1"]})

    [(topic, partition, *_)] = door.published
    assert (topic, partition) == ("deadlines", door.deps.broker.partition("deadline/c1"))
    [found] = door.events()
    assert (found.id, found.subject, found.time) == ("e1", "deadline/c1", found.received_at)


async def test_a_check_in_of_an_address_lies_where_its_person_is(door: Door) -> None:
    for person in ("ana@example.com", "nobody@example.com"):
        data = {"person": person, "cadence": "weekly", "progress": "Two demos."}
        await door.send({**GOOD, "type": "checkin.submitted", "data": data})

    places = [(placed.topic, placed.partition) for placed in door.published]
    subjects = [found.subject for found in door.events()]
    assert subjects == ["checkin/ana:weekly", "checkin/nobody@example.com:weekly"]
    assert places == [("checkins", door.deps.broker.partition(subject)) for subject in subjects]


async def test_what_is_accepted_is_counted(door: Door) -> None:
    before = door.metrics.value("events_accepted_total", topic="deadlines")
    await door.send([GOOD, event(id="e2")], BATCH)
    assert door.metrics.value("events_accepted_total", topic="deadlines") == before + 2


async def test_nothing_is_answered_before_the_log_has_it(door: Door) -> None:
    await door.deps.clock.now()
    door.hold.clear()
    sending = asyncio.create_task(door.send(GOOD))
    done, _ = await asyncio.wait([sending], timeout=0.3)
    assert not done
    door.hold.set()
    assert (await sending)[0] == 202


async def test_a_binary_event_has_its_attributes_in_headers(door: Door) -> None:
    headers = {
        "Content-Type": "application/json; charset=UTF-8",
        "ce-id": "e%201",
        "Ce-Source": "crm/caf%C3%A9",
        "CE-TYPE": "deadline.set",
        "ce-specversion": "1.0",
        "ce-import": "true",
    }
    assert await door.send(GOOD["data"], headers) == (202, {"accepted": 1, "ids": ["e 1"]})
    [found] = door.events()
    assert (found.source, found.subject, found.is_import) == ("crm/café", "deadline/c1", True)


async def test_a_batch_is_accepted_whole_and_in_order(door: Door) -> None:
    events = [event({"commitment_id": f"c{n}"}, id=n) for n in range(5)] + [{**GOOD, "type": "deal.exploded"}]
    status, found = await door.send(events, BATCH)
    assert (status, found) == (202, {"accepted": 6, "ids": ["0", "1", "2", "3", "4", "e1"]})
    assert [e.subject for e in door.events()] == [*(f"deadline/c{n}" for n in range(5)), "deal/e1"]


async def test_an_empty_batch_is_accepted_and_publishes_nothing(door: Door) -> None:
    assert await door.send([], BATCH) == (202, {"accepted": 0, "ids": []})
    assert door.published == []


async def test_a_thousand_events_at_once_leave_room_for_others(door: Door) -> None:
    data = {"commitment_id": 1, "title": "t", "owner": "a", "due_at": "2026-11-30T16:00Z"}
    events = [
        {"specversion": "1.0", "id": n, "source": "s", "type": "deadline.set", "data": data}
        for n in range(1000)
    ]
    assert len(json.dumps(events)) < guard.BODY_BYTES_MAX

    batch, live = await asyncio.gather(door.send(events, BATCH), door.client.get("/health/live"))
    assert (batch[0], batch[1]["accepted"], live.status) == (202, 1000, 200)
    assert len(door.published) == 1000


async def test_pipelined_requests_are_answered_in_order(door: Door) -> None:
    def request(number: int, last: bool) -> bytes:
        data = body(id=f"p{number}")
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cloudevents+json\r\n"
            f"Content-Length: {len(data)}\r\nConnection: {'close' if last else 'keep-alive'}\r\n\r\n"
        )
        return head.encode() + data

    answer = await door.talk(b"".join(request(n, n == 4) for n in range(5)))
    assert answer.count(b"HTTP/1.1 202") == 5
    assert [e.id for e in door.events()] == [f"p{n}" for n in range(5)]
    assert [answer.index(b'"p%d"' % n) for n in range(5)] == sorted(
        answer.index(b'"p%d"' % n) for n in range(5)
    )


async def test_a_chunked_body_is_read(door: Door) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(body()), 16):
            yield body()[at : at + 16]

    async with door.client.post("/v1/events", data=chunks(), headers=STRUCTURED) as response:
        assert response.status == 202


# -- refused ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("hostile", HOSTILE, ids=[hostile.name for hostile in HOSTILE])
async def test_a_hostile_event_is_refused_at_the_door(door: Door, hostile: Hostile) -> None:
    status, found = await door.send(hostile.body)
    assert (status, found["error"]) == (hostile.status, hostile.reason)
    assert door.published == []
    # Over the wire a document of any size is parsed, so that only its depth is told and not its size.
    assert found["pointer"] == hostile.pointer


@pytest.mark.parametrize("delegate", ["kim", "kim@example.com"])
async def test_whoever_stands_in_is_in_the_directory(door: Door, delegate: str) -> None:
    away = {**GOOD, "type": "person.away", "data": {"person": "ana", "delegate": delegate}}
    found = await refused(door, await door.send(away), 422, "unknown_person", "/data/delegate")
    assert f"'{delegate}' is not in the directory" in found["detail"]

    assert (await door.send({**away, "data": {"person": "ana", "delegate": "leo"}}))[0] == 202


async def test_an_address_of_their_own_is_themselves(door: Door) -> None:
    away = {**GOOD, "type": "person.away", "data": {"person": "ana", "delegate": "ana@example.com"}}
    await refused(door, await door.send(away), 422, "invalid_value", "/data/delegate")


async def test_a_batch_is_refused_whole_with_every_mistake(door: Door) -> None:
    before = door.metrics.value("intake_refusals_total", reason="wrong_type")
    events = [GOOD, event({"owner": True}), GOOD, event(id=None), 5, event({"importance": "hgih"})]
    answer = await door.send(events, BATCH)
    found = await refused(door, answer, 422, "wrong_type", "/data/owner")
    assert found["item"] == 1
    assert [(e["item"], e["error"], e["pointer"]) for e in found["errors"]] == [
        (1, "wrong_type", "/data/owner"),
        (3, "missing_attribute", "/id"),
        (4, "wrong_type", ""),
        (5, "invalid_value", "/data/importance"),
    ]
    assert "4 of 6 events were refused; none was accepted" in found["summary"]
    assert door.metrics.value("intake_refusals_total", reason="wrong_type") == before + 2


async def test_one_half_character_in_a_batch_names_its_event(door: Door) -> None:
    raw = b"[" + body() + b"," + body({"title": "\ud800"}) + b"]"
    found = await refused(door, await door.send(raw, BATCH), 400, "invalid_text", "/data/title")
    assert found["item"] == 1


async def test_a_batch_that_is_no_list_is_refused(door: Door) -> None:
    await refused(door, await door.send(GOOD, BATCH), 422, "wrong_type")


async def test_a_batch_of_1001_is_refused(door: Door) -> None:
    await refused(door, await door.send([{}] * 1001, BATCH), 413, "too_many")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/json",  # without ce- headers it is no CloudEvent
        "application/cloudevents+xml",
        "application/cloudevents+avro",
        "application/cloudevents",
        "application/cloudevents-batch",
        "application/cloudevents+json; charset=latin-1",
        "application/cloudevents+json2",
        "",
    ],
)
async def test_a_content_type_we_do_not_read_is_refused(door: Door, content_type: str) -> None:
    await refused(door, await door.send(GOOD, {"Content-Type": content_type}), 415, "media_type")


@pytest.mark.parametrize(
    "content_type", ["Application/CloudEvents+JSON", 'application/cloudevents+json; charset="utf-8"']
)
async def test_a_content_type_is_read_as_http_writes_it(door: Door, content_type: str) -> None:
    assert (await door.send(GOOD, {"Content-Type": content_type}))[0] == 202


async def test_structured_and_binary_together_are_refused(door: Door) -> None:
    await refused(door, await door.send(GOOD, {"ce-id": "other"}), 422, "mixed_mode", "/id")


@pytest.mark.parametrize(
    ("headers", "status", "error", "pointer"),
    [
        ({"ce-id": ""}, 422, "invalid_value", "/id"),
        ({"ce-id": "%ff"}, 400, "invalid_text", "/id"),
        ({"ce-specversion": "0.3"}, 422, "wrong_specversion", "/specversion"),
        ({"ce-source": "a%0D%0Ab"}, 422, "invalid_value", "/source"),
        ({"ce-id": "a%00"}, 400, "invalid_text", "/id"),
        ({"ce-time": "2026-11-24T08:00:00"}, 422, "naive_time", "/time"),
        ({"ce-data": "{}"}, 422, "mixed_mode", "/data"),
        ({"ce-datacontenttype": "text/plain"}, 422, "mixed_mode", "/datacontenttype"),
        ({"ce-type": "notification.requested"}, 422, "internal_type", "/type"),
    ],
)
async def test_a_wrong_header_of_the_binary_mode_is_named(
    door: Door, headers: dict[str, str], status: int, error: str, pointer: str
) -> None:
    good = {"ce-id": "1", "ce-source": "s", "ce-type": "deadline.set", "ce-specversion": "1.0"}
    given = {"Content-Type": "application/json", **good, **headers}
    await refused(door, await door.send(GOOD["data"], given), status, error, pointer)


async def test_a_missing_header_of_the_binary_mode_is_named(door: Door) -> None:
    given = {
        "Content-Type": "application/json",
        "ce-id": "1",
        "ce-type": "deadline.set",
        "ce-specversion": "1.0",
    }
    await refused(door, await door.send(GOOD["data"], given), 422, "missing_attribute", "/source")


async def test_a_header_given_twice_is_refused(door: Door) -> None:
    data = json.dumps(GOOD["data"]).encode()
    answer = await door.talk(
        b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
        b"ce-id: 1\r\nce-id: 2\r\nce-source: s\r\nce-type: deadline.set\r\nce-specversion: 1.0\r\n"
        b"Content-Length: %d\r\n\r\n" % len(data) + data
    )
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"duplicate_key"' in answer
    assert door.published == []


# -- too much, too slow -----------------------------------------------------------------------------------------------
async def test_a_body_over_256_kb_is_refused_by_its_length(door: Door) -> None:
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cloudevents+json\r\n"
    answer = await door.talk(head + b"Content-Length: 262145\r\n\r\n" + b" " * 100)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"too_large"' in answer


async def test_a_body_over_256_kb_is_refused_while_it_streams(door: Door) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 16_384
            yield b" " * 16_384

    try:
        async with door.client.post("/v1/events", data=endless(), headers=STRUCTURED) as response:
            assert response.status == 413
    except aiohttp.ClientError:
        pass  # The door was closed in the sender's face, which it may meet before the answer.
    assert sent < 64_000_000  # What the sockets' buffers took; it would have gone on for ever.
    assert door.published == []
    assert (await door.client.get("/health/live")).status == 200


async def test_a_gzip_bomb_is_not_unpacked(door: Door) -> None:
    packed = gzip.compress(b" " * 50_000_000)
    await refused(door, await door.send(packed, {"Content-Encoding": "gzip"}), 415, "media_type")


async def test_a_slow_body_is_given_up(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_WITHIN_S", 0.3)
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cloudevents+json\r\n"
    answer = await door.talk(head + b"Content-Length: 1000\r\n\r\n", *[b"{"] * 8, pause_s=0.1)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"slow_body"' in answer
    assert door.published == []


@pytest.mark.parametrize(
    "lines",
    [
        b"".join(b"x-%d: y\r\n" % n for n in range(200)),
        b"".join(b"x-%d: y\r\n" % n for n in range(10_000)),
        b"x-long: " + b"y" * 40_000 + b"\r\n",
        b"x-long: " + b"y" * 400_000 + b"\r\n",
    ],
    ids=["200", "10,000", "40 kB", "400 kB"],
)
async def test_too_many_headers_are_refused(door: Door, lines: bytes) -> None:
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    answer = await door.talk(
        head + STRUCTURED_LINE + lines + b"Content-Length: %d\r\n\r\n" % len(body()) + body()
    )
    assert answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
    assert door.published == []
    assert (await door.client.get("/health/live")).status == 200


async def test_a_request_cut_short_leaves_nothing(door: Door) -> None:
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cloudevents+json\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", door.server.port)
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body()) + body()[:50])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await door.send(GOOD))[0] == 202
    assert len(door.published) == 1


# -- the store is away ------------------------------------------------------------------------------------------------
async def test_without_the_store_the_answer_is_503_and_when_to_come_back(door: Door) -> None:
    door.is_down = True
    async with door.client.post("/v1/events", data=body(), headers=STRUCTURED) as response:
        found = await response.json(content_type="application/problem+json")
        assert (response.status, found["error"], response.headers["Retry-After"]) == (503, "store_down", "5")
    door.is_down = False
    assert (await door.send(GOOD))[0] == 202


async def test_a_log_that_does_not_answer_is_a_503(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "PUBLISH_WITHIN_S", 0.2)

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(door.deps.broker, "publish", never)
    status, found = await door.send(GOOD)
    assert (status, found["error"]) == (503, "store_down")


async def test_a_mistake_of_ours_is_a_500_that_tells_nothing(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("password=CANARY")

    monkeypatch.setattr(door.deps.broker, "publish", broken)
    with capture_logs() as logs:
        async with door.client.post("/v1/events", data=body(), headers=STRUCTURED) as response:
            text = await response.text()
    assert response.status == 500
    assert response.headers["Content-Security-Policy"]
    assert [entry["event"] for entry in logs] == ["request_failed"]
    assert "CANARY" not in text
    assert "RuntimeError" not in text
