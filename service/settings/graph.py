"""The people of directory.yaml as the decision's graph and as the address book, everything that hangs together checked.

Found at load, all at once, named exactly: loops of managers, missing managers, mentors, teams and leads, unknown
calendars, ids written twice. The graph has no names and no addresses; it is pinned by its hash.
"""

import hashlib
import json
from collections.abc import Collection, Iterator
from datetime import date, time
from typing import Any
from zoneinfo import ZoneInfo

from service.core.calendar import Hours
from service.core.directory import MANAGER_DEPTH_MAX, Directory, Person, Team, chain_above
from service.core.model import Absence
from service.settings import absences
from service.settings.calendars import Calendars
from service.settings.document import Document, Path_
from service.settings.people import DirectoryModel, PersonModel
from service.settings.problems import did_you_mean
from service.settings.text import lookalike

_LATER = ("quiet", "away")


def build_graph(
    document: Document,
    model: DirectoryModel,
    calendars: Calendars,
    channels: Collection[str],
    zone: str,
) -> Directory:
    """The graph, with every problem in it reported."""
    _check_ids(document, model)
    _check_references(document, model, calendars.hours, channels)
    _check_managers(document, model)
    _check_absences(document, model, zone)
    of_team = {team.id: team.calendar for team in model.teams if team.calendar}
    people = {
        person.id: Person(
            id=person.id,
            manager=person.manager or "",
            mentor=person.mentor or "",
            teams=tuple(person.teams),
            roles=tuple(person.roles),
            time_zone=person.time_zone or zone,
            calendar=person.calendar
            or next((of_team[team] for team in person.teams if team in of_team), "default"),
            channels=tuple(person.channels),
            active=person.active,
            quiet=person.quiet or "",
            away=_absences(person, zone),
        )
        for person in model.people
    }
    teams = {team.id: Team(team.id, team.lead or "", tuple(team.channels)) for team in model.teams}
    return compile_graph(pin_graph(Directory(people, teams, calendars.hours, "", zone, calendars.holidays)))


def pin_graph(graph: Directory) -> bytes:
    """The graph as canonical JSON, kept in the store under its hash so that an old decision replays."""
    plain: dict[str, object] = {
        "people": [_plain(graph.people[person]) for person in sorted(graph.people)],
        "teams": [_plain(graph.teams[team]) for team in sorted(graph.teams)],
        "calendars": {name: _plain_hours(graph.calendars[name]) for name in sorted(graph.calendars)},
        "time_zone": graph.time_zone,
    }
    if graph.holidays:  # left out where there are none, so that the hash of such a graph stays what it was
        plain["holidays"] = {
            name: {day.isoformat(): called for day, called in sorted(days.items())}
            for name, days in graph.holidays.items()
        }
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def compile_graph(pinned: bytes) -> Directory:
    """The graph that `pin_graph` wrote, with its hash: the first 16 hex digits of the SHA-256 of the bytes."""
    plain = json.loads(pinned)
    return Directory(
        people={person["id"]: Person(**_tuples(person)) for person in plain["people"]},
        teams={team["id"]: Team(**_tuples(team)) for team in plain["teams"]},
        calendars={name: _hours(hours) for name, hours in plain["calendars"].items()},
        hash=hashlib.sha256(pinned).hexdigest()[:16],
        time_zone=plain["time_zone"],
        holidays={
            name: {date.fromisoformat(day): called for day, called in days.items()}
            for name, days in plain.get("holidays", {}).items()
        },
    )


def _plain(item: Person | Team) -> dict[str, object]:
    """What came later is left out where there is none of it, so that the hash of older graphs stays what it was."""
    plain = {name: getattr(item, name) for name in item.__struct_fields__}
    if isinstance(item, Person):
        plain["away"] = [absences.plain(one) for one in item.away]
    return {name: value for name, value in plain.items() if value or name not in _LATER}


def _tuples(plain: dict[str, Any]) -> dict[str, Any]:
    found = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    if "away" in found:
        found["away"] = tuple(absences.compiled(one) for one in found["away"])
    return found


def _plain_hours(hours: Hours) -> dict[str, object]:
    week = [[end.isoformat("minutes") for end in day] if day else None for day in hours.week]
    return {"week": week, "off": sorted(day.isoformat() for day in hours.off)}


def _hours(plain: dict[str, list[object]]) -> Hours:
    week = tuple(
        (time.fromisoformat(day[0]), time.fromisoformat(day[1])) if isinstance(day, list) else None
        for day in plain["week"]
    )
    return Hours(week, frozenset(date.fromisoformat(str(day)) for day in plain["off"]))


