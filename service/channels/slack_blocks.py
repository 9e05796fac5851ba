"""A message as Slack's Block Kit. Pure: equal arguments give equal bytes, within every limit that Slack publishes.

A message over any limit is refused whole, so what does not fit is cut, and the message says so. Data is escaped, so it
can neither mention anybody nor name a link.
"""

from collections.abc import Iterator
from datetime import datetime

from service.channels.fit import MISSING_BUTTON, cut, lines, utf16
from service.core.effects import Owed
from service.core.message import Action, Card, Message

# https://docs.slack.dev/reference/block-kit/blocks, in characters; of the text 4,000 are advised, 40,000 kept.
HEADER_CHARS_MAX = 150
SECTION_CHARS_MAX = 3000
FIELD_CHARS_MAX, FIELDS_MAX = 2000, 10
BUTTON_CHARS_MAX, URL_CHARS_MAX, BUTTONS_MAX = 75, 3000, 25
CONTEXT_CHARS_MAX = 2000
TEXT_CHARS_MAX = 4000

Block = dict[str, object]


def payload(owed: Owed, message: Message) -> dict[str, object]:
    """What an incoming webhook takes. `text` is what a phone's notification and a screen reader say."""
    return {
        "text": escaped(message.short or message.subject, TEXT_CHARS_MAX),
        "blocks": list(blocks(owed, message)),
        # A link of ours must be opened by a person only; a preview would be a look by Slack's servers.
        "unfurl_links": False,
        "unfurl_media": False,
    }


def blocks(owed: Owed, message: Message) -> Iterator[Block]:
    """At most seven, from the headline to the reasons."""
    card = message.parts
    yield {"type": "header", "text": _plain(message.subject or card.title, HEADER_CHARS_MAX)}
    headline = _headline(card)
    if headline:
        yield _section(headline)
    if card.rows:
        fields = [_field(owed, card, label, value) for label, value in card.rows[:FIELDS_MAX]]
        yield {"type": "section", "fields": fields}
    if card.body.strip():
        yield _section(escaped_lines(card.body.strip(), SECTION_CHARS_MAX))
    buttons = [one for one in map(_button, message.actions, range(BUTTONS_MAX)) if one]
    if buttons:
        yield {"type": "actions", "elements": buttons}
    small = [reason for reason in card.reasons if reason]
    if len(buttons) < len(message.actions):
        small.insert(0, MISSING_BUTTON)
    if small:
        text = escaped_lines("\n".join(small), CONTEXT_CHARS_MAX)
        yield {"type": "context", "elements": [_mrkdwn(text)]}


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
    shown = escaped(value, FIELD_CHARS_MAX // 2)
    due = _instant(owed.facts.get("due_at")) if label == card.due_row else None
    if due is not None:
        # In the zone of whoever looks at it; our own words are for programs that do not know how.
        shown = f"<!date^{int(due.timestamp())}^{{date_short_pretty}} {{time}}|{shown}>"
    return _mrkdwn(f"*{escaped(label, FIELD_CHARS_MAX // 4)}*\n{shown}")


def _button(action: Action, number: int) -> Block | None:
    if utf16(action.url) > URL_CHARS_MAX:
        return None
    button: Block = {
        "type": "button",
        "text": _plain(action.label, BUTTON_CHARS_MAX),
        "url": action.url,
        "action_id": f"{action.name}.{number}",
    }
    if number == 0 and action.name != "open":
        button["style"] = "primary"  # The answer hoped for.
    return button


def _instant(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> Block:
    """Only what we marked is a link: with `verbatim` Slack makes none of addresses and names in it."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str, most: int) -> Block:
    """No markup and no emoji names are read in it. It may not be empty."""
    return {"type": "plain_text", "text": cut(text, most) or "…", "emoji": False}
