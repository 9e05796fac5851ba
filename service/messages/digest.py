"""A digest's parts as its template sees them: each with its title, its state, why it came, and its own links."""

from collections.abc import Mapping

from service.core.effects import Owed, decode_owed
from service.core.message import Action, Reader
from service.messages.actions import actions
from service.messages.card import card
from service.messages.clean import line
from service.messages.links import Links
from service.messages.times import Times
from service.messages.view import MEANT_AS, NameOf, variables

# Of a part's reasons the last says why it comes now; the whole of them is on the page behind it.
WHY_CHARS_MAX = 200

# A mail names so many, what somebody has to act on before what is only news, and counts the rest.
NAMED_MAX = 20
# Twenty parts with five links each are a mail that is cut: the page behind any of them has all the answers.
LINKS_MAX = 2
ELSE = "Another answer"


def view_of(
    owed: Owed, reader: Reader, name_of: NameOf, links: Links
) -> tuple[dict[str, object], tuple[Action, ...]]:
    """The variables of any notification, and its buttons: a digest's are those of its parts."""
    view = variables(owed, reader, name_of)
    count = view["count"]
    if not isinstance(count, int) or not count:
        return view, actions(owed, reader.id, links)
    shown, offered = list[object](), list[Action]()
    parts = sorted((decode_owed(raw) for raw in owed.parts), key=lambda part: part.until == "nothing")
    since = min((part.asked_at or part.decided_at for part in parts), default=owed.decided_at)
    for part in parts[:NAMED_MAX]:
        # As of now, like the whole of the digest.
        inner, buttons = variables(part, reader, name_of), actions(part, reader.id, links)
        shown.append(_part(part, inner, buttons))
        offered += [Action(f"{one.label}: {inner['title']}", one.url, one.name) for one in buttons]
    since_words = Times(reader.time_zone, owed.decided_at).full(since)
    view |= {"items": shown, "more": count - len(shown), "since": since_words}
    return view, tuple(offered)


def _part(part: Owed, view: Mapping[str, object], buttons: tuple[Action, ...]) -> dict[str, object]:
    reasons = view["reasons"]
    first = reasons[-1] if isinstance(reasons, list) and reasons else ""
    return {
        "title": view["title"],
        "url": view["url"],
        "what": MEANT_AS.get(part.template, "a message"),
        "state": card(view)["state"],
        "owner": view["owner"],
        "is_yours": view["is_yours"],
        "why": line(first, WHY_CHARS_MAX),
        "links": [{"label": one.label, "url": one.url} for one in _few(buttons)],
    }


def _few(buttons: tuple[Action, ...]) -> tuple[Action, ...]:
    if len(buttons) <= LINKS_MAX:
        return buttons
    first = buttons[0]
    return (first, Action(ELSE, first.url.partition("?")[0], "open"))
