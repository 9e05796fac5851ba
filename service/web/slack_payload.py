"""What Slack sends when somebody presses a button or types a command, as far as we read it. Pure.

https://docs.slack.dev: interaction-payloads/block_actions-payload, and interactivity/implementing-slash-commands.
"""

from collections.abc import Iterator
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from service.channels.slack_places import Place

_FIELDS_MAX = 40


class Unreadable(Exception):
    """It is signed, and not what Slack sends."""


class _Has(Struct, frozen=True):
    id: str = ""


class _User(Struct, frozen=True):
    id: str = ""
    team_id: str = ""


class _Team(Struct, frozen=True):
    id: str = ""
    enterprise_id: str = ""


class _Option(Struct, frozen=True):
    value: str = ""


class _Action(Struct, frozen=True):
    action_id: str = ""
    value: str = ""
    selected_option: _Option | None = None


class _Element(Struct, frozen=True):
    type: str = ""
    value: str = ""


class _Block(Struct, frozen=True):
    type: str = ""
    elements: list[msgspec.Raw] = []


class _Message(Struct, frozen=True):
    ts: str = ""
    blocks: list[_Block] = []


class _Payload(Struct, frozen=True):
    type: str = ""
    user: _User = _User()
    channel: _Has = _Has()
    message: _Message = _Message()
    actions: list[_Action] = []
    response_url: str = ""
    team: _Team | None = None
    enterprise: _Has | None = None


class Press(Struct, frozen=True):
    """One button: what it answers and with which link; `value` is what was chosen in a menu."""

    member: str
    action: str
    token: str
    value: str
    pressed: Place  # the message it is in
    response_url: str
    team: str = ""  # whose member it is: a workspace, or an Enterprise organisation
    enterprise: str = ""


class Command(Struct, frozen=True):
    """One slash command as it was typed; `id` is the same when it is sent again."""

    member: str
    name: str
    text: str
    id: str
    response_url: str
    team: str = ""
    enterprise: str = ""


def form_of(body: bytes) -> dict[str, str]:
    """The form fields of a request."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict")
    except ValueError:
        raise Unreadable from None
    return dict(pairs)


def press_of(form: dict[str, str]) -> Press | None:
    """The press; None for what asks nothing of us: a button that is a link, or another kind of interaction."""
    try:
        payload = msgspec.json.decode(form.get("payload", ""), type=_Payload)
        if payload.type != "block_actions" or not payload.actions:
            return None
        action = payload.actions[0]
        chosen = action.selected_option.value if action.selected_option else ""
        token = action.value or (next(_tokens(payload.message), "") if chosen else "")
    except (msgspec.MsgspecError, RecursionError):
        raise Unreadable from None
    if not token:
        return None
    name = action.action_id.partition(".")[0]
    place = Place(payload.channel.id, payload.message.ts, token)
    user, team = payload.user, payload.team or _Team()
    enterprise = payload.enterprise.id if payload.enterprise else team.enterprise_id
    member_of = user.team_id or team.id
    return Press(user.id, name, token, chosen, place, payload.response_url, member_of, enterprise)


def command_of(form: dict[str, str]) -> Command:
    """The command; Unreadable without what names it, and whoever typed it."""
    found = Command(
        form.get("user_id", ""),
        form.get("command", ""),
        _typed(form.get("text", "")),
        form.get("trigger_id", ""),
        form.get("response_url", ""),
        form.get("team_id", ""),
        form.get("enterprise_id", ""),
    )
    if not (found.member and found.name and found.id):
        raise Unreadable
    return found


def _typed(text: str) -> str:
    """One line as it was typed: Slack sends these three as entities (docs.slack.dev/messaging/formatting)."""
    line = " ".join(text.split())
    return line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _tokens(message: _Message) -> Iterator[str]:
    """A menu has no room for a token; the buttons beside it carry the same."""
    for block in message.blocks:
        for raw in block.elements if block.type == "actions" else []:
            element = msgspec.json.decode(raw, type=_Element)
            if element.type == "button" and element.value:
                yield element.value
