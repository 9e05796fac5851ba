"""`POST /integrations/slack/interactions` and `/commands`: what people press and type in Slack.

Every request is signed by Slack over its raw bytes and is at most five minutes old. Slack waits three seconds and shows
an error then, so what takes longer goes on behind the answer, and is told where Slack says (`response_url`).
"""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import SecretStr

from service.channels.contract import ChannelError
from service.channels.slack_reply import private
from service.integrations.signatures import NotGenuine, Received, verify
from service.settings.integration_model import Authenticate
from service.settings.slack import SlackChannel as SlackSettings
from service.store.contract import StoreDown
from service.web import slack_commands, slack_presses
from service.web.background import soon
from service.web.deps import Deps, WebDeps
from service.web.problems import problem, store_down
from service.web.slack_payload import Command, Press, Unreadable, command_of, form_of, press_of

if TYPE_CHECKING:
    from service.channels.slack import SlackChannel

router = APIRouter(tags=["integrations"])

# https://docs.slack.dev/interactivity/handling-user-interaction: three seconds, the way there and back included.
ANSWER_WITHIN_S = 2.0
# A signature is good for five minutes before and after its time; what it brought is known for a little longer.
SEEN_S = 660

_STILL = "One moment, please; the answer follows."
_DOWN = "That could not be recorded: something of ours is out of order. Please try again in a minute."


@router.post("/integrations/slack/interactions", summary="Buttons pressed in Slack")
async def interactions(request: Request, deps: Deps) -> Response:
    """A button that was pressed in a message of ours."""
    return await _receive(request, deps, is_command=False)


@router.post("/integrations/slack/commands", summary="Slash commands typed in Slack")
async def commands(request: Request, deps: Deps) -> Response:
    """`/commit`, `/done` or `/snooze`; answered with the text that whoever typed it reads."""
    return await _receive(request, deps, is_command=True)


async def _receive(request: Request, deps: WebDeps, *, is_command: bool) -> Response:
    body = await request.body()
    try:
        channel = await _sender(request, body, deps)
        form = form_of(body)
        asked = command_of(form) if is_command and "ssl_check" not in form else None
        asked_press = None if is_command else press_of(form)
        seen = _seen_name(request)
        if await deps.store.kept(seen) is not None:
            deps.metrics.intake_refusals.labels("replayed").inc()
            return Response()  # It was done when it came first.
    except NotGenuine as false:
        deps.metrics.intake_refusals.labels(false.reason).inc()
        return problem(401, false.reason, false.text)
    except Unreadable:
        deps.metrics.intake_refusals.labels("invalid_payload").inc()
        return problem(400, "invalid_payload", "That is signed, and not what Slack sends.")
    except StoreDown:
        return store_down()
    if channel is None:
        return problem(404, "not_found", "There is no Slack app with a signing_secret in channels.yaml.")
    what: Command | Press | None = asked or asked_press
    return Response() if what is None else await _answer(what, channel, seen, deps)


async def _answer(what: Command | Press, channel: "SlackChannel", seen: str, deps: WebDeps) -> Response:
    """In time, or behind the answer."""
    work = soon("slack", _work(what, channel, seen, deps))
    done, _ = await asyncio.wait({work}, timeout=ANSWER_WITHIN_S)
    is_command = isinstance(what, Command)
    if done:
        said = _text(work.result())
        if is_command:
            return Response(msgspec.json.encode(private(said)), media_type="application/json")
        if said:
            soon("slack: reply", channel.api.reply(what.response_url, said))
        return Response()
    soon("slack: reply", _reply_later(work, what.response_url, channel))
    return (
        Response(msgspec.json.encode(private(_STILL)), media_type="application/json")
        if is_command
        else Response()
    )


async def _reply_later(work: "asyncio.Task[object]", url: str, channel: "SlackChannel") -> None:
    said = _text(await work)
    if said:
        await channel.api.reply(url, said)


def _text(result: object) -> str:
    return result if isinstance(result, str) else _DOWN  # A mistake of ours; it is in the log.


async def _work(what: Command | Press, channel: "SlackChannel", seen: str, deps: WebDeps) -> str:
    """What the person is told."""
    try:
        if isinstance(what, Command):
            said = await slack_commands.answer(what, channel, deps)
        else:
            said = await slack_presses.press(what, channel, deps)
    except (StoreDown, ChannelError, TimeoutError):
        return _DOWN
    with suppress(StoreDown):  # It is done all the same, and done again it is the same.
        await deps.store.keep(seen, b"1", SEEN_S)
    return said


async def _sender(request: Request, body: bytes, deps: WebDeps) -> "SlackChannel | None":
    """The channel whose app signed the request; None when there is none to ask, NotGenuine when none of them did."""
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
    received = Received("POST", "", headers, body)
    failed: NotGenuine | None = None
    # Of the store and not moved by tests: Slack signs with the time of this world.
    now = await deps.store.now()
    for name, how in _apps(deps):
        try:
            verify(how, received, now)
        except NotGenuine as false:
            failed = false
            continue
        return cast("SlackChannel", deps.channels[name])
    if failed is not None:
        raise failed
    return None


def _apps(deps: WebDeps) -> Iterator[tuple[str, Authenticate]]:
    """Each of our apps, and how its requests are signed:
    https://docs.slack.dev/authentication/verifying-requests-from-slack."""
    for name, settings in deps.settings().channels.items():
        running = deps.channels.get(name)
        if running is None or running.kind != "slack" or not isinstance(settings, SlackSettings):
            continue
        if settings.signing_secret is not None:
            yield name, _signed_with(settings.signing_secret)


def _signed_with(secret: SecretStr) -> Authenticate:
    return Authenticate(
        scheme="hmac-sha256-hex",
        secret=[secret],
        header="X-Slack-Signature",
        prefix="v0=",
        timestamp_header="X-Slack-Request-Timestamp",
        signed="v0:{timestamp}:{body}",
    )


def _seen_name(request: Request) -> str:
    signature = request.headers.get("x-slack-signature", "").lower()
    return f"slack seen {hashlib.sha256(signature.encode()).hexdigest()[:32]}"
