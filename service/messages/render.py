"""A notification owed becomes a message for its reader.

A pure function of the outbox entry, the template it pins, the reader's record and the names of people: equal input
makes equal bytes, whenever and wherever it runs. Boundaries, dates and headers are the channel's.
"""

from collections.abc import Callable

from service.core.effects import Owed
from service.core.message import Message, Reader
from service.messages.digest import view_of
from service.messages.fallback import plain_message
from service.messages.links import Links
from service.messages.templates import Templates
from service.messages.view import NameOf
from service.telemetry.logs import get_log

OnBroken = Callable[[Owed, Exception], None]


def log_broken(owed: Owed, error: Exception) -> None:
    """Tells the template's author. What failed is named, the notification's words are not: they are personal."""
    get_log().error(
        "template_broke",
        template=owed.template,
        template_hash=owed.template_hash,
        key=owed.key,
        error=f"{type(error).__name__}: {error}",
    )


def render(
    owed: Owed,
    reader: Reader,
    name_of: NameOf,
    templates: Templates,
    links: Links,
    on_broken: OnBroken = log_broken,
) -> Message:
    """The message. A template that breaks is told to `on_broken`, and the built-in text stands in (`is_fallback`).

    Raises UnknownTemplate when the pinned version is not loaded: then get it from the store (`add_pinned`).
    """
    compiled = templates.get(owed.template, owed.template_hash)
    view, buttons = view_of(owed, reader, name_of, links)
    try:
        return compiled.message(view, buttons)
    except Exception as error:  # noqa: BLE001  # whatever is wrong with the words, the notification goes out
        on_broken(owed, error)
        return plain_message(owed, reader, name_of, buttons)


def render_plain(owed: Owed, reader: Reader, name_of: NameOf, links: Links) -> Message:
    """The built-in text, for when the pinned template is nowhere to be found."""
    return plain_message(owed, reader, name_of, view_of(owed, reader, name_of, links)[1])
