"""cadences.yaml: who is asked for a check-in, when, and until when; compiled into one series for each person in it.

People come from the directory as it loads: whoever joins a team is in its cadences with the next load.
"""

import re
from collections.abc import Iterable
from datetime import time
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, RootModel, WithJsonSchema

from service.core.directory import Directory
from service.core.events import CheckinScheduled
from service.core.model import Rhythm
from service.core.periods import read_week
from service.settings import durations
from service.settings.calendars import DAYS
from service.settings.check import Line, Strict, check, wrong
from service.settings.document import Document, Path_
from service.settings.policy_model import Duration
from service.settings.problems import nearest
from service.settings.recipients import NAMES_MAX, unknown_names

_NAME_OF_ONE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}", re.ASCII)
_MOMENT = re.compile(r"(?P<day>\S+)\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})")
_MOMENT_HINT = 'write it as in "Fri 09:00"'
_EVERY = re.compile(r"(?:(?P<weeks>[2-9]|1\d|2[0-6]) weeks|week)")
_WHO = ("person", "team", "role")
_WHO_HINT = "write it as in team:east, person:ana or role:rep"
_MINUTES_A_WEEK = 7 * 24 * 60
# A change of the clocks takes up to two hours out of a week (Antarctica/Troll; an hour nearly everywhere).
_CLOCK_CHANGE_MINUTES = 120


def _moment(value: object) -> object:
    """`Fri 09:00`, in the wall time of whoever is asked."""
    found = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise wrong(f"`{str(value)[:40]}` is not a time of the week", _MOMENT_HINT)
    day = found["day"].lower()
    if day not in _DAY_NAMES:
        near = nearest(day, _DAY_NAMES)
        hint = f"did you mean `{DAYS[_DAY_NAMES[near]].capitalize()}`?" if near else _MOMENT_HINT
        raise wrong(f"`{found['day'][:40]}` is not a day of the week", hint)
    try:
        clock = time(int(found["hour"]), int(found["minute"]))
    except ValueError:
        raise wrong(f"no clock shows {found['hour']}:{found['minute']}", "00:00 to 23:59") from None
    return f"{DAYS[_DAY_NAMES[day]].capitalize()} {clock:%H:%M}"


_DAY_NAMES = {name: number for number, day in enumerate(DAYS) for name in (day, f"{day}day")}
_DAY_NAMES |= {"tuesday": 1, "wednesday": 2, "thursday": 3, "saturday": 5}


def _every(value: object) -> object:
    if not isinstance(value, str) or not _EVERY.fullmatch(value.strip()):
        raise wrong(f"`{str(value)[:40]}` is no rhythm of check-ins", "write `week` or `2 weeks`")
    return value.strip()


def _week(value: object) -> object:
    if not isinstance(value, str) or read_week(value) is None:
        raise wrong(f"`{str(value)[:40]}` is no week", "write an ISO week, as in 2026-W47")
    return value


def _who(value: object) -> object:
    names = value if isinstance(value, list) else [value]
    if not names:
        raise wrong("a list of people is expected", _WHO_HINT)
    for name in names:
        prefix, _, rest = name.partition(":") if isinstance(name, str) else ("", "", "")
        if prefix not in _WHO or not rest:
            near = nearest(prefix, _WHO) if rest else ""
            raise wrong(
                f"`{str(name)[:60]}` cannot be asked", f"did you mean `{near}:{rest}`?" if near else _WHO_HINT
            )
    return names


