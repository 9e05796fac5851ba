"""How a request is refused: one JSON shape for every error, whoever raised it.

`{"error": code, "detail": sentence, "pointer": where in the event, "item": which of a batch, "status": …}`, after
RFC 9457. `error` is stable; `detail` is for people. Nothing in it tells how we are built.
"""

from collections.abc import Mapping
from typing import cast

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.core.errors import BadEvent
from service.store.contract import StoreDown
from service.web.rendering import page, wants_html

MEDIA_TYPE = "application/problem+json"
# A restart of the store takes about this long; senders that obey it come back to an open door.
RETRY_AFTER_S = 5
# Room is made by people or by the passing of time; asking more often only fills logs.
ROOM_AFTER_S = 30

_CODES = {404: "not_found", 405: "method_not_allowed", 408: "slow_body", 413: "too_large", 415: "media_type"}


def problem(
    status: int,
    error: str,
    detail: str,
    *,
    more: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to a request that cannot be served."""
    body = {"error": error, "detail": detail, "status": status, **(more or {})}
    return Response(msgspec.json.encode(body), status, dict(headers or {}), MEDIA_TYPE)


def refused_event(bad: BadEvent, item: int | None = None) -> Response:
    """One event that cannot be used, and in a batch which one."""
    return problem(bad.status, bad.reason, bad.detail, more=event_error(bad, item))


def event_error(bad: BadEvent, item: int | None) -> dict[str, object]:
    """The part of a refusal that says what is wrong with one event."""
    found: dict[str, object] = {"error": bad.reason, "detail": bad.detail, "pointer": bad.pointer}
    return found if item is None else {"item": item, **found}


def store_down() -> Response:
    """Nothing was accepted; the same request may be sent again later."""
    detail = "The store cannot be reached or is full. Nothing was accepted; send it again later."
    return problem(503, "store_down", detail, headers={"Retry-After": str(RETRY_AFTER_S)})


def store_full() -> Response:
    """As above; here the store keeps its last room for what was promised already."""
    detail = "The store is almost full. Nothing was accepted; send it again later."
    return problem(503, "store_full", detail, headers={"Retry-After": str(ROOM_AFTER_S)})


def install_problem_handlers(app: FastAPI) -> None:
    """Give every error that leaves a route this shape."""
    app.add_exception_handler(BadEvent, _on_bad_event)
    app.add_exception_handler(StoreDown, _on_store_down)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)


async def _on_bad_event(_request: Request, error: Exception) -> Response:
    return refused_event(cast("BadEvent", error))


async def _on_store_down(_request: Request, _error: Exception) -> Response:
    return store_down()


async def _on_http(request: Request, error: Exception) -> Response:
    found = cast("HTTPException", error)
    if found.status_code == 404 and wants_html(request):
        return page("not_found", 404)
    code = _CODES.get(found.status_code, "refused")
    return problem(found.status_code, code, str(found.detail), headers=found.headers)


async def _on_validation(_request: Request, error: Exception) -> Response:
    first = cast("RequestValidationError", error).errors()[0]
    place = "/".join(str(step) for step in first.get("loc", ()))
    if str(first.get("type", "")).startswith("datetime"):
        name = str(first.get("loc", ("",))[-1])
        detail = (
            f"{name} is not an instant; write it with its offset, as in 2026-05-01T17:00:00Z (a + as %2B)"
        )
        return problem(422, "invalid_value", f"{detail} ({place})")
    return problem(422, "invalid_value", f"{first.get('msg', 'not valid')} ({place})")
