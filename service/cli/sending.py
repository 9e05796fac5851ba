"""Events on their way: through the door of the running service, or straight into the log when nobody answers there.

Both ways return only when the events are durable. A request that was lost is sent again as it was: events count once.
"""

import asyncio
import http.client
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from service.cli.connection import open_broker
from service.cli.event_lines import Line
from service.cli.exits import Exit, Failure
from service.cli.output import say

if TYPE_CHECKING:
    from service.settings.model import Settings
    from service.settings.service import WebSettings

BATCH = "application/cloudevents-batch+json"
# The door takes 256 KiB and 1,000 events at once (web/guard.py, web/intake.py); a little less leaves room.
BODY_BYTES_MAX = 240 * 1024
BATCH_EVENTS_MAX = 500
# The door answers within 15 s or says 503 (web/intake.py).
TIMEOUT_S = 20.0
# How often a request is sent again, and how long the service may tell us to wait before that.
TRIES = 5
WAIT_S_MAX = 10.0


class Sent(NamedTuple):
    """`is_running`: a service took the events; otherwise they wait in the log."""

    ids: list[str]
    is_running: bool


def _silent(_count: int) -> None:
    pass


async def send(lines: Sequence[Line], settings: "Settings", on_sent: Callable[[int], None] = _silent) -> Sent:
    """All of `lines`, in order; `on_sent` hears how many are durable. Failure when they cannot be made so; some
    may be in the log by then."""
    if not lines:
        return Sent([], is_running=True)
    if await asyncio.to_thread(is_live, settings.service.web):
        return Sent(await asyncio.to_thread(_through_the_door, lines, settings, on_sent), is_running=True)
    return Sent(await _into_the_log(lines, settings, on_sent), is_running=False)


def is_live(web: "WebSettings") -> bool:
    """Whether a Followthrough service, and not some other program, answers at web.listen."""
    try:
        with closing(connect(web, 2.0)) as wire:
            wire.request("GET", "/health/live")
            answer = wire.getresponse()
            return answer.status == 200 and json.loads(answer.read(1000)).get("status") == "live"
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        return False


def connect(web: "WebSettings", timeout_s: float = TIMEOUT_S) -> http.client.HTTPConnection:
    """A connection to the address the service listens on; one that listens everywhere is asked on loopback."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not listened on
    return http.client.HTTPConnection(anywhere.get(web.host, web.host), web.port, timeout=timeout_s)


def key_headers(settings: "Settings", scope: str) -> dict[str, str]:
    """The header with the first API key that may do this; none when the service is open."""
    keys = settings.service.api_keys
    if not keys:
        return {}
    for key in keys:
        if scope in key.scopes:
            return {"Authorization": f"Bearer {key.key.get_secret_value()}"}
    raise Failure(
        Exit.WRONG, f"no API key may {scope}", f"add one with `scopes: [{scope}]` to followthrough.yaml"
    )


def _through_the_door(
    lines: Sequence[Line], settings: "Settings", on_sent: Callable[[int], None]
) -> list[str]:
    headers = {"Content-Type": BATCH, **key_headers(settings, "emit")}
    ids: list[str] = []
    for body in _bodies(lines):
        ids += _post(body, headers, settings.service.web, len(ids))
        on_sent(len(ids))
    return ids


def _bodies(lines: Sequence[Line]) -> Iterator[bytes]:
    """JSON lists that the door takes."""
    chunk: list[bytes] = []
    for line in lines:
        raw = json.dumps(line.attributes, ensure_ascii=False).encode()
        if chunk and (len(chunk) == BATCH_EVENTS_MAX or sum(map(len, chunk)) + len(raw) > BODY_BYTES_MAX):
            yield b"[" + b",".join(chunk) + b"]"
            chunk = []
        chunk.append(raw)
    if chunk:
        yield b"[" + b",".join(chunk) + b"]"


def _post(body: bytes, headers: dict[str, str], web: "WebSettings", before: int) -> list[str]:
    why = ""
    for _ in range(TRIES):
        wait_s = 1.0
        try:
            with closing(connect(web)) as wire:
                wire.request("POST", "/v1/events", body, headers)
                answer = wire.getresponse()
                told = _told(answer.read(1_000_000))
        except (OSError, http.client.HTTPException) as error:
            why = str(error) or type(error).__name__
        else:
            if answer.status == 202:
                return [str(id_) for id_ in told.get("ids", ())]
            why = str(told.get("detail", answer.reason))
            if answer.status != 503:
                raise _refused(answer.status, why, before)
            wait_s = min(float(answer.headers.get("Retry-After") or 1), WAIT_S_MAX)
        say(f"the service cannot take events now ({why}); again in {wait_s:.0f} s")
        _pause(wait_s)
    raise Failure(
        Exit.DOWN, f"the service does not take events: {why}; {before} accepted", "send the same again later"
    )


def _pause(wait_s: float) -> None:
    import time

    time.sleep(wait_s)


def _told(raw: bytes) -> dict[str, list[object]]:
    try:
        told = json.loads(raw)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _refused(status: int, why: str, before: int) -> Failure:
    action = ""
    if status in (401, 403):
        action = "check api_keys in followthrough.yaml: the running service may know other keys"
    return Failure(Exit.WRONG, f"the service refused the events: {why}; {before} were accepted", action)


async def _into_the_log(
    lines: Sequence[Line], settings: "Settings", on_sent: Callable[[int], None]
) -> list[str]:
    from service.broker import Publication

    async with open_broker(settings) as (_, broker):
        for start in range(0, len(lines), BATCH_EVENTS_MAX):
            chunk = lines[start : start + BATCH_EVENTS_MAX]
            await broker.publish(
                [Publication(line.event.topic, line.event.subject, line.raw) for line in chunk]
            )
            on_sent(start + len(chunk))
    return [line.event.id for line in lines]
