"""directory.yaml as written: people and teams. What hangs together is checked in `graph.py`."""

from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool

from service.settings import absences
from service.settings.check import Id, Line, Strict, wrong
from service.settings.mail_address import BadAddress, normalise
from service.settings.text import one_line
from service.settings.zones import TimeZone


def _email(value: str) -> str:
    try:
        return normalise(value)
    except BadAddress as error:
        raise wrong(f"the e-mail address {error}", "write one address, as in ana@example.com") from None


Name = Annotated[Line, AfterValidator(one_line)]
Email = Annotated[str, AfterValidator(_email), Field(examples=["ana@example.com"])]


When = Annotated[str, AfterValidator(absences.when), Field(examples=["2026-12-24", "2026-12-24T13:00+01:00"])]
Quiet = Annotated[str, AfterValidator(absences.quiet), Field(examples=["20:00-08:00"])]


class AwayModel(Strict):
    """An absence and who stands in."""

    from_: When = Field(alias="from", description="The first day, or an instant with its offset.")
    until: When = Field(description="The last day, or an instant with its offset.")
    delegate: Id | None = Field(None, description="The id of who is asked instead.")


class PersonModel(Strict):
    """One person: who they answer to, when they work, how they are told."""

    id: Id = Field(description="Their id in events, for ever.")
    name: Name = Field(description="As colleagues say it.")
    email: Email | None = Field(None, description="One address.")
    slack: str | None = Field(None, description="Their Slack member id.", pattern=r"^[A-Z0-9]+$")
    manager: Id | None = Field(None, description="The id of who hears of it when a promise is missed.")
    mentor: Id | None = Field(None, description="The id of who may help.")
    teams: list[Id] = Field([], description="Ids of teams.")
    roles: list[Id] = Field([], description="Free names, as in `notify: role:ops`.")
    time_zone: TimeZone | None = Field(
        None, description="Where they work; without it that of followthrough.yaml."
    )
    calendar: str | None = Field(None, description="A calendar of calendars.yaml.")
    channels: list[str] = Field(["email"], description="In order of preference; the rest are fallbacks.")
    quiet: Quiet | None = Field(None, description="When only urgent messages come, by their own clock.")
    away: list[AwayModel] = Field([], description="When they are not there, and who stands in.")
    active: StrictBool = Field(True, description="false: is told nothing, and stays in the history.")


class TeamModel(Strict):
    """A team: who leads it and where it talks."""

    id: Id
    name: Name
    lead: Id | None = None
    channels: list[str] = Field([], description="Where `notify: team` speaks.")
    calendar: str | None = Field(
        None, description="Of its members who name none; a calendar of calendars.yaml."
    )


class DirectoryModel(Strict):
    """People and teams."""

    people: list[PersonModel] = Field(min_length=1)
    teams: list[TeamModel] = Field([])
