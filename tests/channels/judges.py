"""What vendors refuse, from their published limits: written from their documents, without a look at our renderers."""

import json
import re
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from tests.channels.vendor import Judge, Reply, Request

OK = Reply(200, {}, b"ok")


class Wrong(Exception):
    pass


def need(condition: object, what: str) -> None:
    if not condition:
        raise Wrong(what)


def chars(text: str) -> int:
    """As a vendor counts who is strict: the UTF-16 units of JavaScript."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# ---------------------------------------------------------------- Slack


def slack(request: Request) -> Reply:
    """https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and /reference/block-kit/blocks."""
    try:
        need(request.headers["content-type"].startswith("application/json"), "invalid_payload")
        data = json.loads(request.body)
        need(isinstance(data, dict) and (data.get("text") or data.get("blocks")), "no_text")
        need(set(data) <= {"text", "blocks", "unfurl_links", "unfurl_media", "mrkdwn"}, "invalid_payload")
        need(1 <= chars(data["text"]) <= 4000, "msg_too_long")
        mrkdwn(data["text"])
        need(1 <= len(data["blocks"]) <= 50, "invalid_blocks")
        for block in data["blocks"]:
            slack_block(block)
        ids = [e["action_id"] for b in data["blocks"] if b["type"] == "actions" for e in b["elements"]]
        need(len(ids) == len(set(ids)), "invalid_blocks")
    except (Wrong, KeyError, TypeError, ValueError) as wrong:
        return Reply(400, {}, str(wrong).encode() if isinstance(wrong, Wrong) else b"invalid_payload")
    return OK


def slack_block(block: dict[str, Any]) -> None:
    match block["type"]:
        case "header":
            plain_text(block["text"], 150)
        case "section":
            need(("text" in block) != ("fields" in block), "invalid_blocks")
            need("text" not in block or slack_text(block["text"], 3000), "invalid_blocks")
            need(len(block.get("fields", [])) <= 10, "invalid_blocks")
            for one in block.get("fields", []):
                slack_text(one, 2000)
        case "context":
            need(1 <= len(block["elements"]) <= 10, "invalid_blocks")
            for element in block["elements"]:
                slack_text(element, 3000)
        case "actions":
            need(1 <= len(block["elements"]) <= 25, "invalid_blocks")
            for element in block["elements"]:
                slack_element(element)
        case _:
            raise Wrong("invalid_blocks")


def slack_element(element: dict[str, Any]) -> None:
    """https://docs.slack.dev/reference/block-kit/block-elements, of a button and a menu."""
    need(1 <= chars(element["action_id"]) <= 255, "invalid_blocks")
    if element["type"] == "static_select":
        plain_text(element["placeholder"], 150)
        need(1 <= len(element["options"]) <= 100, "invalid_blocks")
        for option in element["options"]:
            plain_text(option["text"], 75)
            need(1 <= chars(option["value"]) <= 75, "invalid_blocks")
        return
    need(element["type"] == "button", "invalid_blocks")
    plain_text(element["text"], 75)
    need(("url" in element) != ("value" in element), "invalid_blocks")
    need(chars(element.get("url", "x")) <= 3000, "invalid_blocks")
    need(1 <= chars(element.get("value", "x")) <= 2000, "invalid_blocks")
    need(element.get("style", "primary") in ("primary", "danger"), "invalid_blocks")


def slack_text(text: dict[str, Any], most: int) -> bool:
    need(text["type"] in ("mrkdwn", "plain_text"), "invalid_blocks")
    need(1 <= chars(text["text"]) <= most, "invalid_blocks")
    if text["type"] == "mrkdwn":
        need(text["verbatim"] is True, "links_are_made_of_data")
        mrkdwn(text["text"])
    return True


def plain_text(text: dict[str, Any], most: int) -> None:
    need(text["type"] == "plain_text" and text["emoji"] is False, "invalid_blocks")
    need(1 <= chars(text["text"]) <= most, "invalid_blocks")


# All that may stand in angle brackets: our own links and dates. `<!channel>` and `<@U1>` would call people.
_OURS = re.compile(r"<(?:https?://[^<>|\s]+\|[^<>]+|!date\^\d+\^\{date_short_pretty\} \{time\}\|[^<>|]+)>")


def mrkdwn(text: str) -> None:
    rest = _OURS.sub("", text)
    need("<" not in rest and ">" not in rest, "somebody_was_mentioned")
    need(not re.search(r"&(?!amp;|lt;|gt;)", text), "half_an_entity")


# ---------------------------------------------------------------- Teams


def teams(envelope: str = "attachments") -> Judge:
    """Workflows and https://adaptivecards.io/explorer, version 1.4; 28 KB are refused, and 21 KB were seen to fail."""

    def judge(request: Request) -> Reply:
        if len(request.body) > 20_000:
            return Reply(413)
        try:
            data = json.loads(request.body)
            if envelope == "attachments":
                need(data["type"] == "message", "message")
                (attachment,) = data["attachments"]
                need(attachment["contentType"] == "application/vnd.microsoft.card.adaptive", "type")
                data = attachment["content"]
            adaptive_card(data)
        except (Wrong, KeyError, TypeError, ValueError) as wrong:
            return Reply(400, {}, str(wrong).encode())
        return Reply(202)

    return judge


def adaptive_card(card: dict[str, Any]) -> None:
    need(card["type"] == "AdaptiveCard" and card["version"] == "1.4", "card")
    need(set(card) <= {"$schema", "type", "version", "body", "actions", "msteams", "fallbackText"}, "keys")
    for element in card["body"]:
        # No TextBlock and no FactSet: Teams reads Markdown in them, and these hold what people wrote.
        need(element["type"] == "RichTextBlock", "element")
        need(set(element) <= {"type", "inlines", "spacing"}, "keys")
        need(element["spacing"] in ("none", "small", "default", "medium"), "spacing")
        for run in element["inlines"]:
            need(run["type"] == "TextRun" and isinstance(run["text"], str), "run")
            need(set(run) <= {"type", "text", "size", "weight", "color", "isSubtle"}, "keys")
            colours = ("default", "accent", "good", "warning", "attention", "light", "dark")
            need(run.get("color", "default") in colours, "colour")
    for action in card["actions"]:
        need(action["type"] == "Action.OpenUrl" and action["url"].startswith("http"), "action")
        need(action["title"], "title")
    need(len(card["actions"]) <= 6, "actions")


# ---------------------------------------------------------------- Standard Webhooks


def webhook(*secrets: str) -> Judge:
    """A receiver that verifies by its library, with the first secret that fits, and drops nothing."""

    def judge(request: Request) -> Reply:
        if len(request.body) >= 20_000:
            return Reply(413)
        for secret in secrets:
            try:
                Webhook(secret).verify(request.body, request.headers)
            except WebhookVerificationError:
                continue
            return Reply(204)
        return Reply(401)

    return judge
