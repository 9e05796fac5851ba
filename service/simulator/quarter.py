"""A made-up quarter of a sales team: who they are, and what happened, event by event. Equal seeds make equal bytes.

It is as untidy as real ones: deals slip to the end of the month, people are away, wins come in bursts, some promises
are kept late or never, and a few events arrive twice, late, or in the wrong order.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import NamedTuple

import msgspec

from service.core.calendar import Hours, wall
from service.core.directory import Directory, Person, Team
from service.core.envelope import admit
from service.core.events import CheckinScheduled, Event
from service.core.periods import asks_in, period, week_number
from service.core.view import iso

FIRST_DAY = date(2026, 1, 5)
WEEKS = 13
TEAM_SIZE = 8
ZONES = ("Europe/Madrid", "Europe/Madrid", "Europe/London", "America/New_York")
SOURCE = "quarter"

# Of one person in a week, on average; of a hundred, how many end how.
DEADLINES_A_WEEK, DEALS_A_WEEK, TOUCHES_A_WEEK = 4, 2, 1.5
KEPT, LATE, MOVED = 78, 12, 6  # the rest is never heard of again
WON, LOST = 25, 45  # the rest is open when the quarter ends
TWICE, DELAYED = 2, 3
TITLES = (
    "Send the proposal",
    "Call back about the renewal",
    "Book the demo",
    "Share the security answers",
    "Agree on dates",
)
STEPS = ("Call the buyer", "Send the contract", "Meet the team", "Agree on the price")


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
            happened += _Seller(person, directory, dice).events(own)
            series += own
    happened.sort(key=lambda event: (event.received_at, event.id))
    return Quarter(directory, tuple(series), happened)


def _team(people: int, calendars: Mapping[str, Hours]) -> Directory:
    teams = -(-people // TEAM_SIZE)
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
                time_zone=ZONES[team % len(ZONES)],
            )
        )
    units = [Team(f"team-{team:02}", f"lead-{team:02}", ("wins",)) for team in range(1, teams + 1)]
    return Directory(
        {one.id: one for one in found}, {one.id: one for one in units}, dict(calendars), time_zone="UTC"
    )


class _Seller:
    """One person's quarter, drawn from their own dice: another person more changes nobody else's."""

    def __init__(self, person: Person, directory: Directory, dice: Random) -> None:
        self._who, self._dice = person, dice
        self._calendar = directory.calendar_of(person.id)
        away_from = dice.randrange(WEEKS) * 7
        away = (
            {FIRST_DAY + timedelta(days=away_from + day) for day in range(7)}
            if dice.random() < 0.6
            else set()
        )
        self._days = [
            day
            for number in range(WEEKS * 7)
            if self._calendar.hours.on(day := FIRST_DAY + timedelta(days=number)) and day not in away
        ]
        self._number = 0

    def events(self, series: Iterable[CheckinScheduled]) -> Iterator[Event]:
        for count, story in ((DEADLINES_A_WEEK, self._deadline), (DEALS_A_WEEK, self._deal)):
            for number in range(count * WEEKS):
                yield from story(f"{self._who.id}-{number:03}")
        for one in series:
            yield from self._check_ins(one)

    # -- stories ----------------------------------------------------------------------------------------------------
    def _deadline(self, name: str) -> Iterator[Event]:
        dice = self._dice
        said = self._moment(dice.choice(self._days))
        due = self._later(said, dice.randint(1, 10))
        data = {
            "commitment_id": name,
            "title": dice.choice(TITLES),
            "owner": self._who.id,
            "team": self._who.teams[0],
            "importance": dice.choices(("low", "normal", "high"), (2, 6, 2))[0],
        }
        yield from self._happen("deadline.set", said, data | {"due_at": iso(due)})
        fate = dice.uniform(0, 100)
        this = {"commitment_id": name}
        if fate < KEPT:
            yield from self._happen("deadline.met", said + (due - said) * dice.uniform(0.3, 0.99), this)
        elif fate < KEPT + LATE:
            if dice.random() < 0.4:
                answer = {"subject_id": name, "by": self._who.id}
                yield from self._happen(
                    "commitment.acknowledged", due + timedelta(hours=dice.uniform(0.2, 8)), answer
                )
            yield from self._happen("deadline.met", self._later(due, dice.randint(1, 4)), this)
        elif fate < KEPT + LATE + MOVED:
            moved_to = self._later(due, dice.randint(2, 6))
            yield from self._happen(
                "deadline.moved",
                due - timedelta(hours=dice.uniform(-20, 30)),
                this | {"due_at": iso(moved_to)},
            )
            yield from self._happen("deadline.met", moved_to - timedelta(hours=2), this)

    def _deal(self, name: str) -> Iterator[Event]:
        dice = self._dice
        begun = self._moment(dice.choice(self._days[: len(self._days) * 3 // 4]))
        close = self._month_end(begun + timedelta(days=dice.randint(10, 60)))
        this: dict[str, object] = {"deal_id": name}
        data = this | {
            "title": f"{dice.choice(('Contoso', 'Northwind', 'Fabrikam', 'Initech'))} {name}",
            "owner": self._who.id,
            "team": self._who.teams[0],
            "amount": str(round(dice.lognormvariate(9.5, 1), 2)),
            "currency": "EUR",
            "close_at": iso(close),
        }
        yield from self._happen("deal.created", begun, data)
        at, end = begun, dice.choice((close, self._month_end(close + timedelta(days=20))))
        if end != close and dice.random() < 0.8:
            yield from self._happen(
                "deal.updated", close - timedelta(days=dice.uniform(-1, 4)), this | {"close_at": iso(end)}
            )
        while (at := at + timedelta(days=dice.expovariate(TOUCHES_A_WEEK / 7))) < end:
            touched = self._moment(at.date())
            if dice.random() < 0.2:
                step = {
                    "next_step": dice.choice(STEPS),
                    "next_step_at": iso(self._later(touched, dice.randint(1, 6))),
                }
                yield from self._happen("deal.updated", touched, this | step)
            else:
                kind = dice.choice(("call", "mail", "next_step_done"))
                yield from self._happen("deal.activity", touched, this | {"kind": kind, "by": self._who.id})
        fate = dice.uniform(0, 100)
        if fate < WON + LOST:
            how = "deal.won" if fate < WON else "deal.lost"
            yield from self._happen(how, end - timedelta(days=dice.expovariate(0.7)), this)

    def _check_ins(self, series: CheckinScheduled) -> Iterator[Event]:
        """Nobody away reports; of the others nine of ten do, some of them late."""
        first = week_number(FIRST_DAY)
        for week in range(first, first + WEEKS):
            asked = period(series.rhythm, week, self._calendar.zone)
            if (
                not asks_in(series.rhythm, week)
                or asked.ask_at.date() not in self._days
                or self._dice.random() > 0.9
            ):
                continue
            answered = asked.ask_at + (asked.due_at - asked.ask_at) * self._dice.uniform(0.1, 1.4)
            said = {"person": self._who.id, "cadence": series.cadence, "period": asked.id}
            more = {"progress": "as planned", "confidence": self._dice.randint(1, 5)}
            yield from self._happen("checkin.submitted", answered, said | more)

    # -- times --------------------------------------------------------------------------------------------------------
    def _moment(self, day: date) -> datetime:
        """A minute of this day's working hours, or of noon on a day off."""
        opens, closes = self._calendar.hours.on(day) or (time(12), time(13))
        minutes = (closes.hour - opens.hour) * 60
        at = wall(day, opens, self._calendar.zone)
        return at + timedelta(minutes=self._dice.randrange(minutes))

    def _later(self, at: datetime, days: int) -> datetime:
        """The end of working hours some days later."""
        day = at.astimezone(self._calendar.zone).date() + timedelta(days=days)
        hours = self._calendar.hours.on(day)
        return wall(day, hours[1] if hours else time(17), self._calendar.zone)

    def _month_end(self, at: datetime) -> datetime:
        """Where close dates end up, two times of three."""
        day = at.date()
        if self._dice.random() < 0.67:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        return wall(day, time(17), self._calendar.zone)

    # -- arrival ------------------------------------------------------------------------------------------------------
    def _happen(self, kind: str, at: datetime, data: Mapping[str, object]) -> Iterator[Event]:
        """The event as it arrives: mostly at once, sometimes late, sometimes a second time."""
        self._number += 1
        at = max(at, datetime.combine(FIRST_DAY, time(), UTC)).replace(second=0, microsecond=0)
        arrived = at + timedelta(hours=self._dice.uniform(1, 30)) * (self._dice.uniform(0, 100) < DELAYED)
        attributes = {
            "specversion": "1.0",
            "id": f"{self._who.id}/{self._number}",
            "source": SOURCE,
            "type": kind,
            "time": iso(at),
            "data": dict(data),
        }
        event, _ = admit(attributes, arrived.replace(microsecond=0))
        yield event
        if self._dice.uniform(0, 100) < TWICE:
            yield msgspec.structs.replace(event, received_at=event.received_at + timedelta(minutes=7))
