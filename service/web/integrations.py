"""`POST /integrations/{name}`: another system's webhook. 202 when the log has its events, the dead letters the rest.

Who it is, by its signature over the raw bytes (`integrations/signatures.py`); what it says, by its file
(`integrations/mapping.py`). A vendor that is answered 4xx sends the same again, or gives up; so whatever is genuine is
kept: as events, or as a dead letter with the original bytes, which can be tried again once the mapping is mended.
"""

import asyncio
import hashlib
from contextlib import suppress

import msgspec
from fastapi import APIRouter, Request, Response

from service.broker import Publication
from service.channels.hook import OURS
from service.core.effects import Dead, encode_effect
from service.integrations import notes
from service.integrations.mapping import Outcome, understood
from service.integrations.signatures import NotGenuine, Received, verify
from service.settings.integrations import Integration
from service.store.contract import Shard, StoreDown
from service.web.buckets import Buckets
from service.web.deps import Deps, WebDeps
from service.web.guard import FORWARDED
from service.web.problems import problem, store_down, store_full

router = APIRouter(tags=["integrations"])

# HubSpot waits 5 s, Pipedrive 10; what is sent again counts once.
ANSWER_WITHIN_S = 4.0
# An item takes some 0.3 ms of mapping; others get their turn every few of them.
_ITEMS_A_TURN = 10
# A vendor that tries again does so within a day.
_TAKEN_S = 86_400
# Reasons told in the answer, and in one dead letter.
_SHOWN_MAX = 20
# To a body that was taken within a day, byte for byte: a vendor's retry, or somebody who recorded a request that bears
# no time. A changed mapping makes something else of it, so it is read again then.
_REPEATED = msgspec.json.encode({"accepted": 0, "ids": [], "ignored": 0, "repeated": True})
# A 4xx, so that the message goes on to its reader's next channel instead of ending here.
_OWN = "This is a message of ours: a webhook of channels.yaml points here. Nothing follows from it."
# Anybody may send what is refused; only so much of it is noted.
_noted_refusals = Buckets(capacity=5, per_s=0.2)


@router.post("/integrations/{name}", status_code=202, summary="Another system's webhook")
async def receive(name: str, request: Request, deps: Deps) -> Response:
    """Take in what an integration of config/integrations/ is sent."""
    return await _receive(name, "", request, deps)


@router.post(
    "/integrations/{name}/{token}", status_code=202, summary="The same, of a sender that cannot sign"
)
async def receive_by_token(name: str, token: str, request: Request, deps: Deps) -> Response:
    """Take in what an integration with `scheme: path-token` is sent."""
    return await _receive(name, token, request, deps)


async def _receive(name: str, token: str, request: Request, deps: WebDeps) -> Response:
    integration = deps.settings().integrations.get(name)
    if integration is None or (token and integration.model.authenticate.scheme != "path-token"):
        return problem(404, "not_found", "There is no such integration.")
    if deps.is_full():
        deps.metrics.intake_refusals.labels("store_full").inc()
        return store_full()
    body = await request.body()
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await _take(integration, token, body, request, deps)
    except (StoreDown, TimeoutError):
        deps.metrics.intake_refusals.labels("store_down").inc()
        return store_down()


async def _take(
    integration: Integration, token: str, body: bytes, request: Request, deps: WebDeps
) -> Response:
    received = Received("POST", _url(request, deps), _headers(request), body, token)
    try:
        _check_way(integration, request)
        # Of the store and not moved by tests: senders sign with the time of this world.
        verify(integration.model.authenticate, received, await deps.store.now())
    except NotGenuine as false:
        deps.metrics.intake_refusals.labels(false.reason).inc()
        if _noted_refusals.take(integration.name):
            await _note(deps, integration, notes.Refused(await deps.store.now(), false.reason, false.text))
        return problem(401, false.reason, false.text)
    if OURS in request.headers:
        deps.metrics.intake_refusals.labels("own_message").inc()
        await _note(deps, integration, notes.Refused(await deps.store.now(), "own_message", _OWN))
        return problem(422, "own_message", _OWN)
    digest = hashlib.blake2b(body, digest_size=16, key=integration.mapping).hexdigest()
    taken = f"taken {integration.name} {digest}"
    if await deps.store.kept(taken) is not None:
        return Response(_REPEATED, 202, media_type="application/json")
    outcome = await _understood(integration, body, deps)
    if outcome.admitted:
        await deps.broker.publish([Publication(e.topic, e.subject, raw) for e, raw in outcome.admitted])
    if outcome.refused:
        await _bury(integration, body, outcome, deps)
    for event, _ in outcome.admitted:
        deps.metrics.events_accepted.labels(event.topic).inc()
    await _note_outcome(integration, outcome, deps)
    if outcome.admitted and not outcome.refused:
        with suppress(StoreDown):  # then its events alone tell that they came twice
            await deps.store.keep(taken, b"1", _TAKEN_S)
    return _answer(outcome)


