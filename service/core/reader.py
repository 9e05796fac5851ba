"""Whether a reader may be told now, and when else: absence, quiet hours, working days, noise budget. Pure.

The directory has the defaults, the inbox knows better: what the person has said by events counts before it.
"""

from datetime import datetime, time, timedelta
from typing import NamedTuple

from service.core.calendar import HORIZON_DAYS, wall
from service.core.directory import Person, World
from service.core.model import Absence, Inbox
from service.core.quiet import quiet_end_after, quiet_until

# Absences and quiet times that follow each other are gone through; more than these are a mistake somewhere.
TURNS_MAX = 50


class Later(NamedTuple):
    """Not now: when, and why in words for the reader. `at` is None while nobody can tell."""

    code: str
    at: datetime | None
    why: str


def absence(inbox: Inbox, person: Person, at: datetime) -> Absence | None:
    """The absence that covers `at`; of several the one in which somebody stands in."""
    if not inbox.absences and not person.away:
        return None
    known = [*inbox.absences, *(a for a in person.away if not inbox.back_at or a.at > inbox.back_at)]
    covering = [a for a in known if a.at <= at and (a.until is None or at < a.until)]
    return next((a for a in covering if a.delegate), covering[0] if covering else None)


def in_quiet_until(inbox: Inbox, person: Person, world: World, at: datetime) -> datetime | None:
    """When the reader's quiet time around `at` ends; None when `at` is in none."""
    quiet = quiet_of(inbox, person)
    return quiet_until(quiet, world.directory.zone_of(person.id), at) if quiet else None


def quiet_of(inbox: Inbox, person: Person) -> str:
    said = inbox.preferences.quiet if inbox.preferences else None
    return person.quiet if said is None else said


def free_from(inbox: Inbox, person: Person, world: World, at: datetime) -> datetime | None:
    """The first moment from `at` on at which the reader is neither away nor in quiet time; None: nobody can tell."""
    for _ in range(TURNS_MAX):
        gone = absence(inbox, person, at)
        if gone is not None and gone.until is None:
            return None
        end = gone.until if gone else in_quiet_until(inbox, person, world, at)
        if end is None:
            return at
        at = end
    return at


def next_digest(inbox: Inbox, person: Person, world: World, at: datetime) -> datetime | None:
    """When the reader's next digest is due: at the end of their quiet time, else when their next working day begins."""
    zone = world.directory.zone_of(person.id)
    end = quiet_end_after(quiet_of(inbox, person), zone, at)
    return free_from(inbox, person, world, end or _next_opening(person, world, at))


def _next_opening(person: Person, world: World, at: datetime) -> datetime:
    zone, hours = world.directory.zone_of(person.id), world.directory.hours_of(person.id)
    today = at.astimezone(zone).date()
    for ahead in range(HORIZON_DAYS):
        day = today + timedelta(days=ahead)
        if (open_ := hours.on(day)) and (opens := wall(day, open_[0], zone)) > at:
            return opens
    return at + timedelta(days=1)


def is_over_budget(inbox: Inbox, world: World, at: datetime) -> bool:
    """Whether the reader has had as many messages today as they should."""
    return 0 < budget_of(inbox, world) <= counted(inbox, at)


def budget_of(inbox: Inbox, world: World) -> int:
    """How many messages a day are enough for the reader; 0: as many as there are."""
    said = inbox.preferences.budget if inbox.preferences else None
    return world.noise_budget if said is None else said


def counted(inbox: Inbox, at: datetime) -> int:
    """How many messages of the reader's day around `at` count."""
    return inbox.counted if inbox.counted_until is not None and at < inbox.counted_until else 0


def count(inbox: Inbox, person: Person, world: World, at: datetime) -> None:
    """One message more on the reader's day."""
    if inbox.counted_until is None or at >= inbox.counted_until:
        zone = world.directory.zone_of(person.id)
        tomorrow = at.astimezone(zone).date() + timedelta(days=1)
        inbox.counted, inbox.counted_until = 0, wall(tomorrow, time.min, zone)
    inbox.counted += 1


def channels(inbox: Inbox, person: Person) -> tuple[str, ...]:
    """By what the reader is told, in their order; one that they asked for comes first."""
    said = inbox.preferences.channels if inbox.preferences else None
    return person.channels if said is None else said
