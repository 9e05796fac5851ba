"""The door: whom it lets in, from where, and what every answer carries."""

import base64
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.settings.service import ServiceSettings
from service.web.doors import Doors, OpenDoor, is_loopback, refuse_open_door, secret_in
from service.web.guard import CONTENT_POLICY
from tests.core.hostile_events import GOOD
from tests.web.door import STRUCTURED, Door, opened

EMIT, READ, BOTH = "emit-key-0123456789abcdef", "read-key-0123456789abcdef", "both-key-0123456789abcdef"
KEYS = [
    {"name": "crm", "key": EMIT, "scopes": ["emit"]},
    {"name": "board", "key": READ, "scopes": ["read"]},
    {"name": "ops", "key": BOTH, "scopes": ["emit", "read"]},
]


@pytest.fixture(scope="module")
async def opened_door() -> AsyncIterator[Door]:
    async with opened(web={"public_url": "https://ft.example.com"}) as door:
        yield door


@pytest.fixture
def door(opened_door: Door) -> Door:
    opened_door.reset()
    return opened_door


@pytest.fixture(scope="module")
async def locked() -> AsyncIterator[Door]:
    async with opened(web={"public_url": "https://ft.example.com:8443"}, api_keys=KEYS) as door:
        yield door


async def get(door: Door, path: str, **headers: str) -> tuple[int, str]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with door.client.get(path, headers=given, allow_redirects=False) as response:
        return response.status, await response.text()


# -- host -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:9999", "127.0.0.1:1", "127.1.2.3", "[::1]", "[::1]:80", "ft.example.com",
     "FT.Example.COM", "ft.example.com:443", "ft.example.com."],
)  # fmt: skip
async def test_this_machine_and_the_public_url_are_let_in(door: Door, host: str) -> None:
    assert (await get(door, "/openapi.json", Host=host))[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "ft.example.com.evil.example", "evil-ft.example.com", "ft.example.com:80", "10.0.0.1",
     "192.168.1.4:8080", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "[::]", "[fe80::1]",
     "user@localhost", "localhost/x", "localhost:99999", "2130706433", "127.1", "local host"],
)  # fmt: skip
async def test_any_other_host_is_refused(door: Door, host: str) -> None:
    answer = await door.talk(
        f"GET /openapi.json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.startswith((b"HTTP/1.1 421", b"HTTP/1.1 400")), answer[:200]


async def test_a_rebound_name_cannot_write_events(door: Door) -> None:
    status, found = await door.send(GOOD, {"Host": "evil.example"})
    assert (status, found["error"], door.published) == (421, "wrong_host", [])


async def test_two_hosts_are_refused(door: Door) -> None:
    answer = await door.talk(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith((b"HTTP/1.1 421", b"HTTP/1.1 400"))


async def test_no_host_at_all_is_refused(door: Door) -> None:
    answer = await door.talk(b"GET /openapi.json HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 421")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
async def test_health_and_metrics_answer_under_any_name(door: Door, path: str) -> None:
    assert (await get(door, path, Host="10.0.0.7:8080"))[0] == 200


# -- forwarding -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "x-forwarded-host", "X-Forwarded-Proto", "Forwarded", "X-Real-IP"]
)
async def test_without_keys_a_forwarded_request_is_refused(door: Door, name: str) -> None:
    status, found = await door.send(GOOD, {name: "127.0.0.1"})
    assert (status, found["error"], door.published) == (403, "forwarded", [])


async def test_with_keys_a_forwarded_request_is_let_in(locked: Door) -> None:
    headers = {
        "X-Forwarded-For": "203.0.113.9",
        "Authorization": f"Bearer {EMIT}",
        "Host": "ft.example.com:8443",
    }
    assert (await locked.send(GOOD, headers))[0] == 202


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    refuse_open_door(host, None)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.4", "10.0.0.1", "ft.example.com", "", "169.254.1.1"]
)
def test_beyond_loopback_the_service_does_not_start_without_keys(host: str) -> None:
    with pytest.raises(OpenDoor, match="api_keys"):
        refuse_open_door(host, None)
    with pytest.raises(OpenDoor):
        refuse_open_door(host, [])
    refuse_open_door(host, KEYS)


@pytest.mark.parametrize("keys", [None, []])
async def test_no_application_is_made_for_an_open_door(keys: Any) -> None:
    with pytest.raises(OpenDoor):
        Door(web={"listen": "0.0.0.0:8080"}, api_keys=keys)
    Door(web={"listen": "0.0.0.0:8080"}, api_keys=KEYS)


# -- other sites' pages -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
async def test_another_sites_page_cannot_write(door: Door, site: str) -> None:
    status, found = await door.send(GOOD, {"Sec-Fetch-Site": site})
    assert (status, found["error"], door.published) == (403, "cross_site", [])


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_our_own_page_can_write(door: Door, site: str) -> None:
    assert (await door.send(GOOD, {"Sec-Fetch-Site": site}))[0] == 202


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_what_a_form_can_send_is_refused_everywhere_but_where_it_is_signed(
    door: Door, method: str, media: str
) -> None:
    for path in ("/v1/events", "/", "/v1/anything"):
        async with door.client.request(
            method, path, data=b"a=b", headers={"Content-Type": media}
        ) as response:
            assert response.status == 415


async def test_a_signed_links_form_comes_through(door: Door) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "cross-site"}
    async with door.client.post("/a/not-a-token", data=b"do=done", headers=form) as response:
        assert response.status not in (403, 415)
        assert response.content_type == "text/html"


