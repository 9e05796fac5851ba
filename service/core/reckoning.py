"""Time reckoned anew: people move, calendars get another holiday, and what is open falls due at another instant.

Nothing is told here, and nothing fires: a timer that lies in the past by the new reckoning is fired in its turn.
"""

from datetime import datetime

from service.core.directory import World
from service.core.draft import Draft
from service.core.effects import Decision
from service.core.model import Inbox, decode_state
from service.core.planning import settle_date
from service.core.reasons import Code
from service.core.rules import inbox as inboxes


def reckon(subject: str, stored: bytes, world: World, now: datetime) -> Decision:
    """The subject with its days and its timer as the directory of today has them."""
    state = decode_state(stored)
    if isinstance(state, Inbox):
        return inboxes.reckon(subject, state, world, now)
    draft = Draft(subject, state, world, now)
    if state.status == "open":
        for moment in state.moments.values():
            settle_date(draft, moment)
    draft.because(Code.RECKONED, "people or calendars are others than before; its timer was set anew")
    return draft.finish()
