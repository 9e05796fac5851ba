"""Who is asked for help, and whose turn it is where the first of several is away."""

from service.core.draft import Draft, Notice
from service.core.events import NotificationUnreachable
from service.core.model import Moment
from service.core.policy import Recipients
from service.core.reasons import Code
from service.core.recipients import resolve

HELP = "~help"
HELPERS = Recipients(("owner.mentor", "owner.manager"), first_only=True)


def ask_for_help(draft: Draft, moment: Moment, helpers: Recipients, extra: dict[str, object]) -> bool:
    """Whether there is anybody who can be asked."""
    by = extra.get("asked_by")
    found = [to for to in resolve(helpers, draft.state, draft.world.directory) if to != by]
    for to in found:
        draft.tell(
            Notice(to, "offer_help", HELP, moment, ["help was asked for"], urgency="high", extra=extra)
        )
        draft.because(Code.HELP_WANTED, f"{to} is told: {by} asks for help")
    return bool(found)


def ask_next(draft: Draft, moment: Moment, data: NotificationUnreachable) -> None:
    """Whoever was asked for help is away and nobody stands in: the next one is asked."""
    helpers = after_name(HELPERS, data.to, draft)
    if helpers is not None:
        ask_for_help(draft, moment, helpers, data.extra)


def after_name(listed: Recipients, to: str, draft: Draft) -> Recipients | None:
    """What is left of a `first_of` after the name that led to `to`; None when that leads to nobody."""
    people, names = draft.world.directory, listed.names
    found = {name: resolve(Recipients((name,)), draft.state, people) for name in names}
    tried = next((place for place, name in enumerate(names) if to in found[name]), len(names))
    rest = tuple(name for name in names[tried + 1 :] if found[name] and to not in found[name])
    return Recipients(rest, first_only=True) if rest and listed.first_only else None