@pytest.mark.parametrize(
    "path", ["/a/../v1/events", "/a/%2e%2e/v1/events", "//v1/events", "/a/x/../../v1/events"]
)
async def test_no_spelling_of_a_path_walks_around_the_check(door: Door, path: str) -> None:
    data = json.dumps(GOOD).encode()
    await door.talk(
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(data)}\r\n\r\n".encode()
        + data
    )
    assert door.published == []


async def test_no_other_site_is_told_that_it_may(door: Door) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    async with door.client.options("/v1/events", headers=headers) as response:
        assert response.status == 405
        assert not [name for name in response.headers if name.lower().startswith("access-control")]


# -- keys -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {EMIT}", 202),
        (f"bearer {BOTH}", 202),
        (f"Bearer  {EMIT} ", 202),
        (f"Bearer {READ}", 403),
        (f"Bearer {EMIT}x", 401),
        (f"Bearer {EMIT[:-1]}", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("", 401),
        (EMIT, 401),
        (f"Token {EMIT}", 401),
        ("Basic !!!", 401),
        ("Basic " + base64.b64encode(f"crm:{EMIT}".encode()).decode(), 202),
        ("Basic " + base64.b64encode(f"{EMIT}:".encode()).decode(), 401),
        ("Basic " + base64.b64encode(b"\xff\xfe:x").decode(), 401),
    ],
)
async def test_sending_events_needs_a_key_that_may(locked: Door, authorization: str, status: int) -> None:
    locked.reset()
    found, _ = await locked.send(GOOD, {"Authorization": authorization})
    assert found == status
    assert len(locked.published) == (status == 202)


@pytest.mark.parametrize(("key", "status"), [(EMIT, 403), (READ, 404), (BOTH, 404), ("wrong", 401)])
async def test_reading_needs_a_key_that_may(locked: Door, key: str, status: int) -> None:
    assert (await get(locked, "/v1/commitments/deadline/none", Authorization=f"Bearer {key}"))[0] == status


@pytest.mark.parametrize("path", ["/", "/caught", "/v1/caught", "/openapi.json", "/nothing-here"])
async def test_with_keys_no_page_is_open_and_a_browser_asks(locked: Door, path: str) -> None:
    async with locked.client.get(path) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer, Basic realm=")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
async def test_health_and_metrics_need_no_key(locked: Door, path: str) -> None:
    assert (await get(locked, path))[0] == 200


async def test_signed_links_need_no_key(locked: Door) -> None:
    status, text = await get(locked, "/a/not-a-token")
    assert status != 401
    assert "WWW-Authenticate" not in text


async def test_a_reloaded_key_works_at_once_and_the_old_one_no_more() -> None:
    async with opened(api_keys=KEYS) as door:
        assert (await door.send(GOOD, {"Authorization": f"Bearer {EMIT}"}))[0] == 202
        newer = [{"name": "crm", "key": "newer-key-0123456789abcdef", "scopes": ["emit"]}]
        door.service = type(door.service)(api_keys=newer)
        assert (await door.send(GOOD, {"Authorization": f"Bearer {EMIT}"}))[0] == 401
        assert (await door.send(GOOD, {"Authorization": "Bearer newer-key-0123456789abcdef"}))[0] == 202


@pytest.mark.parametrize("given", [EMIT, READ, BOTH, "wrong", ""])
def test_every_key_is_compared_whichever_is_given(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """How long it takes tells neither whether a key is right nor which one it is."""
    compared: list[int] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(len(one) == len(other) == 32)
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    Doors.of(ServiceSettings(api_keys=KEYS)).holder(given)  # type: ignore[arg-type]
    assert compared == [True] * len(KEYS)


def test_a_keys_spelling_is_taken_as_it_is() -> None:
    assert secret_in("Bearer a b") == "a b"
    assert is_loopback("::1")


# -- what every answer carries ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path", ["/", "/caught", "/a/x", "/health/live", "/metrics", "/nothing", "/v1/commitments/x/y"]
)
async def test_every_answer_carries_the_headers(door: Door, path: str) -> None:
    async with door.client.get(path) as response:
        headers: Any = response.headers
    assert headers["Content-Security-Policy"] == CONTENT_POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Strict-Transport-Security"]
    assert headers["Cache-Control"] == "no-store"
    assert "Server" not in headers


async def test_refusals_carry_the_headers_too(door: Door) -> None:
    async with door.client.get("/", headers={"Host": "evil.example"}) as response:
        assert response.headers["Content-Security-Policy"] == CONTENT_POLICY
    async with door.client.post("/v1/events", data=b"x" * 300_000, headers=STRUCTURED) as response:
        assert (response.status, response.headers["Connection"]) == (413, "close")


async def test_without_https_no_browser_is_told_to_insist_on_it() -> None:
    async with opened() as door, door.client.get("/health/live") as response:
        assert "Strict-Transport-Security" not in response.headers


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert "unsafe" not in CONTENT_POLICY
    assert "http" not in CONTENT_POLICY
    for rule in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
        assert rule in CONTENT_POLICY


async def test_there_is_no_websocket(door: Door) -> None:
    answer = await door.talk(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert not answer.startswith(b"HTTP/1.1 101")


async def test_what_is_refused_is_counted(door: Door) -> None:
    before = door.metrics.value("intake_refusals_total", reason="wrong_host")
    await get(door, "/", Host="evil.example")
    assert door.metrics.value("intake_refusals_total", reason="wrong_host") == before + 1
