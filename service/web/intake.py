"""`POST /v1/events`: CloudEvents in, 202 only when the log has them durably.

One event or a batch of them, all or nothing. What is wrong is said with a JSON pointer, for every event of a batch.
What an event may look like is `core/envelope.py`'s; who may send one, and how much, `guard.py`'s.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Request, Response

from service.broker import Publication
from service.core.envelope import admit, read
from service.core.errors import BadEvent
from service.core.events import Event
from service.core.strict_json import DEPTH_MAX, inspect, parse
from service.core.wishes import refuse_strangers
from service.store.contract import StoreDown
from service.web.deps import Deps, WebDeps
from service.web.intake_schema import DOCUMENTED
from service.web.problems import event_error, problem, store_down, store_full

router = APIRouter(tags=["events"])

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
# One transaction of the log; larger ones would keep everybody else waiting.
BATCH_EVENTS_MAX = 1000
# The first mistakes are enough to mend a sender.
ERRORS_SHOWN_MAX = 50
# Checking an event takes about 50 µs; others get their turn every 2 ms.
_EVENTS_A_TURN = 40
# The log answers in milliseconds. Past this nobody knows whether it has the events; sent again, they count once.
PUBLISH_WITHIN_S = 15.0

_CHARSET = re.compile(r'charset\s*=\s*"?(?P<name>[^";\s]+)', re.IGNORECASE)


class Admitted(NamedTuple):
    event: Event
    raw: bytes


class Refused(Exception):
    """The request is refused whole; `item` is the place in a batch."""

    def __init__(self, errors: list[tuple[int | None, BadEvent]], total: int = 1) -> None:
        super().__init__(f"{len(errors)} of {total} events refused")
        self.errors, self.total = errors, total


@router.post("/v1/events", status_code=202, **DOCUMENTED)
async def accept(request: Request, deps: Deps) -> Response:
    """Take events in; answer when they are safe."""
    if deps.is_full():
        deps.metrics.intake_refusals.labels("store_full").inc()
        return store_full()
    try:
        return await _accept(request, deps)
    except Refused as refused:
        return _refusal(refused, deps)
    except BadEvent as bad:
        return _refusal(Refused([(None, bad)]), deps)
    except (StoreDown, TimeoutError):
        deps.metrics.intake_refusals.labels("store_down").inc()
        return store_down()


async def _accept(request: Request, deps: WebDeps) -> Response:
    items, is_batch = _items(request, await request.body())
    began = time.perf_counter()
    admitted = await _admit(items, is_batch, deps)
    if admitted:
        async with asyncio.timeout(PUBLISH_WITHIN_S):
            await deps.broker.publish([Publication(e.topic, e.subject, raw) for e, raw in admitted])
    for event, _ in admitted:
        deps.metrics.events_accepted.labels(event.topic).inc()
    deps.metrics.intake_seconds.observe(time.perf_counter() - began)
    body = {"accepted": len(admitted), "ids": [event.id for event, _ in admitted]}
    return Response(msgspec.json.encode(body), 202, media_type="application/json")


def _items(request: Request, body: bytes) -> tuple[list[Any], bool]:
    """The events of a request as they came, and whether they are a batch; their mode is told by the content type."""
    content_type = request.headers.get("content-type", "")
    media = content_type.partition(";")[0].strip().lower()
    charset = _CHARSET.search(content_type)
    if charset and charset["name"].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise BadEvent("media_type", "JSON is UTF-8; send it as that", "", 415)
    attributes = _header_attributes(request)
    if media in (STRUCTURED, BATCH):
        if attributes:
            name = next(iter(attributes))
            detail = (
                f"ce-{name} is a header of the binary mode, and {media} says that the attributes are inside"
            )
            raise BadEvent("mixed_mode", detail, f"/{name}", 422)
        return _batch(body) if media == BATCH else ([read(body)], False)
    if media.startswith("application/cloudevents"):
        raise BadEvent("media_type", f"we read {STRUCTURED} and {BATCH}", "", 415)
    if not attributes:
        detail = f"send {STRUCTURED} (one event), {BATCH} (a list), or the attributes as ce- headers"
        raise BadEvent("media_type", detail, "", 415)
    if body:
        attributes["data"] = parse(body)
    return [attributes], False


def _batch(body: bytes) -> tuple[list[Any], bool]:
    items = parse(body)
    if not isinstance(items, list):
        inspect(items, DEPTH_MAX + 1)  # Says what is wrong inside before it says that it is no list.
        raise BadEvent("wrong_type", "a batch is a JSON list of events", "", 422)
    if len(items) > BATCH_EVENTS_MAX:
        raise BadEvent("too_many", f"a batch may have {BATCH_EVENTS_MAX} events", "", 413)
    return items, True


def _header_attributes(request: Request) -> dict[str, Any]:
    """The attributes in `ce-` headers: percent-encoded UTF-8 (CloudEvents, HTTP binding, 3.1.3.2)."""
    found: dict[str, Any] = {}
    for raw_name, raw_value in request.headers.raw:
        header = raw_name.decode("latin-1").lower()
        if not header.startswith("ce-"):
            continue
        name = header[3:]
        if name in found:
            raise BadEvent(
                "duplicate_key", f"the header {header} stands there more than once", f"/{name}", 400
            )
        if name in ("data", "datacontenttype"):
            raise BadEvent(
                "mixed_mode", f"{header} is no header; the body and its Content-Type say it", f"/{name}"
            )
        try:
            found[name] = unquote(raw_value.decode(), errors="strict")
        except UnicodeDecodeError:
            raise BadEvent(
                "invalid_text", f"{header} is not percent-encoded UTF-8", f"/{name}", 400
            ) from None
    return found


async def _admit(items: list[Any], is_batch: bool, deps: WebDeps) -> list[Admitted]:
    now = await deps.clock.now()
    admitted: list[Admitted] = []
    errors: list[tuple[int | None, BadEvent]] = []
    for index, item in enumerate(items):
        if index % _EVENTS_A_TURN == _EVENTS_A_TURN - 1:
            await asyncio.sleep(0)
        try:
            settings = deps.settings()
            event, raw = admit(item, now, settings.book.id_of_email)
            refuse_strangers(event, settings.graph.people, settings.book.id_of_email)
            admitted.append(Admitted(event, raw))
        except BadEvent as bad:
            errors.append((index if is_batch else None, bad))
    if errors:
        raise Refused(errors, len(items))
    return admitted


def _refusal(refused: Refused, deps: WebDeps) -> Response:
    """The first mistake on top, as for a single event; of a batch every one."""
    for _, bad in refused.errors:
        deps.metrics.intake_refusals.labels(bad.reason).inc()
    item, first = refused.errors[0]
    more: Mapping[str, object] = event_error(first, item)
    if item is not None:
        shown = [event_error(bad, at) for at, bad in refused.errors[:ERRORS_SHOWN_MAX]]
        summary = f"{len(refused.errors)} of {refused.total} events were refused; none was accepted"
        more = {**more, "summary": summary, "errors": shown}
    return problem(first.status, first.reason, first.detail, more=more)
