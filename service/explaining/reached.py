"""Whom a word reached, and when: told is who it was sent to, whoever it was asked for. Pure.

A word that waits, that a digest left out, that was withdrawn or lost on the way has told nobody; one that a delegate
got has told the delegate.
"""

from collections.abc import Iterable
from datetime import datetime

from service.core.effects import LogEntry


def reached(after: Iterable[LogEntry], title: str) -> dict[str, datetime]:
    """Each reader with the time it first went out to them, by the trail of a word about what is called `title`."""
    found: dict[str, datetime] = {}
    left_out = set[str]()
    for entry in sorted(after, key=lambda one: one.at):
        if entry.input != "delivery":
            continue
        for what, key, to in entry.effects:
            if what == "checked" and _is_left_out(entry, title):
                left_out.add(key)
            elif what == "sent" and key not in left_out:
                found.setdefault(to, entry.at)
    return found


def _is_left_out(checked: LogEntry, title: str) -> bool:
    """A digest says by their titles what of it is no longer true."""
    return bool(title) and any(
        why.text.startswith(f"{title} (") and ") is left out: " in why.text for why in checked.reasons
    )
