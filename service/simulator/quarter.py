"""A made-up quarter of a sales team: who they are, and what happened, event by event. Equal seeds make equal bytes.

It is as untidy as real ones: deals go through a pipeline and slip to the end of the month, people are away and say so,
holidays are the calendars' own, wins come in bursts, some promises are kept late or never, answers come in between, and
a few events arrive twice, late, or in the wrong order. Every share is a constant of
`seller.py`.

Fifty people make some 25,000 events of it, and 66,000 decisions under the shipped policies (seed 7): what a real
quarter has, and not padded. Half a million decisions are a quarter of some 380 people.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import NamedTuple

import msgspec

from service.core.calendar import Hours
from service.core.directory import Directory, Person, Team
from service.core.events import CheckinScheduled, Event
from service.simulator.seller import FIRST_DAY, WEEKS, Seller

TEAM_SIZE = 8
ZONES = ("Europe/Madrid", "Europe/Madrid", "Europe/London", "America/New_York")


class Quarter(NamedTuple):
    """Who the team is, and what happened, in the order of arrival."""

    directory: Directory
    series: tuple[CheckinScheduled, ...]
    events: list[Event]


def quarter(
    people: int, seed: int, calendars: Mapping[str, Hours], cadences: Iterable[CheckinScheduled]
) -> Quarter:
    """`people` who sell, those who lead them, and their quarter. `calendars` and `cadences` are the configuration's:
    everyone who sells is asked as somebody is there."""
    directory = _team(people, calendars)
    asked = {one.cadence: one for one in cadences}.values()
    series: list[CheckinScheduled] = []
    happened: list[Event] = []
    for person in directory.people.values():
        if "rep" in person.roles:
            dice = Random(f"{seed}:{person.id}")  # noqa: S311  a story, not a secret
            own = [
                msgspec.structs.replace(one, person=person.id, time_zone=person.time_zone) for one in asked
            ]
            happened += Seller(person, directory, dice).events(own)
            series += own
    ends_at = datetime.combine(FIRST_DAY + timedelta(weeks=WEEKS), time(), UTC)
    happened = [event for event in happened if event.received_at < ends_at]  # the rest is of the next quarter
    happened.sort(key=lambda event: (event.received_at, event.id))
    return Quarter(directory, tuple(series), happened)


def _team(people: int, calendars: Mapping[str, Hours]) -> Directory:
    teams = -(-people // TEAM_SIZE)
    elsewhere = next((name for name in calendars if name != "default"), "default")
    found = [Person("director", roles=("director",)), Person("ops", manager="director", roles=("ops",))]
    found += [
        Person(f"lead-{team:02}", manager="director", teams=(f"team-{team:02}",), roles=("manager",))
        for team in range(1, teams + 1)
    ]
    for number in range(1, people + 1):
        team = (number - 1) // TEAM_SIZE + 1
        mentor = f"rep-{number - 1 if number > 1 else min(people, 2):03}"
        found.append(
            Person(
                f"rep-{number:03}",
                manager=f"lead-{team:02}",
                mentor=mentor if people > 1 else "",
                teams=(f"team-{team:02}",),
                roles=("rep",),
                time_zone=(zone := ZONES[team % len(ZONES)]),
                calendar=elsewhere if zone.startswith("America/") else "default",
            )
        )
    units = [Team(f"team-{team:02}", f"lead-{team:02}", ("wins",)) for team in range(1, teams + 1)]
    return Directory(
        {one.id: one for one in found}, {one.id: one for one in units}, dict(calendars), time_zone="UTC"
    )
