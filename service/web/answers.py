"""`/a/{token}`: the page behind a signed link. Opening it changes nothing; only a person's choice, posted, does.

An answer is an event: it is published like any other, then the subject is read until it has applied it. The page
tells what stands then. Nothing here decides. Words are in answer_words.py, choices in answer_choices.py.
"""

import asyncio
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from service.broker import Publication
from service.core.effects import LogEntry, decode_log
from service.core.envelope import admit
from service.core.errors import BadEvent
from service.core.events import TOPIC_OF_FAMILY
from service.core.ids import event_mark, split_subject
from service.core.model import Commitment, decode_state
from service.core.reasons import Code
from service.messages.links import BadLink
from service.store.contract import Shard, StoreDown
from service.web import answer_pages as pages
from service.web.answer_choices import SOURCE, Asker, Choice, NotAnAnswer, attributes, choose, event_id
from service.web.answer_pages import Visit
from service.web.answer_words import Words, moment_of
from service.web.buckets import Buckets
from service.web.deps import Deps, WebDeps

router = APIRouter(include_in_schema=False)

# How long a person waits for the new state before they are told that it will come (design, section 10).
APPLIED_WITHIN_S = 3.0
_POLL_S = 0.02

# A form of ours holds at most one note of 4,000 characters; percent-encoded UTF-8 takes up to 12 bytes for one.
FORM_BYTES_MAX = 64 * 1024
_FIELDS_MAX = 12

# The newest decisions of a shard in which the one about an answer is looked for.
_LOG_DEPTH = 200

_EVENT_ID = re.compile("[0-9a-f]{32}")

# A person needs a few requests, a mail scanner a few dozen. Above this one link is being hammered.
_buckets = Buckets(capacity=150, per_s=2)


class Refused(Exception):
    """The request ends with this page."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@router.api_route("/a/{token}", methods=["GET", "HEAD"])
async def show(token: str, deps: Deps, do: str = "", sent: str = "") -> Response:
    """The commitment as it stands and the answers this link allows. Changes nothing, however often it is read.

    `sent` names an answer given before, by its event id: then the page tells what became of that.
    """
    try:
        visit = await _visit(token, deps)
        if not _EVENT_ID.fullmatch(sent):
            return pages.choices(visit, preselected=do)
        choice = Choice(do, "", "", {})
        if not _has_applied(visit.state, sent):
            return pages.waiting(visit, choice, sent)
        return pages.answered(visit, choice, await _decided(visit, sent, deps))
    except StoreDown:
        return pages.store_down()
    except Refused as refused:
        return refused.response


@router.post("/a/{token}")
async def act(token: str, request: Request, deps: Deps) -> Response:
    """Publish the answer, wait until the subject has applied it, and show what stands then."""
    try:
        form = await _form(request)
        visit = await _visit(token, deps)
        return await _act(visit, form, deps)
    except StoreDown:
        return pages.store_down()
    except Refused as refused:
        return refused.response


async def _act(visit: Visit, form: Mapping[str, str], deps: WebDeps) -> Response:
    try:
        choice = choose(form, visit.asker, visit.now)
        _check_offered(visit, choice)
        answer_id = event_id(visit.token, choice, form.get("seen", ""))
        if not _has_applied(visit.state, answer_id):
            await _publish(visit, choice, answer_id, deps)
    except NotAnAnswer as problem:
        return pages.choices(visit, form.get("do", ""), str(problem), form, status=422)
    except BadEvent:
        problem_text = "That text cannot be sent. Please write it in plain characters."
        return pages.choices(visit, form.get("do", ""), problem_text, form, status=422)
    state = await _applied(visit, answer_id, deps)
    if state is None:
        return pages.waiting(visit, choice, answer_id)
    after = visit.with_state(state, deps.settings().book.name)
    return pages.answered(after, choice, await _decided(visit, answer_id, deps))


# -- reading the link and the subject -------------------------------------------------------------------------------
async def _visit(token: str, deps: WebDeps) -> Visit:
    """The link read and its subject loaded. Whatever is wrong with a link, the page is the same, without a detail."""
    try:
        link = deps.links().read(token)
    except BadLink:
        raise Refused(pages.gone()) from None
    if not _buckets.take(token):
        raise Refused(pages.busy())
    now = await deps.clock.now()
    family, _ = split_subject(link.subject)
    shard = Shard(TOPIC_OF_FAMILY.get(family, "deadlines"), deps.broker.partition(link.subject))
    state = await _load(shard, link.subject, deps)
    if link.expires_at <= now or state is None:
        raise Refused(pages.gone())
    graph = deps.settings().graph
    shown = moment_of(state, link.moment).cycle if state.owner == link.person else link.as_of
    zones = graph.zone_of(link.person), graph.zone_of(state.owner)
    period = state.checkin.period if state.checkin else ""
    asker = Asker(link.person, link.subject, link.as_of, *zones, shown, link.moment, period)
    words = Words(state, link.person, asker.zone, now, deps.settings().book.name, link.moment)
    return Visit(token, asker, link.actions, shard, state, words, now)


async def _load(shard: Shard, subject: str, deps: WebDeps) -> Commitment | None:
    [raw] = await deps.store.load(shard, [subject])
    state = decode_state(raw) if raw else None
    return state if isinstance(state, Commitment) and state.status != "stub" else None


def _check_offered(visit: Visit, choice: Choice) -> None:
    """The link must offer the answer; whether it is still in time is decided where every event is decided."""
    if choice.action not in visit.offered and not (choice.action == "undo" and visit.may_undo):
        raise NotAnAnswer("Your message does not offer that answer. Please choose one of those on this page.")


async def _form(request: Request) -> dict[str, str]:
    """The posted form. No file uploads, hence no multipart parser to attack."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip()
        != "application/x-www-form-urlencoded"
    ):
        raise Refused(pages.unreadable(415))
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES_MAX:
            raise Refused(pages.unreadable(413))
    try:
        return dict(
            parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict")
        )
    except ValueError:
        raise Refused(pages.unreadable(400)) from None


