"""Which buttons a message has. Pressing one opens a page; the page asks, then answers (web/answers.py)."""

from service.core.effects import Owed
from service.core.message import Action
from service.messages.links import Links
from service.messages.view import is_closed

# The same words as on the page behind them.
LABELS = {
    "check_in": "Check in",
    "done": "Done",
    "acknowledge": "I’m on it",
    "new_date": "New date",
    "snooze": "Remind me later",
    "help": "I need help",
    "excuse": "Excuse this time",
    "open": "See where it stands",
}

# The first one is the answer hoped for, and looks like it.
_OWNERS = {
    "reminder": ("done", "new_date", "help"),
    "missed": ("done", "acknowledge", "new_date", "help", "snooze"),
    "offer_help": ("help", "acknowledge", "new_date", "done"),
    "escalated": ("acknowledge", "done"),
    "deal_stalled": ("acknowledge", "help", "snooze"),
    "checkin_ask": ("check_in", "excuse"),
    "checkin_missed": ("check_in", "help"),
}
_OTHERS = dict.fromkeys(("missed", "offer_help", "escalated", "deal_stalled"), ("acknowledge", "open")) | {
    "checkin_missed": ("acknowledge", "excuse", "open")
}
# Silence ends by doing something, and a deal is won or lost where it is sold: neither has a button.
# Nor has a check-in another date, and what is done of it is written down.
_NO_CHECKIN = ("done", "new_date")
# A goal is reached by its number, and its period is its own.
_NOT_OFFERED = {"close": ("done",), "last_activity": ("done", "new_date"), "period_end": ("done", "new_date")}


def names(owed: Owed, reader_id: str) -> tuple[str, ...]:
    """The actions offered: the owner's answers to the owner, "I'm on it" to others, a look to a channel."""
    if owed.to.startswith("channel:") or is_closed(owed.facts):
        return ("open",)
    # Whoever stands in for the owner may do what the owner may.
    answers_for = (reader_id, owed.extra.get("stands_in_for"))
    offered = _OWNERS if owed.facts.get("owner") in answers_for else _OTHERS
    without = _NOT_OFFERED.get(str(owed.facts.get("moment")), ())
    without = _NO_CHECKIN if owed.facts.get("family") == "checkin" else without
    return tuple(name for name in offered.get(owed.template, ("open",)) if name not in without)


def actions(owed: Owed, reader_id: str, links: Links) -> tuple[Action, ...]:
    """The buttons, all with the message's one token."""
    offered = names(owed, reader_id)
    token = links.token(owed, offered)
    return tuple(Action(LABELS[name], links.url(token, name), name) for name in offered)
