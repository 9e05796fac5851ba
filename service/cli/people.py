"""`followthrough people`: who works here, as the configuration has it: teams, the managers above, zones, channels."""

from typing import TYPE_CHECKING

from service.cli.configuration import read_settings
from service.cli.options import AsJson, Config
from service.cli.output import put_json, put_table

if TYPE_CHECKING:
    from service.core.directory import Directory, Person
    from service.settings.model import Settings


def people(config: Config = None, as_json: AsJson = False) -> None:
    """List the people, and who hears of whose misses.

    Teams, the managers from the nearest up, the time zone, the channels in order. Nothing is connected to.

    Example: followthrough people --json
    """
    settings = read_settings(config)
    everybody = [settings.graph.people[person] for person in sorted(settings.graph.people)]
    if as_json:
        put_json({"people": [_as_dict(person, settings) for person in everybody]})
        return
    put_table(
        ("id", "name", "teams", "roles", "managers", "mentor", "time zone", "calendar", "channels"),
        [_row(person, settings) for person in everybody],
    )


def managers_above(person: str, graph: "Directory") -> list[str]:
    """Who hears of it, from the nearest up; those who are not active are passed over, as an escalation does."""
    from service.core.recipients import manager_of

    chain: list[str] = []
    while above := manager_of(person, graph, frozenset(chain)):
        chain.append(above)
        person = above
    return chain


def _row(person: "Person", settings: "Settings") -> tuple[str, ...]:
    name = settings.book.name(person.id)
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
    )


def _as_dict(person: "Person", settings: "Settings") -> dict[str, object]:
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
    }
