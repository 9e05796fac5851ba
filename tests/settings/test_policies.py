"""The policy language: words in, core's policy out, and a pinned form that means the same for ever."""

import json
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from service.core.policy import At, Limited, Policy, Recipients
from service.settings import durations
from service.settings.load import load
from service.settings.policies import compile_policy, pin
from service.settings.policy_model import PolicyModel
from service.settings.recipients import recipients

CONFIG = Path(__file__).parents[2] / "config"
ONE_STEP: dict[str, Any] = {
    "policy": "p",
    "for": "deadline",
    "steps": [{"id": "a", "at": "the moment", "notify": "owner"}],
}


def compiled(**says: Any) -> Policy:
    content_hash, pinned = pin(PolicyModel.model_validate({**ONE_STEP, **says}))
    return compile_policy(pinned, content_hash)


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("the moment", At()),
        ("3 days before", At(days=-3)),
        ("1 week after", At(days=7)),
        ("4 hours after", At(elapsed=timedelta(hours=4))),
        ("10 seconds before", At(elapsed=timedelta(seconds=-10))),
        ("90  minutes   before", At(elapsed=timedelta(minutes=-90))),
        ("16:00 on the day before", At(days=-1, clock=time(16))),
        ("9:30 on the day", At(clock=time(9, 30))),
        ("09:00 on the day after", At(days=1, clock=time(9))),
    ],
)
def test_words_become_a_time(words: str, at: At) -> None:
    found = durations.at(words)
    assert (found.days, found.elapsed, found.clock) == (at.days, at.elapsed, at.clock)
    assert found.text == " ".join(words.split())


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_reason(words: str) -> None:
    for read in (durations.at, durations.duration):
        try:
            read(words)
        except PydanticCustomError as error:
            reason = error.context
        else:
            continue
        assert reason is not None
        assert reason["message"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("owner", Recipients(("owner",))),
        (["owner", "team.lead"], Recipients(("owner", "team.lead"))),
        ({"all_of": ["owner", "person:ana"]}, Recipients(("owner", "person:ana"))),
        (
            {"first_of": ["owner.mentor", "owner.manager"]},
            Recipients(("owner.mentor", "owner.manager"), first_only=True),
        ),
        ("channel:slack:#wins", Recipients(("channel:slack:#wins",))),
    ],
)
def test_recipients_are_read(written: object, read: Recipients) -> None:
    assert recipients(written) == read


def test_steps_are_in_the_order_of_the_timeline() -> None:
    at = [
        "2 days after",
        "the moment",
        "16:00 on the day before",
        "1 week before",
        "9:00 on the day",
        "1 hour before",
    ]
    steps = [{"id": f"s{i}", "at": words, "notify": "owner"} for i, words in enumerate([*at, "the moment"])]
    assert [step.id for step in compiled(steps=steps).steps] == ["s3", "s2", "s5", "s1", "s6", "s4", "s0"]


def test_clauses_reach_the_core() -> None:
    policy = compiled(
        acknowledge={"expires": "1 day", "times": 1},
        snooze={"at_most": "2 hours", "times": 3},
        late={"skip_after": "6 hours"},
        limits={"messages": 20},
        mode="shadow",
        when="commitment.kind == 'x'",
        reactions=[{"id": "kept", "on": "deadline.met", "notify": "team", "template": "kept"}],
    )

    assert policy.acknowledge == Limited(At(days=1, text="1 day"), 1)
    assert policy.snooze == Limited(At(elapsed=timedelta(hours=2), text="2 hours"), 3)
    assert policy.skip_after == At(elapsed=timedelta(hours=6), text="6 hours")
    assert (policy.messages_max, policy.mode, policy.title) == (20, "shadow", "p")
    assert policy.when is not None
    assert policy.when({"commitment": {"kind": "x"}})
    assert policy.reactions[0].visibility == "team"
    assert policy.steps[0].visibility == "private"


def test_defaults_are_those_of_the_core() -> None:
    policy, bare = compiled(), Policy("p", "p", "deadline", "due", "")
    assert (policy.acknowledge, policy.snooze) == (bare.acknowledge, bare.snooze)
    assert (policy.skip_after, policy.messages_max, policy.mode) == (
        bare.skip_after,
        bare.messages_max,
        bare.mode,
    )


def test_hash_is_of_what_the_policy_says() -> None:
    model = PolicyModel.model_validate(ONE_STEP)
    spaced = PolicyModel.model_validate(
        {**ONE_STEP, "mode": "live", "steps": [{"notify": ["owner"], "at": "the  moment", "id": "a"}]}
    )
    other = PolicyModel.model_validate({**ONE_STEP, "mode": "shadow"})

    content_hash, pinned = pin(model, file="policies/p.yaml", lines={"steps": [7], "reactions": []})

    assert pin(spaced)[0] == content_hash
    assert pin(other)[0] != content_hash
    assert compile_policy(pinned, content_hash).steps[0].line == 7
    assert compile_policy(pinned, content_hash).file == "policies/p.yaml"


def test_hash_of_a_known_policy_never_changes() -> None:
    # Subjects in stores everywhere are pinned to hashes made like this one.
    assert pin(PolicyModel.model_validate(ONE_STEP))[0] == "8f80e653b57f6366"


def test_damaged_or_newer_bytes_are_refused() -> None:
    content_hash, pinned = pin(PolicyModel.model_validate(ONE_STEP))
    for bad in (
        pinned.replace(b"owner", b"team"),
        json.dumps({**json.loads(pinned), "format": 2}).encode(),
    ):
        with pytest.raises(ValueError, match="damaged, or was pinned by a newer version"):
            compile_policy(bad, content_hash)


def test_pinned_policy_compiles_without_its_people_and_templates() -> None:
    policy = compiled(
        when="commitment.gone == 1",
        steps=[{"id": "a", "at": "the moment", "notify": "person:gone", "template": "gone"}],
    )
    assert policy.steps[0].notify == Recipients(("person:gone",))


def test_shipped_policies_survive_pinning() -> None:
    settings = load(CONFIG, {})
    for policy in settings.policies.live:
        again = compile_policy(settings.pinned_policies[policy.hash], policy.hash)
        assert [(s.id, s.at, s.notify, s.line) for s in again.steps] == [
            (s.id, s.at, s.notify, s.line) for s in policy.steps
        ]


def test_models_never_change() -> None:
    with pytest.raises(ValidationError):
        PolicyModel.model_validate(ONE_STEP).mode = "shadow"  # type: ignore[misc]  # that is the point
