"""A policy in plain words: what a sales manager reads, and that nothing an author writes is left out of it."""

import os
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from service.core.ladder import _usual_template
from service.core.policy import Policy
from service.messages import saying
from service.messages.policy_words import in_full, words
from service.messages.step_words import usual_template
from service.settings.document import Document
from service.settings.policy_checks import events_of
from service.settings.policy_model import (
    MOMENTS,
    AcknowledgeModel,
    LateModel,
    LimitsModel,
    PolicyModel,
    ReactionModel,
    RepeatModel,
    SnoozeModel,
    StepModel,
)
from service.settings.problems import Report
from service.settings.recipients import FIXED
from service.settings.yaml_reader import read

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden_policies")
POLICIES = {
    path.stem: path
    for folder in ("config/policies", "tests/messages/policies")
    for path in sorted((ROOT / folder).glob("*.yaml"))
}


def written(name: str) -> PolicyModel:
    report = Report()
    document: Document = read(POLICIES[name], name, report)
    assert not report.errors
    return PolicyModel.model_validate(document.data)


@pytest.mark.parametrize("name", POLICIES)
def test_policy_reads_as_reviewed_golden(name: str) -> None:
    text = in_full(words(written(name)))
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert golden.read_text("utf-8") == text, f"{golden.name} differs; UPDATE_GOLDEN=1 rewrites it"


# Every field of every model: where it stands in PLAIN, and another value that its author might write.
PLAIN: dict[str, Any] = {
    "policy": "p",
    "title": "P",
    "for": "deal",
    "moment": "close",
    "steps": [
        {"id": "before", "at": "1 day before", "notify": "owner"},
        {"id": "after", "at": "1 day after", "notify": "owner", "repeat": {"every": "1 day", "times": 1}},
    ],
    "reactions": [{"id": "won", "on": "deal.won", "notify": "team", "template": "deal_won"}],
}
OTHER: dict[tuple[type[BaseModel], str], list[Any]] = {
    (PolicyModel, "policy"): ["q"],
    (PolicyModel, "title"): ["Q"],
    (PolicyModel, "for"): ["deadline"],
    (PolicyModel, "moment"): ["next_step", "last_activity"],
    (PolicyModel, "when"): ["deal.amount > 5"],
    (PolicyModel, "steps"): [[]],
    (PolicyModel, "reactions"): [[]],
    (PolicyModel, "acknowledge"): [{"expires": "1 hour"}],
    (PolicyModel, "snooze"): [{"times": 1}],
    (PolicyModel, "late"): [{"skip_after": "1 hour"}],
    (PolicyModel, "limits"): [{"messages": 5}],
    (PolicyModel, "quiet"): ["respect", "pass"],
    (PolicyModel, "mode"): ["shadow", "canary"],
    (PolicyModel, "teams"): [["east"]],
    (StepModel, "id"): ["other"],
    (StepModel, "at"): ["the moment", "2 days after", "08:00 on the day after"],
    (StepModel, "notify"): [name for name in FIXED if name != "owner"]
    + [{"first_of": ["owner", "team.lead"]}],
    (StepModel, "template"): ["reminder", "escalated", "resolved", "my-own"],
    (StepModel, "until"): ["done", "acknowledged by all"],
    (StepModel, "skip_if"): ["deal.amount > 5"],
    (StepModel, "repeat"): [None],
    (StepModel, "urgency"): ["low", "high"],
    (StepModel, "visibility"): ["team", "public"],
    (ReactionModel, "id"): ["other"],
    (ReactionModel, "on"): ["deal.lost", "deal.moved"],
    (ReactionModel, "when"): ["deal.amount > 5"],
    (ReactionModel, "notify"): ["owner", "everyone_told"],
    (ReactionModel, "template"): ["kept", "my-own"],
    (ReactionModel, "urgency"): ["low", "high"],
    (ReactionModel, "visibility"): ["private", "public"],
    (RepeatModel, "every"): ["2 days"],
    (RepeatModel, "times"): [2, 5],
    (AcknowledgeModel, "expires"): ["1 hour"],
    (AcknowledgeModel, "times"): [0, 5],
    (SnoozeModel, "at_most"): ["1 hour"],
    (SnoozeModel, "times"): [0, 5],
    (LateModel, "skip_after"): ["1 hour"],
    (LimitsModel, "messages"): [5],
}
PLACES: dict[type[BaseModel], tuple[str | int, ...]] = {
    PolicyModel: (),
    StepModel: ("steps", 1),
    ReactionModel: ("reactions", 0),
    RepeatModel: ("steps", 1, "repeat"),
    AcknowledgeModel: ("acknowledge",),
    SnoozeModel: ("snooze",),
    LateModel: ("late",),
    LimitsModel: ("limits",),
}


