"""`followthrough people`: who works here, as the files have it, and as events have said since."""

from typing import TYPE_CHECKING

from service.cli.configuration import read_settings
from service.cli.options import AsJson, Config
from service.cli.output import put_json, put_table, say

if TYPE_CHECKING:
    from service.core.directory import Directory, Person
    from service.core.model import People, Word
    from service.core.people import Left
    from service.settings.model import Settings


def people(config: Config = None, as_json: AsJson = False) -> None:
    """List the people, and who hears of whose misses.

    Teams, the managers from the nearest up, the time zone, the channels in order; what an event has said stands in the
    last column with its day, everything else is as the files have it.

    Example: followthrough people --json
    """
    from service.settings.said import with_people

    files = read_settings(config)
    said, is_known = _said(files)
    settings, left = with_people(files, said)
    everybody = [settings.graph.people[person] for person in sorted(settings.graph.people)]
    if as_json:
        put_json(
            {
                "people": [_as_dict(person, settings, files, said) for person in everybody],
                "left_out": [one._asdict() for one in left],
                "events_known": is_known,
            }
        )
        return
    # Where no event has said anything, nobody has to wonder what the column is for.
    width = 10 if said.said else 9
    header = (
        "id",
        "name",
        "teams",
        "roles",
        "managers",
        "mentor",
        "time zone",
        "calendar",
        "channels",
        "by events",
    )
    put_table(header[:width], [_row(person, settings, said, left)[:width] for person in everybody])
    for one in left:
        say(f"left out, {one.what}: {one.why}")
    if not is_known:
        say("the store cannot be asked: what events have said of people is not shown")


def managers_above(person: str, graph: "Directory") -> list[str]:
    """Who hears of it, from the nearest up; those who are not active are passed over, as an escalation does."""
    from service.core.recipients import manager_of

    chain: list[str] = []
    while above := manager_of(person, graph, frozenset(chain)):
        chain.append(above)
        person = above
    return chain


def _said(files: "Settings") -> "tuple[People, bool]":
    """What events have said, and whether that is known. An installation that never ran is not begun by looking."""
    import asyncio

    from service.cli.connection import has_store
    from service.cli.exits import Failure
    from service.core.model import People

    if not has_store(files):
        return People(), True
    try:
        return asyncio.run(_read(files)), True
    except Failure:
        return People(), False


async def _read(files: "Settings") -> "People":
    from service.cli.connection import open_store
    from service.people import people_of, read_people

    async with open_store(files) as store:
        return people_of(await read_people(store, files.service.partitions))


def _words(person: str, said: "People") -> "dict[str, Word]":
    """What counts of it: a word that gave the field back to the file is none."""
    return {name: word for name, word in said.said.get(person, {}).items() if word.value is not None}


def _row(person: "Person", settings: "Settings", said: "People", left: "list[Left]") -> tuple[str, ...]:
    name = settings.book.name(person.id)
    out = {one.field for one in left if one.person == person.id}
    by_events = [
        f"{field} {word.at:%Y-%m-%d}{' (left out)' * (field in out)}"
        for field, word in _words(person.id, said).items()
    ]
    return (
        person.id,
        name if person.active else f"{name} (not active)",
        ", ".join(person.teams) or "-",
        ", ".join(person.roles) or "-",
        " → ".join(managers_above(person.id, settings.graph)) or "-",
        person.mentor or "-",
        person.time_zone,
        person.calendar,
        ", ".join(person.channels) or "-",
        ", ".join(by_events) or "-",
    )


def _as_dict(person: "Person", settings: "Settings", files: "Settings", said: "People") -> dict[str, object]:
    of_file = files.graph.people.get(person.id)
    return {
        "id": person.id,
        "name": settings.book.name(person.id),
        "active": person.active,
        "teams": list(person.teams),
        "roles": list(person.roles),
        "managers": managers_above(person.id, settings.graph),
        "mentor": person.mentor or None,
        "time_zone": person.time_zone,
        "calendar": person.calendar,
        "channels": list(person.channels),
        "by_events": {
            field: {
                "said": word.value,
                "at": word.at.isoformat(),
                "file": getattr(of_file, field, None) or None,
            }
            for field, word in _words(person.id, said).items()
        },
        "in_files": of_file is not None,
    }
