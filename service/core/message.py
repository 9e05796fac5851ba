"""A rendered notification: what messages/ makes and channels/ carries. Plain data, no markup rules."""

from msgspec import Struct


class Action(Struct, frozen=True):
    """One button of a message. `url` is signed and shows a page first; nothing happens by opening it."""

    label: str
    url: str
    name: str  # check_in | done | acknowledge | snooze | new_date | help | excuse | open


class Message(Struct, frozen=True):
    """One notification, ready for any channel. `subject` is one line; `html` a whole document."""

    subject: str
    short: str  # one plain sentence for chat previews and logs
    text: str
    html: str
    actions: tuple[Action, ...] = ()
    is_fallback: bool = False  # the template broke and the built-in text stands in


class Reader(Struct, frozen=True):
    """The record of whoever reads it: from the address book, newest only. A channel's reader has only a name."""

    id: str
    name: str
    time_zone: str = "UTC"
    addresses: dict[str, str] = {}  # channel kind or name -> address ("email" -> "ana@example.com")