def _url(request: Request, deps: WebDeps) -> str:
    """The address as the sender knows it: behind a proxy the request itself does not tell."""
    raw = request.scope.get("raw_path") or request.url.path.encode()
    query = request.scope["query_string"]
    return deps.settings().service.web.public_url + (raw + (b"?" + query if query else b"")).decode("latin-1")


def _headers(request: Request) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers.raw
    )


def _check_way(integration: Integration, request: Request) -> None:
    """No vendor's server is a browser; and who does not sign must be on this machine, not behind a proxy on it."""
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise NotGenuine("cross_site", "a page of another site cannot write here")
    if integration.model.authenticate.scheme == "none" and any(name in request.headers for name in FORWARDED):
        raise NotGenuine("forwarded", "without authentication only this machine itself may send")


async def _understood(integration: Integration, raw: bytes, deps: WebDeps) -> Outcome:
    outcome, now = Outcome(), await deps.clock.now()
    for turn, outcome in enumerate(  # noqa: B007  # the last one is the result
        understood(integration, raw, now, deps.settings().book.id_of_email)
    ):
        if turn % _ITEMS_A_TURN == _ITEMS_A_TURN - 1:
            await asyncio.sleep(0)
    return outcome


async def _bury(integration: Integration, raw: bytes, outcome: Outcome, deps: WebDeps) -> None:
    """One letter a body, with all of it: what was accepted of it counts once when it is tried again."""
    for _, bad in outcome.refused:
        deps.metrics.intake_refusals.labels(bad.reason).inc()
    deps.metrics.dead_letters.labels("webhook").inc()
    where = f"integrations/{integration.name}"
    first = outcome.refused[0][1]
    dead = Dead(first.reason, _said(outcome), raw, await deps.clock.now(), "webhook", "", where)
    await deps.store.bury(Shard("deals", deps.broker.partition(where)), encode_effect(dead))


def _said(outcome: Outcome) -> str:
    told = [f"item {index}{bad.pointer}: {bad.detail}" for index, bad in outcome.refused[:_SHOWN_MAX]]
    more = len(outcome.refused) - len(told)
    return "; ".join([*told, *([f"and {more} more"] if more else [])])


async def _note_outcome(integration: Integration, outcome: Outcome, deps: WebDeps) -> None:
    now = await deps.clock.now()
    last = outcome.admitted[-1][0] if outcome.admitted else None
    seen = notes.Seen(now, len(outcome.admitted), outcome.ignored, len(outcome.refused))
    if last is not None:
        input_id = f"{last.source} {last.id}"
        seen = msgspec.structs.replace(seen, type=last.type, subject=last.subject, input_id=input_id)
    await _note(deps, integration, seen)
    if outcome.refused:
        await _note(deps, integration, notes.Refused(now, outcome.refused[0][1].reason, _said(outcome)))


async def _note(deps: WebDeps, integration: Integration, note: notes.Seen | notes.Refused) -> None:
    """What happened stands, also when nobody could write it down."""
    what = notes.SEEN if isinstance(note, notes.Seen) else notes.REFUSED
    with suppress(StoreDown):
        await deps.store.note(notes.name_of(integration.name), what, notes.encode(note))


def _answer(outcome: Outcome) -> Response:
    body: dict[str, object] = {
        "accepted": len(outcome.admitted),
        "ids": [event.id for event, _ in outcome.admitted],
        "ignored": outcome.ignored,
    }
    if outcome.refused:
        body["refused"] = [
            {"item": index, "error": bad.reason, "detail": bad.detail, "pointer": bad.pointer}
            for index, bad in outcome.refused[:_SHOWN_MAX]
        ]
    return Response(msgspec.json.encode(body), 202, media_type="application/json")