Moment = Annotated[str, BeforeValidator(_moment), Field(examples=["Fri 09:00", "Mon 17:30"])]
_NAME = {"type": "string", "pattern": "^(person|team|role):.+$"}
Who = Annotated[
    list[str],
    BeforeValidator(_who),
    Field(description="Who is asked: people, the members of teams, whoever has a role."),
    WithJsonSchema({"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]}),
]


def _grace(value: object) -> object:
    if isinstance(value, str) and durations.duration(value).is_business:
        raise wrong("grace is counted on every day", "write it as in `4 hours` or `1 day`")
    return value


class CadenceModel(Strict):
    """One cadence: everyone in it is asked at `ask` and waited for until `due`."""

    who: Who
    every: Annotated[str, BeforeValidator(_every), Field(examples=["week", "2 weeks"])]
    ask: Moment = Field(description="When each person is asked, by their own wall clock.")
    due: Moment = Field(description="Until when: the first such moment after the ask.")
    grace: Annotated[Duration, AfterValidator(_grace)] | None = Field(
        None, description="How much later still counts; nobody hears of a miss before it is over."
    )
    starting: Annotated[str, BeforeValidator(_week), Field(examples=["2026-W47"])] | None = Field(
        None, description="The first week in which it asks; says which weeks are meant by `2 weeks`."
    )
    title: Line | None = Field(None, description="What messages call it; without it `Weekly check-in`.")


class CadencesModel(RootModel[dict[str, CadenceModel]]):
    """Check-ins by name."""


class Cadence(NamedTuple):
    """One cadence as its file has it, for whoever is in it."""

    name: str
    title: str
    who: tuple[str, ...]
    rhythm: Rhythm


def series_of(cadences: Iterable[Cadence], graph: Directory) -> tuple[CheckinScheduled, ...]:
    """The series that the cadences and the people make."""
    return tuple(
        CheckinScheduled(
            person=person,
            cadence=one.name,
            title=one.title,
            rhythm=one.rhythm,
            time_zone=graph.people[person].time_zone,
        )
        for one in cadences
        for person in dict.fromkeys(who for name in one.who for who in _members(name, graph))
    )


def read_cadences(document: Document, graph: Directory) -> tuple[Cadence, ...]:
    """Every cadence of the file, with every problem in it reported."""
    value: Any = document.data if document.data is not None else {}
    model = check(document, CadencesModel, value=value)
    if model is None:
        return ()
    found = []
    for name, cadence in model.root.items():
        if not _NAME_OF_ONE.fullmatch(name):
            hint = "letters, digits, - and _, as in `weekly`"
            document.error((name,), f"`{name[:60]}` cannot be the name of a cadence", hint, at_key=True)
        _check_times(document, (name,), cadence)
        _check_people(document, (name, "who"), cadence, graph)
        title = cadence.title or f"{name[:1].upper()}{name[1:]} check-in"
        found.append(Cadence(name, title, tuple(cadence.who), _rhythm(cadence)))
    return tuple(found)


def _check_people(document: Document, path: Path_, cadence: CadenceModel, graph: Directory) -> None:
    """A name that is nobody's is reported where it is written."""
    roles = {role for person in graph.people.values() if person.active for role in person.roles}
    for index, name in enumerate(cadence.who):
        place = (*path, index) if isinstance(document.get(path), list) else path
        for message, hint in unknown_names((name,), graph.people, graph.teams, roles):
            document.error(place, message, hint)
        if not _members(name, graph) and name.partition(":")[2] in (*graph.people, *graph.teams, *roles):
            document.warn(place, f"`{name}` is nobody who could be asked")
    if len(cadence.who) > NAMES_MAX:
        document.error(path, f"more than {NAMES_MAX} names in one cadence", "use a team or a role")


def _members(name: str, graph: Directory) -> tuple[str, ...]:
    """Whom one entry of `who` means, of those who are there."""
    kind, _, rest = name.partition(":")
    if kind == "person":
        return (rest,) if rest in graph.people and graph.people[rest].active else ()
    return graph.members(rest) if kind == "team" else graph.with_role(rest)


def _check_times(document: Document, path: Path_, cadence: CadenceModel) -> None:
    rhythm = _rhythm(cadence)
    ask, due = _minute(rhythm.ask_day, rhythm.ask_clock), _minute(rhythm.due_day, rhythm.due_clock)
    if ask == due:
        document.error((*path, "due"), "it is due when it is asked", "give people time to answer")
    waits = (due - ask) % _MINUTES_A_WEEK + rhythm.grace_days * 24 * 60 + rhythm.grace_s // 60
    if ask != due and waits + _CLOCK_CHANGE_MINUTES > rhythm.weeks * _MINUTES_A_WEEK:
        where = "grace" if cadence.grace else "due"
        document.error((*path, where), "it still waits when the next one is asked", "end it two hours before")
    if rhythm.weeks > 1 and cadence.starting is None:
        hint = "write a week in which it asks, as in `starting: 2026-W47`"
        document.error((*path, "every"), f"`{cadence.every}` does not say which weeks", hint)


def _minute(day: int, clock: str) -> int:
    at = time.fromisoformat(clock)
    return (day * 24 + at.hour) * 60 + at.minute


def _rhythm(cadence: CadenceModel) -> Rhythm:
    (ask_day, ask), (due_day, due) = cadence.ask.split(), cadence.due.split()
    weeks = _EVERY.fullmatch(cadence.every)
    grace = durations.duration(cadence.grace) if cadence.grace else None
    return Rhythm(
        DAYS.index(ask_day.lower()),
        ask,
        DAYS.index(due_day.lower()),
        due,
        weeks=int(weeks["weeks"] or 1) if weeks else 1,
        first_week=(read_week(cadence.starting) or 0) if cadence.starting else 0,
        grace_days=grace.days if grace else 0,
        grace_s=int(grace.elapsed.total_seconds()) if grace else 0,
    )