def _check_ids(document: Document, model: DirectoryModel) -> None:
    for kind, ids in (("people", [p.id for p in model.people]), ("teams", [t.id for t in model.teams])):
        first: dict[str, int] = {}
        for index, written in enumerate(ids):
            before = first.setdefault(lookalike(written), index)
            if before == index:
                continue
            line = document.mark((kind, before, "id")).line
            message = (
                f"`{written}` is written twice, first in line {line}"
                if ids[before] == written
                else f"`{written}` looks like `{ids[before]}` of line {line}"
            )
            document.error((kind, index, "id"), message, "give each its own id")
    emails: dict[str, str] = {}
    for index, person in enumerate(model.people):
        other = emails.setdefault((person.email or person.id).casefold(), person.id)
        if person.email and other != person.id:
            document.error(
                ("people", index, "email"),
                f"`{other}` has the same e-mail address",
                "one person, one address",
            )


def _check_references(
    document: Document, model: DirectoryModel, calendars: Collection[str], channels: Collection[str]
) -> None:
    people = {person.id: person for person in model.people}
    teams = {team.id for team in model.teams}
    for path, name, known, what in _references(model, people, teams, calendars):
        if name not in known:
            document.error(path, f"there is no {what} `{name}`", did_you_mean(name, known))
        elif what == "person" and path[-1] in ("manager", "lead") and not people[name].active:
            document.warn(path, f"`{name}` is not active, so the fallback contact is told instead")
    named = [
        (("people", i, "channels", j), c)
        for i, p in enumerate(model.people)
        for j, c in enumerate(p.channels)
    ]
    named += [
        (("teams", i, "channels", j), c.partition(":")[0])
        for i, t in enumerate(model.teams)
        for j, c in enumerate(t.channels)
    ]
    for place, channel in named:
        if channel not in channels:
            hint = did_you_mean(channel, channels)
            document.warn(
                place, f"channel `{channel}` is not in channels.yaml, so its messages are caught", hint
            )
    for index, person in enumerate(model.people):
        if person.active and person.email is None and "email" in person.channels:
            document.warn(
                ("people", index), f"`{person.id}` has no e-mail address", "add `email`, or other `channels`"
            )


def _references(
    model: DirectoryModel, people: Collection[str], teams: Collection[str], calendars: Collection[str]
) -> Iterator[tuple[Path_, str, Collection[str], str]]:
    """Every name in the directory that must exist: where it stands, the name, the known ones, what it is."""
    for index, person in enumerate(model.people):
        here: Path_ = ("people", index)
        for key, name in (("manager", person.manager), ("mentor", person.mentor)):
            if name is not None:
                yield (*here, key), name, people, "person"
        for number, team in enumerate(person.teams):
            yield (*here, "teams", number), team, teams, "team"
        for number, gone in enumerate(person.away):
            if gone.delegate is not None:
                yield (*here, "away", number, "delegate"), gone.delegate, people, "person"
        if person.calendar is not None:
            yield (*here, "calendar"), person.calendar, calendars, "calendar"
    for index, unit in enumerate(model.teams):
        if unit.lead is not None:
            yield ("teams", index, "lead"), unit.lead, people, "person"
        if unit.calendar is not None:
            yield ("teams", index, "calendar"), unit.calendar, calendars, "calendar"


def _check_managers(document: Document, model: DirectoryModel) -> None:
    managers = {person.id: person.manager for person in model.people}
    index = {person.id: number for number, person in enumerate(model.people)}
    named: set[str] = set()
    for person in model.people:
        if person.manager == person.id:
            document.error(
                ("people", index[person.id], "manager"), f"`{person.id}` is their own manager", "leave it out"
            )
            continue
        chain = chain_above(managers, person.id)
        last = managers.get(chain[-1])
        if last in chain and last != chain[-1]:
            loop = chain[chain.index(last) :]
            if last == person.id and named.isdisjoint(loop):
                message = f"managers go in a loop: {' → '.join([*loop, last])}"
                document.error(
                    ("people", index[person.id], "manager"), message, "the top person has no manager"
                )
            named.update(loop if last == person.id else ())
        elif len(chain) - 1 == MANAGER_DEPTH_MAX + 1:  # those further down hang on the same chain
            message = f"`{person.id}` has {len(chain) - 1} managers above, more than {MANAGER_DEPTH_MAX}"
            document.error(("people", index[person.id], "manager"), message)


def _absences(person: PersonModel, zone: str) -> tuple[Absence, ...]:
    home = ZoneInfo(person.time_zone or zone)
    return tuple(absences.absence(one.from_, one.until, one.delegate or "", home) for one in person.away)


def _check_absences(document: Document, model: DirectoryModel, zone: str) -> None:
    for index, person in enumerate(model.people):
        for number, one in enumerate(_absences(person, zone)):
            here: Path_ = ("people", index, "away", number)
            if one.until is not None and one.until <= one.at:
                document.error((*here, "until"), f"`{person.id}` is back before they leave")
            if one.delegate == person.id:
                document.error((*here, "delegate"), f"`{person.id}` cannot stand in for themselves")
