"""`/caught`: every message that stayed on this machine, as it would look, with why it was sent. Live, our own Mailpit.

Reads the store and changes nothing. Every page works without script; site.js only adds what has just been caught.
A message's HTML is somebody's markup: it is served alone, in a sandbox, under a policy of its own.
"""

import re
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated
from urllib.parse import quote, urlencode

import msgspec
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from service.core.view import iso
from service.store.contract import StoreDown
from service.web.caught_messages import CaughtMessage, Shown, as_utc, find, newest_first, readable
from service.web.deps import Deps, WebDeps
from service.web.rendering import NO_STORE, machine_time, page

router = APIRouter()

VIEWS = {"html": "Message", "text": "Text", "why": "Why", "details": "Details"}

# What a message is about, for the row; a template of the user's own is named as it is.
LABELS = {
    "reminder": "Reminder",
    "missed": "Missed",
    "offer_help": "Help offered",
    "escalated": "Escalated",
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
    "replanned": "Re-planned",
    "kept": "Kept",
    "milestone": "Milestone",
    "deal_won": "Won",
    "deal_stalled": "Quiet",
    "checkin_ask": "Check-in",
    "checkin_missed": "Check-in missed",
    "digest": "Digest",
    "unroutable": "Nobody to tell",
    "policy_broken": "Policy broken",
}

# More rows than this nobody reads; the filter and `/v1/caught` reach the rest.
ROWS_MAX = 200

# How long one read of the stream waits; also the longest time until a closed browser is noticed.
_BLOCK_MS = 1000

# Mail brings its styles inline and its pictures as data; nothing else may load, run, submit or embed it elsewhere.
_MAIL_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
)

# A link in a mail opens beside the page, as it would from a mail program.
_BASE = '<base target="_blank">'
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)


@router.get("/caught", include_in_schema=False)
async def list_page(deps: Deps, to: str = "") -> Response:
    """The list, newest first."""
    return await _page(deps, to, None, "html")


@router.get("/caught/stream", response_class=EventSourceResponse, include_in_schema=False)
async def stream(
    request: Request, deps: Deps, after: str = "0", to: str = ""
) -> AsyncIterator[ServerSentEvent]:
    """What is caught from now on, one event a message; a browser that comes back names the last one it saw."""
    at = request.headers.get("last-event-id") or after
    while not await request.is_disconnected() and not getattr(request.app.state, "is_stopping", False):
        try:
            records = await deps.store.caught(at, ROWS_MAX, _BLOCK_MS)
        except StoreDown:
            return
        for one in readable(records, to):
            yield ServerSentEvent(data=_row(one, deps, to), event="caught", id=one.id)
        if records:
            at = records[-1].position


@router.get("/caught/{message_id}", include_in_schema=False)
async def message_page(message_id: str, deps: Deps, view: str = "html", to: str = "") -> Response:
    """One message beside the list, in one of its views."""
    return await _page(deps, to, message_id, view if view in VIEWS else "html")


@router.get("/caught/{message_id}/html", include_in_schema=False)
async def html_document(message_id: str, deps: Deps) -> Response:
    """The message's own document, for the frame. Its policy keeps it from everything but being looked at."""
    found = await find(deps.store, message_id)
    if found is None:
        raise HTTPException(404, "This message is no longer kept.")
    markup = found.message.html
    body = (
        _HEAD.sub(lambda head: head.group() + _BASE, markup, count=1)
        if _HEAD.search(markup)
        else _BASE + markup
    )
    headers = {**NO_STORE, "Content-Security-Policy": _MAIL_CSP}
    return Response(body, media_type="text/html", headers=headers)


@router.get("/v1/caught", tags=["messages"], summary="Messages that stayed on this machine")
async def caught(
    deps: Deps,
    to: Annotated[str, Query(description="Only messages for this recipient")] = "",
    since: Annotated[
        datetime | None, Query(description="Only messages caught at this instant or later")
    ] = None,
) -> list[dict[str, object]]:
    """Every caught message that is still kept, the oldest first."""
    try:
        start = as_utc(since) if since else None
    except ValueError as problem:
        raise HTTPException(422, f"since: {problem}") from None
    found = [
        one.message for one in reversed(await newest_first(deps.store)) if not to or one.message.to == to
    ]
    return [_contract(message) for message in found if start is None or message.at >= start]


def _contract(message: CaughtMessage) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(message)
    return fields | {"at": iso(as_utc(message.at))}


async def _page(deps: WebDeps, to: str, message_id: str | None, view: str) -> Response:
    try:
        kept = await newest_first(deps.store)
    except StoreDown:
        return page("store_down", 503, {"Retry-After": "5"})
    opened = next((one for one in kept if one.id == message_id), None)
    rows = [one for one in kept if not to or one.message.to == to]
    name = _namer(deps)
    people = sorted(
        {one.message.to: name(one.message.to) for one in kept}.items(), key=lambda pair: pair[1].lower()
    )
    return page(
        "caught",
        404 if message_id is not None and opened is None else 200,
        rows=[_row(one, deps, to) for one in rows[:ROWS_MAX]],
        total=len(rows),
        people=people,
        to=to,
        newest=kept[0].id if kept else "0",
        asked=message_id,
        opened=opened,
        opened_to=name(opened.message.to) if opened else "",
        about=LABELS.get(opened.message.template, opened.message.template) if opened else "",
        view=view,
        views=VIEWS,
    )


def _row(one: Shown, deps: WebDeps, to: str = "") -> dict[str, str]:
    """What one row of the list shows; the stream sends the same."""
    message = one.message
    return {
        "id": one.id,
        "url": f"/caught/{quote(one.id, safe='')}" + (f"?{urlencode({'to': to})}" if to else ""),
        "to": _namer(deps)(message.to),
        "title": message.title,
        "about": LABELS.get(message.template, message.template.replace("_", " ")),
        "channel": message.channel,
        "at": machine_time(message.at),
        "at_text": f"{message.at:%H:%M}",
    }


def _namer(deps: WebDeps) -> Callable[[str], str]:
    book = deps.settings().book
    return lambda to: to.removeprefix("channel:") if to.startswith("channel:") else book.name(to)
