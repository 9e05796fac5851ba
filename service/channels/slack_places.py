"""Where in Slack a commitment is told to a reader: one thread each. Shared by all workers, and lost without harm.

What is lost is begun anew: the next message opens another thread.
"""

import msgspec
from msgspec import Struct

from service.channels.contract import Outlets
from service.core.effects import Owed
from service.core.ids import effect_key

# A thread that nothing was said in for so long is not looked for any more.
PLACE_S = 90 * 86_400
# So many notifications are known to have been posted: a copy of one comes within minutes.
KEYS_MAX = 8
# What speaks of several commitments, or of none, has no thread.
_NO_LIFE = frozenset({"digest", "unroutable", "policy_broken"})


class Place(Struct, frozen=True, array_like=True):
    """The first message of a thread, the newest link token in it, and the keys of the last notifications in it."""

    channel: str
    ts: str
    token: str = ""
    keys: tuple[str, ...] = ()


class Places:
    """Those of one entry of channels.yaml."""

    def __init__(self, name: str, outlets: Outlets) -> None:
        self._name, self._keep, self._kept = name, outlets.keep, outlets.kept

    async def of(self, to: str, life: str) -> Place | None:
        """The thread of a reader about one commitment; raises what the store does."""
        raw = await self._kept(self._of(to, life)) if life else None
        try:
            return msgspec.msgpack.decode(raw, type=Place) if raw else None
        except msgspec.MsgspecError:
            return None  # Written by another version; see above.

    async def remember(self, to: str, life: str, place: Place) -> None:
        """From now on this is it."""
        if life and place.ts:
            await self._keep(self._of(to, life), msgspec.msgpack.encode(place), PLACE_S)

    def _of(self, to: str, life: str) -> str:
        return f"slack {effect_key('place', self._name, to, life)}"


def life_of(owed: Owed) -> str:
    """What is told in one thread: a commitment, of a check-in one period; empty for what has none."""
    if owed.parts or owed.template in _NO_LIFE:
        return ""
    return life(owed.subject, str(owed.facts.get("period") or ""))


def life(subject: str, period: str = "") -> str:
    """The same, said by a subject and the period that a check-in asked last."""
    return f"{subject} {period}".rstrip()
