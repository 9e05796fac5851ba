"""The graph of people: ids, managers, teams, zones, channels in order of preference. No names, no addresses.

Snapshotted by content hash, so that an old decision replays. Names and addresses are the address book's (settings).
"""

from collections.abc import Mapping
from datetime import date, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from service.core.calendar import DAY_OFF_END, Calendar, Hours
from service.core.model import Absence
from service.core.policy import PolicyBook

_USUAL = Hours()
MANAGER_DEPTH_MAX = 10  # a longer chain is a mistake in the directory, not an organisation


class Person(Struct, frozen=True):
    id: str
    manager: str = ""
    mentor: str = ""
    teams: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    time_zone: str = "UTC"
    calendar: str = "default"
    channels: tuple[str, ...] = ("email",)
    active: bool = True
    quiet: str = ""  # `20:00-08:00` by their own clock
    away: tuple[Absence, ...] = ()


class Team(Struct, frozen=True):
    id: str
    lead: str = ""
    channels: tuple[str, ...] = ()


class Directory(Struct, frozen=True):
    people: dict[str, Person]
    teams: dict[str, Team]
    calendars: dict[str, Hours]
    hash: str = ""
    time_zone: str = "UTC"
    # Calendar -> day off -> the name of the holiday, for whoever asks why a day did not count.
    holidays: dict[str, dict[date, str]] = {}

    def zone_of(self, person: str) -> ZoneInfo:
        found = self.people.get(person)
        return ZoneInfo(found.time_zone if found else self.time_zone)

    def hours_of(self, person: str) -> Hours:
        found = self.people.get(person)
        return self.calendars.get(found.calendar if found else "default", _USUAL)

    def calendar_of(self, person: str) -> Calendar:
        found = self.people.get(person)
        zone, calendar = (found.time_zone, found.calendar) if found else (self.time_zone, "default")
        return _calendar(zone, self.calendars.get(calendar, _USUAL), found.quiet if found else "")

    def end_of_day(self, person: str, day: date) -> time:
        """When the person's working hours end on `day`, by their own wall clock; 17:00 on a day off."""
        hours = self.hours_of(person).on(day)
        return hours[1] if hours else DAY_OFF_END

    def members(self, team: str) -> tuple[str, ...]:
        return tuple(p.id for p in self.people.values() if p.active and team in p.teams)

    def with_role(self, role: str) -> tuple[str, ...]:
        return tuple(p.id for p in self.people.values() if p.active and role in p.roles)


def chain_above(managers: Mapping[str, str | None], person: str) -> list[str]:
    """The person and everybody above, until the top or until somebody would come twice."""
    chain = {person: None}
    above = managers.get(person)
    while above and above in managers and above not in chain:
        chain[above] = None
        above = managers.get(above)
    return list(chain)


@lru_cache(maxsize=1_024)  # every decision asks, and an organisation has a handful
def _calendar(zone: str, hours: Hours, quiet: str) -> Calendar:
    return Calendar(ZoneInfo(zone), hours, quiet)


def forget_zones() -> None:
    """Zones are looked up anew, as by a process that starts."""
    _calendar.cache_clear()


class World(Struct, frozen=True):
    """All a decision may look at besides the state and the input. Replaced whole at a reload, never changed."""

    policies: PolicyBook
    directory: Directory
    templates: dict[str, str]  # template name -> content hash, pinned into what is owed
    channels: frozenset[str]  # names in channels.yaml; any other is caught
    fallback_contact: str = "role:ops"
    noise_budget: int = 0  # messages a person and day, but for urgent ones; 0: as many as there are
