"""What an HR system says of people: somebody joined, changed or left. Kept word by word, each with its time; what
follows for the directory is core/people.py. Nobody is told anything."""

from datetime import datetime

from msgspec import UNSET

from service.core.directory import World
from service.core.effects import Decision
from service.core.events import Event, PersonChanged, PersonLeft
from service.core.merge import remember
from service.core.model import People, Word
from service.core.people import FAMILY
from service.core.reasons import Code, Reason

# One subject holds them all: a company has fewer, and at some 200 bytes each it stays below a few megabytes.
PEOPLE_MAX = 20_000
_FIELDS = ("name", "email", "manager", "mentor", "teams", "roles", "time_zone", "calendar")


def decide_people(people: People, event: Event, _: World) -> Decision:
    """What an event does to all that was said of people."""
    if not remember(people, event.source, event.id):
        reason = Reason(Code.DUPLICATE, "this event was applied before")
    elif isinstance(event.data, PersonLeft):
        reason = _keep(people, event, event.data.person, {"active": False})
    elif isinstance(event.data, PersonChanged):
        said = {name: value for name in _FIELDS if (value := getattr(event.data, name)) is not UNSET}
        said |= {"active": True} if event.type == "person.joined" else {}
        reason = _keep(people, event, event.data.person, said)
    else:
        reason = Reason(Code.UNMATCHED, f"no rule for {event.type} yet")
    return Decision(people, None, reasons=(reason,))


def _keep(people: People, event: Event, who: str, said: dict[str, object]) -> Reason:
    """The words that are newer than what is known; an equal time counts, as everywhere: the later record wins."""
    if who not in people.said and len(people.said) >= PEOPLE_MAX:
        return Reason(Code.REFUSED, f"events have spoken of {PEOPLE_MAX} people already")
    at: datetime = min(event.time, event.received_at)
    known = people.said.setdefault(who, {})
    newer = {name: value for name, value in said.items() if name not in known or at >= known[name].at}
    if said and not newer:
        return Reason(Code.OLDER, "something newer is known already")
    for name, value in newer.items():
        before = known.get(name)
        since = (before.since or before.at) if before is not None and before.value == value else at
        known[name] = Word(value, at, since)  # type: ignore[arg-type]  # as the event's type has it
    # Names and addresses are not for the log: only what was said of, not what.
    return Reason(Code.RECORDED, f"said of {who}: {', '.join(newer) or 'nothing new'}")


__all__ = ["FAMILY", "decide_people"]
