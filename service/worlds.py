"""The world as it is now, and every older policy a subject is still pinned to.

A reload replaces the world whole; what subjects are pinned to is fetched from the store when it is first met.
"""

from collections.abc import Callable

import msgspec

from service.core.directory import World
from service.core.events import Event, PolicyReplaced
from service.core.model import Commitment, decode_state
from service.core.policy import Policy, PolicyBook
from service.core.zone_rules import zone_rules
from service.store.contract import Store
from service.telemetry.logs import get_log

log = get_log()

Compile = Callable[[bytes, str], Policy]


def policies_of(raw: bytes) -> set[str]:
    """The hashes of the policies a stored state runs under; none where it cannot be read: then its own decision breaks,
    and not that of every subject loaded with it."""
    try:
        state = decode_state(raw)
    except msgspec.MsgspecError:
        return set()
    if not isinstance(state, Commitment):
        return set()
    return {run.policy for moment in state.moments.values() for run in moment.runs}


def policies_named(event: Event) -> set[str]:
    """The hashes of the policies that an event moves its subject to."""
    data = event.data
    return {move.new for move in data.moves if move.new} if isinstance(data, PolicyReplaced) else set()


def reckoning_of(world: World) -> str:
    """What timers are reckoned by: the directory, and the rules that this machine has for its zones."""
    directory = world.directory
    zones = [directory.time_zone, *(person.time_zone for person in directory.people.values())]
    return f"{directory.hash} {zone_rules(zones)}"


class Worlds:
    """`current` is what decisions look at, and `reckoning` says in a word how their timers come about; `ensure` makes
    older policies known."""

    def __init__(self, world: World, store: Store, compile_policy: Compile) -> None:
        self.current, self._store, self._compile = world, store, compile_policy
        self.reckoning = reckoning_of(world)

    def replace(self, world: World) -> None:
        """Take a new world; policies already fetched stay known, because subjects are still pinned to them. Old and new
        world share what is known: a batch that has begun in the old one may still fetch a policy."""
        known = self.current.policies.by_hash
        known |= world.policies.by_hash
        self.current = msgspec.structs.replace(world, policies=PolicyBook(world.policies.live, known))
        self.reckoning = reckoning_of(world)

    async def ensure(self, hashes: set[str]) -> None:
        """Have every policy of `hashes`. One that is lost from the store is replaced by its emptiness, loudly: its
        subjects keep their state and answer events, and `plan` moves them to a living policy."""
        known = self.current.policies.by_hash
        for content_hash in hashes - known.keys():
            pinned = await self._store.get_pinned("policy", content_hash)
            if pinned is None:
                log.error("pinned_policy_lost", policy=content_hash)
                known[content_hash] = Policy(f"lost-{content_hash}", "", "", "", content_hash)
            else:
                known[content_hash] = self._compile(pinned, content_hash)
