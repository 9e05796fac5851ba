"""`/`: what this is, whether it is well, and where to look. Every link on it works."""

from fastapi import APIRouter, Response

from service.store.contract import StoreDown
from service.web.caught_messages import KEPT_MAX
from service.web.deps import Deps
from service.web.rendering import page

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(deps: Deps) -> Response:
    """One page to start from; it tells the truth also when the store is away."""
    reasons = [str(reason) for reason in _list(deps.readiness().get("reasons"))]
    caught: int | None = None
    try:
        caught = len(await deps.store.caught("0", KEPT_MAX))
    except StoreDown:
        reasons.append("The store cannot be reached; nothing is accepted until it is back.")
    settings = deps.settings()
    return page("home", reasons=reasons, caught=caught, people=len(settings.graph.people))


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []
