"""What a message knows of a subject goes by the names of its events; and what is not done is said."""

import msgspec
import pytest

from service.core.decide import decide
from service.core.envelope import decode
from service.core.events import DeadlineSet, DealCreated, NotificationRequested, Timer
from service.core.model import Commitment, Deal, Inbox, Moment, encode_state
from service.core.policy import At, ConditionFailed, Policy, Recipients, Step
from service.core.reasons import Code
from service.core.view import facts
from tests.core.hostile_events import NOW, body
from tests.core.policies import HOUR, world_of
from tests.core.test_inbox import WORLD

# What is said once of a subject and is not a matter of its moments.
OF_A_DEADLINE = sorted(set(DeadlineSet.__struct_fields__) - {"commitment_id", "due_at", "due_on"})
OF_A_DEAL = sorted(set(DealCreated.__struct_fields__) & set(Deal.__struct_fields__))


@pytest.mark.parametrize("name", OF_A_DEADLINE)
def test_what_is_said_of_a_deadline_is_known_by_its_name(name: str) -> None:
    state = msgspec.structs.replace(Commitment(), **{name: "as it was said"})

    assert facts("deadline/c1", state, Moment())[name] == "as it was said"


@pytest.mark.parametrize("name", OF_A_DEAL)
def test_what_is_said_of_a_deal_is_known_by_its_name(name: str) -> None:
    state = Commitment(deal=msgspec.structs.replace(Deal(), **{name: "as it was said"}))

    assert facts("deal/d1", state, Moment())[name] == "as it was said"


@pytest.mark.parametrize(
    ("subject", "stored"), [("inbox/ana", encode_state(Inbox())), ("deadline/c1", encode_state(Commitment()))]
)
def test_a_timer_for_nothing_leaves_its_reason(subject: str, stored: bytes) -> None:
    decision = decide(stored, Timer(subject=subject, due_at=NOW, fired_at=NOW), WORLD)

    assert [reason.code for reason in decision.reasons] == [Code.NOT_DUE]


def test_whoever_looks_after_the_policies_reads_why_a_condition_failed() -> None:
    def fails(_: object) -> bool:
        raise ConditionFailed("there is no such field")

    step = Step("last", At(), Recipients(("owner",)), skip_if=fails)
    world = world_of(Policy("slip", "Slip", "deadline", "due", "h", (step,)))
    due_at = NOW + HOUR
    known = decide(None, decode(body({"owner": "ana", "due_at": due_at.isoformat()}), NOW), world)
    assert known.state is not None

    due = decide(
        encode_state(known.state), Timer(subject="deadline/c1", due_at=due_at, fired_at=due_at), world
    )

    requests = [msgspec.json.decode(emit.data, type=NotificationRequested) for emit in due.emits]
    [broken] = [one for one in requests if one.template == "policy_broken"]
    assert "there is no such field" in str(broken.extra["why"])
