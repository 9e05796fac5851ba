"""What events have said of people, laid over the directory of the files: the newest word about a field counts before
the file, until an event takes it back.

Pure. Nothing is refused for what is known now: a new manager may join in the next event. What cannot hold is left out
each time the two are laid over one another, and named; it counts as soon as it can.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from service.core.directory import Directory, Person, chain_above
from service.core.model import People, Word

FAMILY = "people"
SUBJECT = "people/all"
NOBODY = "none"  # as a manager or a mentor

Said = Mapping[str, Mapping[str, Word]]


class Left(NamedTuple):
    """A word that does not count as things are, and why."""

    person: str
    field: str
    why: str

    @property
    def what(self) -> str:
        """`ana.manager`; the person alone where it is all that was said of them."""
        return f"{self.person}.{self.field}" if self.field else self.person


def with_said(files: Directory, people: People, zones: Collection[str]) -> tuple[Directory, list[Left]]:
    """The directory that decisions look at, without a hash, and what had to be left out of it. `zones` are the names of
    time zones that are known."""
    said: Said = {who: people.said[who] for who in sorted(people.said)}
    here = {
        who: files.people.get(who) or Person(who, time_zone=files.time_zone)
        for who in [*files.people, *(who for who in said if _has(said[who], "name"))]
    }
    left: list[Left] = []
    for who, words in said.items():
        if who not in here:
            left.append(Left(who, "", "they are not in directory.yaml, and have not joined"))
            continue
        changes: dict[str, object] = {}
        for field, word in words.items():
            if word.value is None or field not in Person.__struct_fields__:
                continue
            value, why = _checked(who, field, word.value, files, here, zones)
            changes[field] = value
            left += [Left(who, field, one) for one in why]
        here[who] = replace(here[who], **changes)
    left += _without_loops(here, files, said)
    return replace(files, people=here, hash=""), left


def _has(words: Mapping[str, Word], field: str) -> bool:
    return field in words and words[field].value is not None


def _checked(
    who: str,
    field: str,
    value: str | list[str] | bool,
    files: Directory,
    here: Mapping[str, Person],
    zones: Collection[str],
) -> tuple[object, list[str]]:
    """The value as the graph has it, as far as what it names is there; and what is not."""
    if field in ("manager", "mentor"):
        if value == NOBODY and NOBODY not in here:
            return "", []
        if value not in here:
            return getattr(here[who], field), [f"`{value}` is nobody we know"]
        return (getattr(here[who], field), ["they cannot be their own"]) if value == who else (value, [])
    if field == "teams" and isinstance(value, list):
        known = tuple(team for team in value if team in files.teams)
        return known, [f"there is no team `{team}`" for team in value if team not in files.teams]
    if field == "time_zone" and value not in zones:
        return here[who].time_zone, [f"`{value}` is not a time zone"]
    if field == "calendar" and value not in (*files.calendars, "default"):
        return here[who].calendar, [f"there is no calendar `{value}`"]
    return (tuple(value) if isinstance(value, list) else value), []


def _without_loops(here: dict[str, Person], files: Directory, said: Said) -> list[Left]:
    """Where managers go in a loop, its newest word is left out, until there is none: the files alone have no loop."""
    left: list[Left] = []
    spoken = {who: words["manager"].at for who, words in said.items() if _has(words, "manager")}
    managers = {who: person.manager for who, person in here.items()}
    for start in here:
        while loop := _loop(managers, start):
            newest = max((who for who in loop if who in spoken), key=lambda who: (spoken[who], who))
            del spoken[newest]
            why = f"managers would go in a loop: {' → '.join([*loop, loop[0]])}"
            left.append(Left(newest, "manager", why))
            before = files.people.get(newest)
            managers[newest] = before.manager if before else ""
            here[newest] = replace(here[newest], manager=managers[newest])
    return left


def _loop(managers: Mapping[str, str | None], start: str) -> list[str]:
    """The loop in which `start` and everybody above them end; nobody where there is a top."""
    chain = chain_above(managers, start)
    again = managers[chain[-1]]
    return chain[chain.index(again) :] if again in chain else []
