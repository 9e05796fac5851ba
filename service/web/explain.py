"""`/v1/explain`: why this message, and why not this person; and the page behind "Why did I get this?".

The answers are `explaining/`'s, the same as on the command line. The page is for one machine: whoever may look at
caught messages may look at it.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, HTTPException, Query, Response

from service.explaining.ask import Asking, NotFound
from service.store.contract import StoreDown
from service.web.caught_messages import as_utc
from service.web.deps import Deps, WebDeps
from service.web.problems import problem
from service.web.rendering import page

router = APIRouter()


@router.get("/v1/explain/{notification_id}", tags=["reads"], summary="Why somebody was told")
async def why_told(notification_id: str, deps: Deps) -> Response:
    """What led to this notification: the event or the timer, the policy with its version, file and line, the time
    arithmetic in words, how the person was found, what was held back, every delivery attempt, and what happens next.

    `notification_id` is the `key` of a message (`/v1/caught`, the Message-ID of a mail) or of the request for it.
    """
    try:
        return _json((await _asking(deps).about_notification(notification_id)).as_dict())
    except NotFound as error:
        return _not_found(error)


@router.get("/v1/explain", tags=["reads"], summary="Why somebody was not told")
async def why_not_told(
    deps: Deps,
    person: Annotated[str, Query(description="Who was told nothing: an id of directory.yaml")],
    subject: Annotated[
        str, Query(description="Of what: `deadline/c1`, `deal/42`, or a bare id of a deadline")
    ],
    at: Annotated[datetime | None, Query(description="By when; without it until now")] = None,
) -> Response:
    """Every reason on record, what each policy says about this person, and what is still to come; where they were told
    after all, when and by which notification."""
    try:
        by = as_utc(at) if at else await deps.clock.now()
    except ValueError as error:
        raise HTTPException(422, f"at: {error}") from None
    try:
        return _json((await _asking(deps).about_person(person, subject, by)).as_dict())
    except NotFound as error:
        return _not_found(error)


@router.get("/explain/{notification_id}", include_in_schema=False)
async def why_page(notification_id: str, deps: Deps, subject: str = "") -> Response:
    """The same for a reader: the link of a caught message. `subject` saves the search for it."""
    try:
        found = await _asking(deps).about_notification(notification_id, subject)
    except NotFound:
        return page("not_found", 404)
    except StoreDown:
        return page("store_down", 503, {"Retry-After": "5"})
    book = deps.settings().book
    to = " and ".join(book.name(one) for one in found.told or [found.to])
    return page("explain", found=found, to=to)


def _asking(deps: WebDeps) -> Asking:
    return Asking(deps.store, deps.broker.partitions, deps.settings())


def _json(value: dict[str, object]) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _not_found(error: NotFound) -> Response:
    more = {"hint": error.hint} if error.hint else {}
    return problem(404, "not_found", str(error), more=more)