# -- the event ------------------------------------------------------------------------------------------------------
async def _publish(visit: Visit, choice: Choice, answer_id: str, deps: WebDeps) -> None:
    """Publish the answer through the same door as any event; raises BadEvent before anything is written."""
    event, raw = admit(attributes(choice, visit.asker, answer_id, visit.now), visit.now)
    await deps.broker.publish([Publication(event.topic, event.subject, raw)])
    deps.metrics.answers.labels(choice.action, "link").inc()


def _has_applied(state: Commitment, answer_id: str) -> bool:
    mark = event_mark(SOURCE, answer_id)
    return any(state.seen[at : at + len(mark)] == mark for at in range(0, len(state.seen), len(mark)))


async def _applied(visit: Visit, answer_id: str, deps: WebDeps) -> Commitment | None:
    """The subject's state once it has applied the answer; None when that takes too long."""
    ends_at = asyncio.get_running_loop().time() + APPLIED_WITHIN_S
    while True:
        state = await _load(visit.shard, visit.asker.subject, deps)
        if state is not None and _has_applied(state, answer_id):
            return state
        if asyncio.get_running_loop().time() >= ends_at:
            return None
        await asyncio.sleep(_POLL_S)


async def _decided(visit: Visit, answer_id: str, deps: WebDeps) -> LogEntry | None:
    """The decision that applied the answer; what a repeat of it met ("duplicate") says nothing."""
    for logged in await deps.store.recent_log(visit.shard, _LOG_DEPTH):
        entry = decode_log(logged.value)
        is_it = entry.subject == visit.asker.subject and entry.input_id == f"{SOURCE} {answer_id}"
        if is_it and not any(reason.code == Code.DUPLICATE for reason in entry.reasons):
            return entry
    return None
