"""A rendered notification: what messages/ makes and channels/ carries. Plain data, no markup rules."""

from msgspec import Struct


class Action(Struct, frozen=True):
    """One button of a message. `url` is signed and shows a page first; nothing happens by opening it."""

    label: str
    url: str
    name: str  # check_in | done | acknowledge | snooze | new_date | help | excuse | open


class Card(Struct, frozen=True):
    """A message in parts, for channels that lay it out themselves. Cleaned text without any markup."""

    title: str
    body: str  # a few lines; addresses stand on lines of their own
    state: str = ""  # in a word: `Was due 2 hours ago`
    tone: str = "quiet"  # ahead | late | good | quiet
    rows: tuple[tuple[str, str], ...] = ()  # label and value
    due_row: str = ""  # the label of the row that says the moment the message is about
    url: str = ""  # the record in the system it comes from
    reasons: tuple[str, ...] = ()


class Message(Struct, frozen=True):
    """One notification, ready for any channel. `subject` is one line; `html` a whole document."""

    subject: str
    short: str  # one plain sentence for chat previews and logs
    text: str
    html: str
    actions: tuple[Action, ...] = ()
    is_fallback: bool = False  # the template broke and the built-in text stands in
    card: Card | None = None

    @property
    def parts(self) -> Card:
        """The card; of a message without one, its text as it is."""
        return self.card or Card(self.subject, self.text.strip())


class Reader(Struct, frozen=True):
    """The record of whoever reads it: from the address book, newest only. A channel's reader has only a name."""

    id: str
    name: str
    time_zone: str = "UTC"
    addresses: dict[str, str] = {}  # channel kind or name -> address ("email" -> "ana@example.com")
