"""A message of ours in Slack once something was answered: how things stand, and what may be answered next. Pure."""

from datetime import datetime
from typing import NamedTuple

from service.channels.slack_blocks import (
    HEADER_CHARS_MAX,
    SECTION_CHARS_MAX,
    TEXT_CHARS_MAX,
    Block,
    context,
    escaped,
    escaped_lines,
    field,
    section,
)
from service.channels.slack_buttons import buttons, plain
from service.core.message import Action


class Standing(NamedTuple):
    """`said` is the present state in sentences, the first of them the one a phone shows; `note` what just happened."""

    title: str
    said: tuple[str, ...]
    due: tuple[str, str, datetime] | None = None  # its label, the date in words, and the date
    actions: tuple[Action, ...] = ()
    note: str = ""


def payload(standing: Standing, *, is_heard: bool) -> dict[str, object]:
    """What `chat.update` takes in place of what the message said before."""
    said = [sentence for sentence in standing.said if sentence] or ["…"]
    blocks: list[Block] = [
        {"type": "header", "text": plain(standing.title, HEADER_CHARS_MAX)},
        section(escaped_lines("\n".join(said), SECTION_CHARS_MAX)),
    ]
    if standing.due is not None:
        blocks.append({"type": "section", "fields": [field(*standing.due)]})
    answers = buttons(standing.actions, is_heard=is_heard)
    if answers:
        blocks.append({"type": "actions", "elements": answers})
    if standing.note:
        blocks.append(context([standing.note]))
    return {
        "text": escaped(f"{standing.title}: {said[0]}", TEXT_CHARS_MAX),
        "blocks": blocks,
    }
