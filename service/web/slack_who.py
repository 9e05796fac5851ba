"""Which person of the directory a member of Slack is: by the id there, else by their e-mail address in Slack."""

from typing import TYPE_CHECKING

from service.channels.contract import ChannelError
from service.web.deps import WebDeps
from service.web.slack_payload import Command, Press

if TYPE_CHECKING:
    from service.channels.slack import SlackChannel

UNKNOWN = (
    "Followthrough does not know who you are: nobody in its directory has your e-mail address in Slack, or your member"
    " id {member}. Ask whoever looks after directory.yaml to add `slack: {member}` to your entry."
)


async def person_of(who: Press | Command, channel: "SlackChannel", deps: WebDeps) -> str | None:
    """The person's id; None for whoever is unknown, gone, or no full member of our workspace. ChannelError when Slack
    does not say."""
    settings = deps.settings()
    found = settings.book.id_of_slack(who.member)
    try:
        if found is None:
            email = await channel.people.email_of(who.member)
            found = settings.book.id_of_email(email) if email else None
        elif not await channel.people.is_ours(who.team, who.enterprise):
            return None
    except ChannelError as error:
        if not error.permanent:
            raise
        return None
    person = settings.graph.people.get(found) if found else None
    return found if person is not None and person.active else None
