"""A policy as its author writes it: a timeline around a moment, and reactions to events. One policy a file.

The language's reference is README ("Policies") and the JSON Schema made from this page. What is checked here needs
one file only; names of people, teams, channels and templates are checked in `policy_checks.py`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt, ValidationInfo, model_validator

from service.core.policy import FIRINGS_MAX
from service.settings import durations
from service.settings.check import Id, Line, Strict, shown, wrong
from service.settings.problems import did_you_mean
from service.settings.recipients import Notify

# What a policy can be for, and the moments of each; the first is meant where none is named.
MomentName = Literal["due", "close", "next_step", "last_activity", "period_end"]
MOMENTS: dict[str, tuple[MomentName, ...]] = {
    "deadline": ("due",),
    "deal": ("close", "next_step", "last_activity"),
    "checkin": ("due",),
    "goal": ("period_end",),
}
_MODES = ("live", "shadow", "canary")


def _family(value: object) -> object:
    if not isinstance(value, str) or value not in MOMENTS:
        found = f"{shown(value)} is nothing a policy can be for"
        raise wrong(found, did_you_mean(value if isinstance(value, str) else "", MOMENTS))
    return value


def _moment(value: object, info: ValidationInfo) -> object:
    family = info.data.get("for_")
    known = MOMENTS.get(str(family), ())
    if known and value not in known:
        raise wrong(f"a {family} has no moment `{str(value)[:40]}`", did_you_mean(value, known))
    return value


def _at(value: object) -> object:
    return durations.at(_words(value, durations.AT_HINT)).text


def _duration(value: object) -> object:
    return durations.duration(_words(value, durations.DURATION_HINT)).text


def _words(value: object, hint: str) -> str:
    if not isinstance(value, str):
        found = "there is nothing" if value is None else f"{shown(value)} is none"
        raise wrong(f"a time in words is expected, and {found}", hint)
    return value


At = Annotated[
    str,
    BeforeValidator(_at),
    Field(
        description="When, relative to the moment.",
        examples=["3 business days before", "the moment", "16:00 on the day before"],
    ),
]
Duration = Annotated[
    str,
    BeforeValidator(_duration),
    Field(
        examples=["2 business days", "90 minutes"],
        description="N seconds, minutes, hours, days, weeks, business hours or business days.",
    ),
]
StepId = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Expression = Annotated[
    str, Field(min_length=1, description="A condition over commitment (or deal), owner, team and event.")
]
Urgency = Literal["low", "normal", "high"]
Visibility = Literal["private", "team", "public"]


class RepeatModel(Strict):
    every: Duration
    times: StrictInt = Field(ge=1, le=FIRINGS_MAX, description="More rounds after the first.")


class StepModel(Strict):
    """One rung: at this time these people are told."""

    id: StepId
    at: At
    notify: Notify
    template: str | None = Field(None, description="Without it: reminder before, missed and escalated after.")
    until: Literal["done", "acknowledged", "acknowledged by all"] | None = Field(
        None,
        description="What makes it unnecessary; without it `done` before the moment, `acknowledged` after.",
    )
    skip_if: Expression | None = None
    repeat: RepeatModel | None = None
    urgency: Urgency = "normal"
    visibility: Visibility | None = Field(None, description="Without it: private.")


class ReactionModel(Strict):
    """When this event happens, these people are told."""

    id: StepId
    on: str = Field(examples=["deadline.met", "deal.won"])
    when: Expression | None = None
    notify: Notify
    template: str
    urgency: Urgency = "normal"
    visibility: Visibility = "team"


class AcknowledgeModel(Strict):
    """How long an "I'm on it" holds the ladder, and how often."""

    expires: Duration = "2 days"
    times: StrictInt = Field(2, ge=0, le=100)


class SnoozeModel(Strict):
    at_most: Duration = "3 days"
    times: StrictInt = Field(2, ge=0, le=100)


class LateModel(Strict):
    """After an outage: a step later than this is recorded, not sent."""

    skip_after: Duration = "1 day"


class LimitsModel(Strict):
    messages: StrictInt = Field(50, ge=1, le=1000, description="Per commitment, over all steps.")


def _not_none(value: object) -> object:
    return {} if value is None else value


def _mode(value: object) -> object:
    """A mode is one word. Who writes the teams of a canary into it is shown where they belong."""
    words = list(_texts_in(value))
    mode = next((word for word in words if word in _MODES), "")
    if not mode or value == mode:
        return value
    teams = [word for word in words if word not in ("teams", *_MODES)][:5]
    beside = f" and, on a line of its own, `teams: [{', '.join(teams) or 'east'}]`"
    hint = f"write `mode: {mode}`{beside if mode == 'canary' else ''}"
    raise wrong(f"`mode` is one word of {', '.join(_MODES)}", hint)


def _texts_in(value: object) -> Iterator[str]:
    """Every text in it, keys too; of one text its words."""
    if isinstance(value, str):
        yield from re.findall(r"[\w.-]+", value[:200])
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from (*_texts_in(key), *_texts_in(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts_in(inner)


class PolicyModel(Strict):
    """A policy: it must read like the sentence a sales manager would say."""

    policy: StepId = Field(description="Its name, for ever.")
    title: Line | None = None
    for_: Annotated[Literal["deadline", "deal", "checkin", "goal"], BeforeValidator(_family)] = Field(
        alias="for"
    )
    moment: Annotated[MomentName, BeforeValidator(_moment)] = Field(
        "due",
        description="Of a deadline or check-in `due`; of a deal `close` (if not named), `next_step`, `last_activity`; "
        "of a goal `period_end`.",
    )
    when: Expression | None = Field(
        None, description="Which commitments it is about; without it all of them."
    )
    steps: list[StepModel] = Field([], description="The timeline, in any order.")
    reactions: list[ReactionModel] = Field([])
    acknowledge: Annotated[AcknowledgeModel, BeforeValidator(_not_none)] = AcknowledgeModel()
    snooze: Annotated[SnoozeModel, BeforeValidator(_not_none)] = SnoozeModel()
    late: Annotated[LateModel, BeforeValidator(_not_none)] = LateModel()
    limits: Annotated[LimitsModel, BeforeValidator(_not_none)] = LimitsModel()
    quiet: Literal["respect", "pass"] | None = Field(
        None, description="pass: its notices go out in their reader's quiet hours, too."
    )
    mode: Annotated[Literal["live", "shadow", "canary"], BeforeValidator(_mode)] = Field(
        "live", description="shadow: decides and sends nothing. canary: so for all but its `teams`."
    )
    teams: list[Id] | None = Field(None, description="With `mode: canary`: the teams it is live for.")

    @model_validator(mode="before")
    @classmethod
    def _first_moment(cls, value: Any) -> Any:
        """Where no moment is named, the first of the family is meant; it is pinned by its name."""
        family = value.get("for") if isinstance(value, dict) else None
        if not isinstance(family, str) or family not in MOMENTS or "moment" in value:
            return value
        return {**value, "moment": MOMENTS[family][0]}

    @property
    def firings(self) -> int:
        return sum(1 + (step.repeat.times if step.repeat else 0) for step in self.steps)
