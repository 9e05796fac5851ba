"""`POST /integrations/{name}` over a real connection: what is genuine is kept, as events or as a dead letter."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hubspot.utils.signature import Signature
from structlog.testing import capture_logs

from service.core.effects import Dead, decode_dead
from service.integrations import notes
from service.settings.integrations import Integration
from service.store.contract import Shard
from service.web import integrations as route
from tests.integrations.files import CRM, HUBSPOT, PIPEDRIVE, SECRET, hubspot, integration, pipedrive
from tests.web.door import NOW, Door, opened

TOKEN = "0123456789abcdef-token"
AT_MS = int(NOW.timestamp() * 1000)
PUBLIC = "https://ft.example.com"
KEYS = [{"name": "crm", "key": "a-key-of-the-tests-0123", "scopes": ["emit", "read"]}]


@pytest.fixture(scope="module")
async def opened_door() -> AsyncIterator[Door]:
    async with opened(web={"public_url": PUBLIC}, api_keys=KEYS) as door:
        door.integrations |= {
            "crm": integration(CRM),
            "hubspot": integration(HUBSPOT, "hubspot"),
            "pipedrive": integration(PIPEDRIVE, "pipedrive"),
            "plain": _other("{scheme: none}", "plain"),
            "token": _other(f"{{scheme: path-token, secret: {TOKEN}}}", "token"),
        }
        yield door


def _other(how: str, name: str) -> Integration:
    return integration(CRM.replace(CRM.splitlines()[2], f"authenticate: {how}"), name)


@pytest.fixture
async def door(opened_door: Door) -> Door:
    opened_door.reset()
    opened_door.store._room.kept.clear()
    for record in await _letters(opened_door):
        await opened_door.store.forget_dead(*record[:2])
    return opened_door


async def _letters(door: Door) -> list[tuple[Shard, str, Dead]]:
    shards = [Shard("deals", number) for number in range(4)]
    return [
        (s, r.position, decode_dead(r.value)) for s in shards for r in await door.store.dead_letters(s, 100)
    ]


def signed(body: Any) -> tuple[bytes, dict[str, str]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    digest = hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
    return raw, {"X-Signature": f"sha256={digest}"}


def by_hubspot(
    body: Any, at: datetime = NOW, path: str = "/integrations/hubspot"
) -> tuple[bytes, dict[str, str]]:
    text, timestamp = json.dumps(body), str(int(at.timestamp() * 1000))
    signature = Signature.get_signature(SECRET, text, "v3", PUBLIC + path, "POST", timestamp)
    return text.encode(), {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": timestamp}


async def test_a_signed_body_is_in_the_log_when_it_is_answered(door: Door) -> None:
    body, headers = signed({"event_id": 1, "happened": NOW.isoformat(), "kind": "won", "deal": 9})

    answer = await door.send(body, headers, "/integrations/crm")

    assert answer == (202, {"accepted": 1, "ids": ["1/deal.won"], "ignored": 0})
    assert [(event.type, event.subject, event.source) for event in door.events()] == [
        ("deal.won", "deal/9", "crm/own")
    ]


async def test_a_request_that_is_sent_again_doubles_nothing_however_much_came_meanwhile(door: Door) -> None:
    """Its signature bears no time, so it is as good tomorrow; and a deal knows its last 32 events alone."""
    won = {"event_id": 1, "happened": NOW.isoformat(), "kind": "won", "deal": 9}
    body, headers = signed(won)
    assert (await door.send(body, headers, "/integrations/crm"))[1]["accepted"] == 1
    for number in range(2, 40):
        await door.send(*signed({**won, "event_id": number}), "/integrations/crm")
    sent = len(door.published)

    assert await door.send(body, headers, "/integrations/crm") == (
        202,
        {"accepted": 0, "ids": [], "ignored": 0, "repeated": True},
    )
    assert len(door.published) == sent


async def test_a_request_is_read_again_where_it_was_refused_or_means_something_else_by_now(
    door: Door,
) -> None:
    broken, headers = signed({"event_id": 1, "kind": "new", "deal": 9, "amount": "a lot"})
    ignored, ignored_headers = signed({"event_id": 2, "kind": "gone", "deal": 9})
    won, won_headers = signed({"event_id": 3, "kind": "won", "deal": 9})
    for raw, given in ((broken, headers), (ignored, ignored_headers), (won, won_headers)) * 2:
        await door.send(raw, given, "/integrations/crm")
    assert len(door.published) == 1
    assert len(await _letters(door)) == 2

    before = door.integrations["crm"]
    door.integrations["crm"] = integration(CRM.replace("deal.won", "deal.lost"))
    try:
        assert (await door.send(won, won_headers, "/integrations/crm"))[1]["ids"] == ["3/deal.lost"]
    finally:
        door.integrations["crm"] = before


async def test_a_delivery_of_hubspot_is_known_by_its_public_address_and_makes_many_events(door: Door) -> None:
    body, headers = by_hubspot([hubspot(n, 40 + n, "dealname", f"Deal {n}", AT_MS) for n in range(100)])

    status, told = await door.send(
        body, {**headers, "X-Forwarded-For": "203.0.113.9"}, "/integrations/hubspot"
    )

    assert (status, told["accepted"]) == (202, 100)
    assert len({event.subject for event in door.events()}) == 100


async def test_what_is_not_genuine_is_refused_and_leaves_nothing_but_a_word_for_the_doctor(
    door: Door,
) -> None:
    body, headers = by_hubspot([hubspot(1, 40, "dealname", "Deal", AT_MS)])

    for path, raw, given, code in (
        ("/integrations/hubspot", body + b" ", headers, 401),
        ("/integrations/hubspot?x=1", body, headers, 401),
        ("/integrations/hubspot", *by_hubspot([], NOW - timedelta(minutes=6)), 401),
        ("/integrations/hubspot", body, {}, 401),
        ("/integrations/hubspot/token", body, headers, 404),
        ("/integrations/nobody", body, headers, 404),
        ("/integrations/crm", body, headers, 401),
        ("/integrations/pipedrive", body, {"Authorization": "Basic Zm9vOmJhcg=="}, 401),
        ("/integrations/hubspot", body, {**headers, "Sec-Fetch-Site": "cross-site"}, 401),
    ):
        status, told = await door.send(raw, given, path)
        assert (status, told["status"]) == (code, code), (path, told)
    assert door.published == []
    assert await _letters(door) == []
    _, refused = notes.decode(await door.store.notes(notes.name_of("pipedrive")))
    assert refused is not None
    assert (refused.reason, refused.at) == ("wrong_signature", NOW)


async def test_a_password_is_asked_of_those_that_cannot_sign(door: Door) -> None:
    deal = {"id": 1, "title": "Contoso", "value": 2000, "currency": "USD", "status": "open", "owner_id": 7}
    given = base64.b64encode(f"ft:{SECRET}".encode()).decode()
    body = pipedrive(1, NOW.isoformat(), deal, action="create")

    status, told = await door.send(body, {"Authorization": f"Basic {given}"}, "/integrations/pipedrive")

    assert (status, told["accepted"]) == (202, 1)
    assert [event.type for event in door.events()] == ["deal.created"]


async def test_a_token_in_the_path_or_nothing_on_this_machine_alone(door: Door) -> None:
    body = {"event_id": 1, "kind": "won", "deal": 9}

    assert (await door.send(body, path=f"/integrations/token/{TOKEN}"))[0] == 202
    assert (await door.send(body, path="/integrations/plain"))[0] == 202
    for path in (f"/integrations/token/{TOKEN}x", "/integrations/token", "/integrations/token/"):
        assert (await door.send(body, path=path))[0] in (401, 404)
    assert (await door.send(body, {"X-Forwarded-For": "10.0.0.1"}, "/integrations/plain"))[0] == 401


async def test_what_cannot_be_mapped_is_kept_with_its_reason_and_its_bytes_and_the_rest_is_taken(
    door: Door,
) -> None:
    changes = [
        hubspot(1, 40, "dealname", "Deal", AT_MS),
        hubspot(2, 41, "amount", "a lot", AT_MS),
        hubspot(3, 42, "dealname", "Deal", 10**17),
        hubspot(4, 43, "hs_priority", "high", AT_MS),
    ]
    body, headers = by_hubspot(changes)

    status, told = await door.send(body, headers, "/integrations/hubspot")

    assert (status, told["accepted"], told["ignored"]) == (202, 1, 1)
    assert [(one["item"], one["error"], one["pointer"]) for one in told["refused"]] == [
        (1, "invalid_value", "/data/amount"),
        (2, "time_out_of_range", "/time"),
    ]
    [(_, _, dead)] = await _letters(door)
    assert (dead.kind, dead.reason, dead.raw, dead.source) == (
        *("webhook", "invalid_value", body),
        "integrations/hubspot",
    )
    assert "item 2/time:" in dead.detail
    seen, refused = notes.decode(await door.store.notes(notes.name_of("hubspot")))
    assert seen is not None
    assert refused is not None
    assert (seen.subject, seen.accepted, seen.refused) == ("deal/40", 1, 2)
    assert refused.reason == "invalid_value"


@pytest.mark.parametrize("raw", [b"", b"no json", b'{"a": 1, "a": 2}', b"[" * 200_000, b"\xff\xfe"])
async def test_a_genuine_body_that_is_no_json_is_kept_as_well(door: Door, raw: bytes) -> None:
    body, headers = signed(raw)

    status, told = await door.send(body, headers, "/integrations/crm")

    assert (status, told["accepted"], len(told["refused"])) == (202, 0, 1)
    assert [dead.raw for *_, dead in await _letters(door)] == [raw]


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(door: Door) -> None:
    head = f"POST /integrations/crm HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {256 * 1024 + 1}\r\n\r\n"

    assert b"HTTP/1.1 413 " in await door.talk(head.encode())


async def test_a_failure_of_ours_writes_no_token_into_the_log(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(route, "_understood", broken)
    with capture_logs() as logs:
        status, _ = await door.send({"deal": 9}, path=f"/integrations/token/{TOKEN}")

    assert status == 500
    assert [entry["path"] for entry in logs] == ["/integrations/token"]
    assert TOKEN not in str([{**entry, "exc_info": ""} for entry in logs])


async def test_when_nothing_can_be_kept_nothing_is_accepted(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, headers = signed({"event_id": 1, "kind": "won", "deal": 9})
    monkeypatch.setattr(route, "ANSWER_WITHIN_S", 0.05)

    door.is_down = True
    assert (await door.send(body, headers, "/integrations/crm"))[0] == 503
    door.is_down = False
    door.hold.clear()
    async with door.client.post("/integrations/crm", data=body, headers=headers) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    door.hold.set()
    assert door.published == []
