"""For those who run it: is it alive, is it ready, and its figures. No text of an event, no id of a person."""

import asyncio
from collections.abc import Sequence

import msgspec
from fastapi import APIRouter, Response

from service.store.contract import StoreDown
from service.telemetry.metrics import CONTENT_TYPE
from service.web.deps import Deps, WebDeps

router = APIRouter(tags=["operate"])

# A store that takes longer to tell the time does no work in time either.
STORE_WITHIN_S = 2.0


@router.get("/health/live")
async def live() -> Response:
    """200 while the process answers at all: restart it when this fails, and only then."""
    return _json({"status": "live"}, 200)


@router.get("/health/ready")
async def ready(deps: Deps) -> Response:
    """200 when events are taken in and decided; else 503 with the reasons in plain sentences."""
    known = dict(deps.readiness())
    given = known.get("reasons")
    reasons = [str(reason) for reason in given] if isinstance(given, Sequence) else []
    reasons += await _store_reasons(deps)
    status = "not ready" if reasons else "ready"
    return _json({**known, "status": status, "reasons": reasons}, 503 if reasons else 200)


@router.get("/metrics")
async def metrics(deps: Deps) -> Response:
    """Every figure as Prometheus reads it."""
    deps.readiness()  # It sets the age of the engine, which a stalled engine cannot set itself.
    return Response(deps.metrics.exposition(), media_type=CONTENT_TYPE)


async def _store_reasons(deps: WebDeps) -> list[str]:
    try:
        async with asyncio.timeout(STORE_WITHIN_S):
            await deps.store.now()
    except StoreDown as error:
        return [f"the store cannot be reached: {error}"]
    except TimeoutError:
        return [f"the store did not answer within {STORE_WITHIN_S:.0f} s"]
    return []


def _json(body: object, status: int) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