def with_value(place: tuple[str | int, ...], key: str, value: Any) -> dict[str, Any]:
    changed: dict[str, Any] = {**PLAIN, "steps": [dict(one) for one in PLAIN["steps"]]}
    changed["reactions"] = [dict(one) for one in PLAIN["reactions"]]
    here: Any = changed
    for part in place:
        here = here[part] if isinstance(part, int) else here.setdefault(part, {})
    here[key] = value
    if key == "for":
        changed |= {"moment": "due", "reactions": []}
    if value == "canary":
        changed["teams"] = ["west"]
    elif key == "teams":
        changed["mode"] = "canary"
    return changed


def text_of(says: dict[str, Any]) -> str:
    return in_full(words(PolicyModel.model_validate(says)))


@pytest.mark.parametrize("model", PLACES, ids=lambda model: model.__name__)
def test_every_clause_changes_what_is_read(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        key = field.alias or name
        assert (model, key) in OTHER, (
            f"`{key}` is new: say it in policy_words.py, and here another value of it"
        )
        read = {text_of(PLAIN)}
        for value in OTHER[model, key]:
            text = text_of(with_value(PLACES[model], key, value))
            assert text not in read, f"{key}: {value} is not said"
            read.add(text)


def test_every_model_of_the_language_is_looked_at() -> None:
    found, left = set[type[BaseModel]](), [PolicyModel]
    while left:
        model = left.pop()
        found.add(model)
        for field in model.model_fields.values():
            inside = [field.annotation, *get_args(field.annotation)]
            left += [one for one in inside if isinstance(one, type) and issubclass(one, BaseModel)]
    assert found == set(PLACES)


def test_every_event_and_moment_has_its_words() -> None:
    assert {event for family in MOMENTS for event in events_of(family)} == set(saying.HAPPENED)
    moments = {moment for family in MOMENTS.values() for moment in family}
    assert moments == set(saying.MISSED) == set(saying.WATCHED)
    assert set(MOMENTS) == set(saying.NOUNS) == set(saying.ENDS)


@pytest.mark.parametrize(("family", "moment"), [(f, m) for f, moments in MOMENTS.items() for m in moments])
def test_the_words_know_which_text_a_step_without_a_template_sends(family: str, moment: str) -> None:
    model = PolicyModel.model_validate({"policy": "p", "for": family, "moment": moment})
    policy = Policy("p", "p", family, moment, "")
    for is_after in (True, False):
        for is_owner in (True, False):
            said = usual_template(model, is_after=is_after, is_owner=is_owner)
            assert said == _usual_template(policy, is_after, is_owner)


def test_people_and_teams_are_called_by_their_names() -> None:
    model = PolicyModel.model_validate(
        {
            **PLAIN,
            "reactions": [],
            "steps": [{"id": "a", "at": "the moment", "notify": ["person:ana", "team:east"]}],
        }
    )
    [step] = words(model, {"ana": "Ana Ruiz", "east": "East"}.__getitem__).steps
    assert step.text.startswith(
        "At the close date, if the deal is still open, Ana Ruiz and the team East are told."
    )


def test_steps_are_told_in_the_order_of_the_timeline() -> None:
    assert [step.id for step in words(written("every-clause")).steps] == [
        *("far", "early", "often", "passed", "morning", "help", "team", "named", "quiet-channel", "above")
    ]
