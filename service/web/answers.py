"""`/a/{token}`: the page behind a signed link. Opening it changes nothing; only a person's choice, posted, does.

An answer is an event: it is published like any other, then the subject is read until it has applied it. The page
tells what stands then (answering.py). Nothing here decides. Words are in answer_words.py, choices in
answer_choices.py.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from service.core.errors import BadEvent
from service.messages.links import BadLink
from service.store.contract import StoreDown
from service.web import answer_pages as pages
from service.web import answering, slack_standing
from service.web.answer_choices import Choice, NotAnAnswer, choose, event_id
from service.web.answer_pages import Visit
from service.web.buckets import Buckets
from service.web.deps import Deps, WebDeps

router = APIRouter(include_in_schema=False)

# A form of ours holds at most one note of 4,000 characters; percent-encoded UTF-8 takes up to 12 bytes for one.
FORM_BYTES_MAX = 64 * 1024
_FIELDS_MAX = 12

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
        if not answering.has_applied(visit.state, sent):
            return pages.waiting(visit, choice, sent)
        return pages.answered(visit, choice, await answering.decided(visit, sent, deps))
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
        answering.check_offered(visit, choice)
        answer_id = event_id(visit.token, choice, form.get("seen", ""))
        await answering.publish(visit, choice, answer_id, deps)
    except NotAnAnswer as problem:
        return pages.choices(visit, form.get("do", ""), str(problem), form, status=422)
    except BadEvent:
        problem_text = "That text cannot be sent. Please write it in plain characters."
        return pages.choices(visit, form.get("do", ""), problem_text, form, status=422)
    after = await answering.applied(visit, answer_id, deps)
    if after is None:
        return pages.waiting(visit, choice, answer_id)
    entry = await answering.decided(visit, answer_id, deps)
    outcome = after.words.outcome(choice, entry)
    slack_standing.show_soon(after, "" if outcome.is_refused else f"{outcome.headline}.", deps)
    return pages.answered(after, choice, entry)


# -- reading the link and the subject -------------------------------------------------------------------------------
async def _visit(token: str, deps: WebDeps) -> Visit:
    """The link read and its subject loaded. Whatever is wrong with a link, the page is the same, without a detail."""
    try:
        link = deps.links().read(token)
    except BadLink:
        raise Refused(pages.gone()) from None
    if not _buckets.take(token):
        raise Refused(pages.busy())
    visit = await answering.visit_of(token, link, deps)
    if visit is None:
        raise Refused(pages.gone())
    return visit


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
