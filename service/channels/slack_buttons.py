"""The answers of a message as Slack's buttons: pressed in Slack where one press says it all, else a link to the page.

Pure. What a press carries is the message's own link token, so it allows what the link allows. Who takes presses in:
`web/slack.py`.
"""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from service.channels.fit import cut, utf16
from service.core.message import Action

# https://docs.slack.dev/reference/block-kit/block-elements/button-element, and blocks/actions-block.
BUTTON_CHARS_MAX, URL_CHARS_MAX, VALUE_CHARS_MAX, BUTTONS_MAX = 75, 3000, 2000, 25

# What one press answers; a date and a report need the page.
PRESSED = frozenset({"acknowledge", "done", "help"})
SNOOZE = "snooze"
# The choices of the page (web/answer_choices.py); a test compares them.
SNOOZES = {"1h": "In 1 hour", "4h": "In 4 hours", "tomorrow": "Tomorrow at 09:00"}

Element = dict[str, object]


def buttons(actions: Sequence[Action], *, is_heard: bool) -> list[Element]:
    """As many as a block may have, without those whose link is too long. `is_heard`: presses reach us."""
    return list(_buttons(actions[:BUTTONS_MAX], is_heard=is_heard))


def _buttons(actions: Sequence[Action], *, is_heard: bool) -> Iterator[Element]:
    token = _shared_token(actions) if is_heard else ""
    # A menu's choices have no room for a token: it is taken from a button beside it.
    has_button = bool(token) and any(one.name in PRESSED for one in actions)
    for number, action in enumerate(actions):
        if utf16(action.url) > URL_CHARS_MAX:
            continue
        if has_button and action.name == SNOOZE:
            yield _menu(action, number)
            continue
        button: Element = {"type": "button", "text": plain(action.label, BUTTON_CHARS_MAX)}
        button |= {"value": token} if token and action.name in PRESSED else {"url": action.url}
        button["action_id"] = f"{action.name}.{number}"
        if number == 0 and action.name != "open":
            button["style"] = "primary"  # The answer hoped for.
        yield button


def token_of(url: str) -> str:
    """The token of a link of ours: what stands behind `/a/`."""
    return urlsplit(url).path.rpartition("/a/")[2]


def plain(text: str, most: int) -> Element:
    """No markup and no emoji names are read in it. It may not be empty."""
    return {"type": "plain_text", "text": cut(text, most) or "…", "emoji": False}


def _shared_token(actions: Sequence[Action]) -> str:
    token = token_of(actions[0].url) if actions else ""
    return token if utf16(token) <= VALUE_CHARS_MAX else ""


def _menu(action: Action, number: int) -> Element:
    return {
        "type": "static_select",
        "placeholder": plain(action.label, BUTTON_CHARS_MAX),
        "options": [
            {"text": plain(label, BUTTON_CHARS_MAX), "value": value} for value, label in SNOOZES.items()
        ],
        "action_id": f"{action.name}.{number}",
    }
