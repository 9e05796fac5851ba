"""A message as Slack's Block Kit. Pure: equal arguments give equal bytes, within every limit that Slack publishes.

A message over any limit is refused whole, so what does not fit is cut, and the message says so. Data is escaped, so it
can neither mention anybody nor name a link.
"""

from collections.abc import Iterator
from datetime import datetime

from service.channels.fit import MISSING_BUTTON, cut, lines, utf16
from service.channels.slack_buttons import buttons, plain
from service.core.effects import Owed
from service.core.message import Card, Message

# https://docs.slack.dev/reference/block-kit/blocks, in characters; of the text 4,000 are advised, 40,000 kept.
HEADER_CHARS_MAX = 150
SECTION_CHARS_MAX = 3000
FIELD_CHARS_MAX, FIELDS_MAX = 2000, 10
CONTEXT_CHARS_MAX = 2000
TEXT_CHARS_MAX = 4000

Block = dict[str, object]


def payload(owed: Owed, message: Message, *, is_heard: bool = False) -> dict[str, object]:
    """What an incoming webhook takes, and with a channel `chat.postMessage`; `text` is what a phone's notification and
    a screen reader say. `is_heard`: pressed buttons reach us, so they need not open a page."""
    return {
        "text": escaped(message.short or message.subject, TEXT_CHARS_MAX),
        "blocks": list(blocks(owed, message, is_heard=is_heard)),
        # A link of ours must be opened by a person only; a preview would be a look by Slack's servers.
        "unfurl_links": False,
        "unfurl_media": False,
    }


def blocks(owed: Owed, message: Message, *, is_heard: bool = False) -> Iterator[Block]:
    """At most seven, from the headline to the reasons."""
    card = message.parts
    yield {"type": "header", "text": plain(message.subject or card.title, HEADER_CHARS_MAX)}
    headline = _headline(card)
    if headline:
        yield section(headline)
    if card.rows:
        fields = [_field(owed, card, label, value) for label, value in card.rows[:FIELDS_MAX]]
        yield {"type": "section", "fields": fields}
    if card.body.strip():
        yield section(escaped_lines(card.body.strip(), SECTION_CHARS_MAX))
    answers = buttons(message.actions, is_heard=is_heard)
    if answers:
        yield {"type": "actions", "elements": answers}
    small = [reason for reason in card.reasons if reason]
    if len(answers) < len(message.actions):
        small.insert(0, MISSING_BUTTON)
    if small:
        yield context(small)


def escaped(text: str, most: int = SECTION_CHARS_MAX) -> str:
    """Data for a mrkdwn text: these three characters and no others (https://docs.slack.dev/messaging/formatting)."""
    return _escape(cut(text, most, _escaped_size))


def escaped_lines(text: str, most: int) -> str:
    """The same for several lines; whole lines are left out, and counted."""
    return _escape(lines(text, most, _escaped_size))


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escaped_size(text: str) -> int:
    return utf16(_escape(text))


def _headline(card: Card) -> str:
    state = f"*{escaped(card.state, HEADER_CHARS_MAX)}*" if card.state else ""
    if not card.url or len(_escape(card.url)) > SECTION_CHARS_MAX // 2:
        return state
    # A | would end the address, a line break the link; clean.url has refused blanks and quotes.
    link = f"<{_escape(card.url).replace('|', '%7C')}|{escaped(card.title, HEADER_CHARS_MAX)}>"
    return " · ".join(part for part in (state, link) if part)


def _field(owed: Owed, card: Card, label: str, value: str) -> Block:
    due = _instant(owed.facts.get("due_at")) if label == card.due_row else None
    return field(label, value, due)


def field(label: str, value: str, at: datetime | None = None) -> Block:
    """One row. With `at` it is shown in the zone of whoever looks at it; our own words are for programs that do not
    know how."""
    shown = escaped(value, FIELD_CHARS_MAX // 2)
    if at is not None:
        shown = f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{shown}>"
    return mrkdwn(f"*{escaped(label, FIELD_CHARS_MAX // 4)}*\n{shown}")


def _instant(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else None


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def context(small: list[str]) -> Block:
    """Lines in small print."""
    return {"type": "context", "elements": [mrkdwn(escaped_lines("\n".join(small), CONTEXT_CHARS_MAX))]}


def mrkdwn(text: str) -> Block:
    """Only what we marked is a link: with `verbatim` Slack makes none of addresses and names in it."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}
