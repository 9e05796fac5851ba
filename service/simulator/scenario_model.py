"""The shape of one scenario as its author writes it: promise, given, when, then, never. Times are still text here.

One format for the project's own promises and for users' policy tests (config/tests). Read by `scenario.py`.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from service.settings.calendars import CalendarModel
from service.settings.check import Id, Line, Strict
from service.settings.people import AwayModel, Quiet
from service.settings.zones import TimeZone
from service.simulator.refusal import How


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _nothing(value: object) -> object:
    return {} if value is None else value


Moment = Annotated[str, Field(min_length=1, examples=["+20s", "Sat 08:00", "2026-03-06T09:00"])]


class PersonGiven(Strict):
    """A person of a test; their name is their id unless it says otherwise."""

    name: Line | None = None
    email: str | None = None
    manager: Id | None = None
    mentor: Id | None = None
    teams: list[Id] | None = None
    roles: list[Id] | None = None
    time_zone: TimeZone | None = None
    calendar: str | None = None
    channels: list[str] | None = None
    quiet: Quiet | None = None
    away: list[AwayModel] | None = None
    active: bool | None = None


class TeamGiven(Strict):
    name: Line | None = None
    lead: Id | None = None
    channels: list[str] | None = None


People = dict[Id, Annotated[PersonGiven, BeforeValidator(_nothing)]]


class Given(Strict):
    """The world before anything happens."""

    now: Annotated[str, Field(examples=["2026-03-06T09:00 America/New_York"])]
    people: People = Field(min_length=1)
    teams: dict[Id, Annotated[TeamGiven, BeforeValidator(_nothing)]] = Field({})
    calendars: dict[str, CalendarModel] = Field({})
    cadences: dict[str, dict[str, Any]] = Field({}, description="As in cadences.yaml.")
    channels: dict[str, dict[str, Any]] = Field({}, description="As in channels.yaml; any other is caught.")
    integrations: dict[Id, dict[str, Any]] = Field({}, description="As the files of integrations/.")
    policy: str | dict[str, Any] | None = Field(None, description="The name of a policy, or one written out.")
    policies: list[str | dict[str, Any]] = Field([])
    fallback_contact: str | None = None


class RefusedEntry(Strict):
    """A channel that takes nothing for a while."""

    span: str = Field(alias="for")
    channel: str | None = Field(None, description="Null is every one.")
    how: How = "busy"


class Entry(Strict):
    """Something that happens: an event with its data, an outage, channels that refuse, a clock set back, or a change of
    people, calendars, cadences, policies or the rules of time zones."""

    model_config = ConfigDict(extra="allow", frozen=True)

    at: Moment
    event: str | None = None
    outage: str | None = Field(None, description="For so long nothing runs; events wait.")
    refused: str | RefusedEntry | None = Field(
        None, description="For so long no channel takes what it is given; or one does not, and says why."
    )
    set_back: str | None = Field(
        None, description="The machine starts again with a clock that is so much behind."
    )
    people: People | None = None
    calendars: dict[str, CalendarModel] | None = Field(None, description="These are others, from now on.")
    cadences: dict[str, dict[str, Any]] | None = Field(None, description="All of them, from now on.")
    policies: list[str | dict[str, Any]] | None = Field(None, description="All of them, from now on.")
    zone_rules: dict[TimeZone, TimeZone] | None = Field(
        None,
        description="From now on this zone has the rules of that one, as after an update of the machine.",
    )
    apply: bool = Field(False, description="With policies: also for what is open, as by `plan --apply`.")
    id: str | None = None
    source: str = "scenario"
    time: Moment | None = None
    import_: bool = Field(False, alias="import")
    data: dict[str, Any] = Field({}, description="Data whose name is taken by another key, as `at`.")


class ThenEntry(Strict):
    """One message that goes out; only what is written must match."""

    at: Moment
    to: str
    template: str | None = None
    channel: str | None = None
    policy: str | None = None
    step: str | None = None
    subject: str | None = None
    kind: str | None = None
    urgency: str | None = None
    reason: str | None = Field(None, description="A part of the reasons, as `step heads-up`.")
    contains: Annotated[list[str], BeforeValidator(_listed)] = Field([])
    within: str | None = None
    address: str | None = Field(None, description="Where it goes; known to the whole service only.")


class SilentEntry(Strict):
    """A reason on record for why nobody was told."""

    code: str
    at: Moment | None = None
    contains: str = ""
    within: str | None = None


class NeverEntry(Strict):
    to: str | None = None
    template: str | None = None
    policy: str | None = None
    step: str | None = None
    after: Moment | None = None
    before: Moment | None = None


class ScenarioModel(Strict):
    """One promise."""

    promise: Line
    given: Given
    when: list[Entry]
    then: list[ThenEntry] = Field([])
    silent: list[SilentEntry] = Field([])
    never: list[NeverEntry] = Field([])
    until: Moment | None = Field(
        None, description="Where the story ends; without it when nothing is due any more."
    )
