"""Names and addresses: always the newest, looked up when a message is rendered and sent, never in the log.

Must not be used by a decision: that is the graph's part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.core.message import Reader
from service.settings.people import DirectoryModel

CHANNEL_PREFIX = "channel:"


@dataclass(frozen=True)
class AddressBook:
    """Readers by id. Nobody is ever missing: an unknown id is shown as it is written and has no address."""

    readers: Mapping[str, Reader] = field(default_factory=dict)
    team_names: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = "UTC"
    ids: Mapping[str, str] = field(default_factory=dict)  # by address, in small letters
    _slack_ids: Mapping[str, str] = field(default_factory=dict)

    def reader(self, who: str) -> Reader:
        """The record of a person, or of a channel (`channel:wins`), which has only a name."""
        return self.readers.get(who) or Reader(who, who.removeprefix(CHANNEL_PREFIX), self.time_zone)

    def id_of_email(self, email: str) -> str | None:
        """The id of whoever has this address, in whatever case it is written."""
        return self.ids.get(email.strip().casefold())

    def id_of_slack(self, member: str) -> str | None:
        """The id of whoever has this member id in the directory; None as well where two people have it."""
        return self._slack_ids.get(member) or None

    def name(self, who: str) -> str:
        """A person's or a team's name; for anything else the id itself."""
        found = self.readers.get(who)
        return found.name if found else self.team_names.get(who, who.removeprefix(CHANNEL_PREFIX))


def build_book(model: DirectoryModel, zone: str) -> AddressBook:
    readers, slack_ids = {}, dict[str, str]()
    for person in model.people:
        if person.slack:
            slack_ids[person.slack] = "" if person.slack in slack_ids else person.id
        addresses = {"email": person.email, "slack": person.slack}
        known = {channel: address for channel, address in addresses.items() if address}
        readers[person.id] = Reader(person.id, person.name, person.time_zone or zone, known)
    return AddressBook(
        readers,
        {team.id: team.name for team in model.teams},
        zone,
        {person.email.casefold(): person.id for person in model.people if person.email},
        slack_ids,
    )
