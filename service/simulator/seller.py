"""One seller of a made-up quarter: what they promise, sell and report, event by event, drawn from their own dice.

Every share is a constant below. Who they are is said in `quarter.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import msgspec

from service.core.calendar import wall
from service.core.directory import Directory, Person
from service.core.envelope import decode
from service.core.events import CheckinScheduled, Event
from service.core.periods import asks_in, period, week_number
from service.core.view import iso

FIRST_DAY = date(2026, 1, 5)
WEEKS = 13
SOURCE = "quarter"
_encode = msgspec.json.Encoder().encode

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
# Most deals are won when the month closes: in its last days, two of three.
BURST, BURST_DAYS = 67, 3
# Of deadlines that become late: what their owner says to the first message, out of a hundred; the rest is silent.
SEEN, LATER, HELP = 40, 10, 8
STAGES = ("qualified", "proposal", "negotiation", "closing")
STEPS = ("Call the buyer", "Send the contract", "Meet the team", "Agree on the price")


def arrive(attributes: Mapping[str, object], at: datetime) -> Event:
    """The event as the door would take it. We write it as the door does, so it need not be checked again: that takes
    most of the time of a made-up quarter."""
    return decode(_encode({**attributes, "receivedat": iso(at)}), at, trusted=True)


class Seller:
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
        self._away = sorted(away)
        self._days = [
            day
            for number in range(WEEKS * 7)
            if self._calendar.hours.on(day := FIRST_DAY + timedelta(days=number)) and day not in away
        ]
        self._number = 0

    def events(self, series: Iterable[CheckinScheduled]) -> Iterator[Event]:
        yield from self._absence()
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
        this: dict[str, object] = {"commitment_id": name}
        if dice.random() < 0.3:
            half = {"percent": dice.randrange(10, 100, 10), "confidence": dice.randint(1, 5)}
            yield from self._happen(
                "deadline.progress", said + (due - said) * dice.uniform(0.1, 0.3), this | half
            )
        if fate < KEPT:
            yield from self._happen("deadline.met", said + (due - said) * dice.uniform(0.3, 0.99), this)
        elif fate < KEPT + LATE:
            yield from self._answer(name, due)
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
            "stage": STAGES[0],
            "close_at": iso(close),
        }
        yield from self._happen("deal.created", begun, data)
        at, end = begun, dice.choice((close, self._month_end(close + timedelta(days=20))))
        if end != close and dice.random() < 0.8:
            yield from self._happen(
                "deal.updated", close - timedelta(days=dice.uniform(-1, 4)), this | {"close_at": iso(end)}
            )
        yield from self._pipeline(this, begun, end)
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
            if fate < WON:
                yield from self._happen("deal.won", self._won_at(end), this)
            else:
                yield from self._happen("deal.lost", end - timedelta(days=dice.expovariate(0.7)), this)

    def _pipeline(self, this: dict[str, object], begun: datetime, end: datetime) -> Iterator[Event]:
        """From stage to stage, as far as it comes: most deals stay somewhere on the way."""
        for number, stage in enumerate(STAGES[1:], 1):
            if self._dice.random() > 0.8:
                return
            at = self._moment((begun + (end - begun) * number / len(STAGES)).date())
            yield from self._happen("deal.updated", max(at, begun), this | {"stage": stage})

    def _won_at(self, end: datetime) -> datetime:
        """In a burst, when the month closes; or some days before the date."""
        dice = self._dice
        if dice.uniform(0, 100) < BURST:
            closes = self._last_of_month(end.date())
            return self._moment(closes - timedelta(days=dice.randrange(BURST_DAYS)))
        return end - timedelta(days=dice.expovariate(0.7))

    def _answer(self, name: str, due: datetime) -> Iterator[Event]:
        """What the owner of a late one says to the message about it."""
        says, at = self._dice.uniform(0, 100), due + timedelta(hours=self._dice.uniform(0.2, 8))
        this: dict[str, object] = {"subject_id": name, "by": self._who.id}
        if says < SEEN:
            yield from self._happen("commitment.acknowledged", at, this)
        elif says < SEEN + LATER:
            yield from self._happen("commitment.snoozed", at, this | {"until": iso(at + timedelta(days=1))})
        elif says < SEEN + LATER + HELP:
            yield from self._happen(
                "commitment.help_requested", at, this | {"reason": "no answer from the buyer"}
            )

    def _absence(self) -> Iterator[Event]:
        """Said some days before, and who stands in."""
        if self._away:
            first, after = self._away[0], self._away[-1] + timedelta(days=1)
            zone, number = self._calendar.zone, self._dice.randint(2, 14)
            away = {
                "person": self._who.id,
                "from": iso(wall(first, time(), zone)),
                "until": iso(wall(after, time(), zone)),
                **({"delegate": self._who.mentor} if self._who.mentor else {}),
            }
            yield from self._happen("person.away", self._moment(first - timedelta(days=number)), away)

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
            day = self._last_of_month(day)
        return wall(day, time(17), self._calendar.zone)

    @staticmethod
    def _last_of_month(day: date) -> date:
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)

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
        event = arrive(attributes, arrived.replace(microsecond=0))
        yield event
        if self._dice.uniform(0, 100) < TWICE:
            yield msgspec.structs.replace(event, received_at=event.received_at + timedelta(minutes=7))
