"""A message as an Adaptive Card 1.4 for Teams. Pure: equal arguments give equal bytes, within the budget.

Data stands in RichTextBlocks only: Teams reads no Markdown there, as it does in TextBlock and FactSet, so a title
cannot become a link. The card is built as objects, never as text. No Table: phones do not know it.
"""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from service.channels import fit
from service.core.message import Card, Message

# Teams refuses 28 KB, and was seen to fail from 21 KB; what is over is not shown at all.
BYTES_MAX = 20_000
# Less than this of a text is not worth its place; the reasons give way then.
BODY_BYTES_MIN = 1000
# A paragraph of the longest text that people may give (messages: 600).
LINE_CHARS_MAX = 800
TITLE_CHARS_MAX, SHORT_CHARS_MAX, STATE_CHARS_MAX, BUTTON_CHARS_MAX = 200, 300, 100, 40
# Teams shows six actions; a message has at most five, and the link to the record.
BUTTONS_MAX = 6
URL_CHARS_MAX = 2000
_COLOURS = {"ahead": "accent", "late": "attention", "good": "good"}

Element = dict[str, object]
_encode = msgspec.json.Encoder().encode


def payload(message: Message, envelope: str = "attachments") -> bytes:
    """What a Workflows webhook takes: the card in an attachment, or bare for flows that want it so.

    Over the budget, lines of the text go first, and their number is said; then the reasons, then the rows.
    """
    card = message.parts
    encoded = _payload(message, card, envelope)
    if len(encoded) <= BYTES_MAX:
        return encoded
    for shorter in (card, replace(card, reasons=()), replace(card, reasons=(), rows=())):
        room = BYTES_MAX - len(_payload(message, replace(shorter, body=""), envelope))
        if room >= BODY_BYTES_MIN:
            fitting = replace(shorter, body=fit.lines(card.body, room, _size))
            return _payload(message, fitting, envelope)
    raise AssertionError("the longest title and six of the longest links are 18 KB at most")


def _payload(message: Message, shown: Card, envelope: str) -> bytes:
    card = _card(message, shown)
    if envelope == "bare":
        return _encode(card)
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return _encode({"type": "message", "attachments": [attachment]})


def _card(message: Message, shown: Card) -> Element:
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": fit.cut(message.short or message.subject, SHORT_CHARS_MAX),
        "body": list(_elements(message, shown)),
        "actions": list(_actions(message)),
        "msteams": {"width": "Full"},
    }


def _elements(message: Message, card: Card) -> Iterator[Element]:
    headline = fit.cut(message.subject or card.title, TITLE_CHARS_MAX)
    yield _line(_run(headline, size="large", weight="bolder"))
    if card.state:
        state = fit.cut(card.state, STATE_CHARS_MAX)
        yield _line(_run(state, color=_COLOURS.get(card.tone, "default"), weight="bolder"))
    for label, value in card.rows:
        yield _line(_run(f"{label}: ", isSubtle=True), _run(value))
    for number, line in enumerate(card.body.split("\n")):
        if line.strip():
            yield _line(_run(line), spacing="default" if number == 0 else "small")
    if any(len(action.url) > URL_CHARS_MAX for action in message.actions):
        yield _line(_run(fit.MISSING_BUTTON, isSubtle=True, size="small"))
    for number, reason in enumerate(card.reasons):
        yield _line(_run(reason, isSubtle=True, size="small"), spacing="medium" if number == 0 else "none")


def _actions(message: Message) -> Iterator[Element]:
    offered = [(action.label, action.url) for action in message.actions]
    if message.parts.url:
        offered.append(("Open the record", message.parts.url))
    for label, url in offered[:BUTTONS_MAX]:
        if len(url) <= URL_CHARS_MAX:
            yield {"type": "Action.OpenUrl", "title": fit.cut(label, BUTTON_CHARS_MAX), "url": url}


def _line(*runs: Element, spacing: str = "small") -> Element:
    return {"type": "RichTextBlock", "inlines": list(runs), "spacing": spacing}


def _run(text: str, **look: object) -> Element:
    return {"type": "TextRun", "text": fit.cut(text, LINE_CHARS_MAX), **look}


def _size(body: str) -> int:
    """Bytes of the body's elements with their commas, each in its own RichTextBlock."""
    shown = [line for line in body.split("\n") if line.strip()]
    return sum(len(_encode(_line(_run(line), spacing="default"))) + 1 for line in shown)
