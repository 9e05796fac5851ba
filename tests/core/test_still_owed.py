"""What has waited is asked once more before it leaves: is it still true?"""

from datetime import timedelta

import pytest

from service.core.effects import encode_effect
from service.core.model import Ack, Commitment, Moment, Run
from service.core.reasons import Code
from service.core.still_owed import left_of, still_owed
from tests.core.hostile_events import NOW
from tests.delivery.desk import an_owed

OWED = an_owed(decided_at=NOW, policy_hash="h", cycle=2, until="acknowledged")


def a_state(status: str = "open", changed: int = 1, acked_after_s: float | None = None) -> Commitment:
    run = Run("h")
    if acked_after_s is not None:
        at = NOW + timedelta(seconds=acked_after_s)
        run.ack = Ack("ana", at, at + timedelta(days=2))
    return Commitment(status=status, moments={"due": Moment(at=NOW, cycle=2, changed=changed, runs=[run])})


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (a_state(), None),
        (a_state(changed=2), None),
        (a_state(changed=3), Code.STALE_ANSWER),
        (a_state(acked_after_s=-1), None),  # it was decided although somebody had acknowledged
        (a_state(acked_after_s=0), Code.ACKNOWLEDGED),
        (a_state(acked_after_s=60), Code.ACKNOWLEDGED),
        (a_state("met"), Code.CLOSED),
        (a_state("cancelled"), Code.CLOSED),
        (a_state("no_date"), Code.CLOSED),
        (None, Code.REMOVED),
    ],
)
def test_an_escalation_is_owed_until_something_made_it_unnecessary(
    state: Commitment | None, code: Code | None
) -> None:
    reason = still_owed(OWED, state)
    assert (reason.code if reason else None) == code


def test_an_acknowledgement_does_not_stop_what_waits_for_the_end() -> None:
    owed = an_owed(decided_at=NOW, policy_hash="h", cycle=2, until="done")
    assert still_owed(owed, a_state(acked_after_s=60)) is None
    assert still_owed(owed, a_state("met")) is not None


def test_an_acknowledgement_under_another_policy_does_not_count() -> None:
    owed = an_owed(decided_at=NOW, policy_hash="other", cycle=2, until="acknowledged")
    state = a_state(acked_after_s=60)
    state.moments["due"].runs.append(Run("other"))
    assert still_owed(owed, state) is None


def test_where_its_version_is_replaced_every_policy_at_work_must_be_acknowledged() -> None:
    owed = an_owed(decided_at=NOW, policy_hash="replaced", cycle=2, until="acknowledged")
    state = a_state(acked_after_s=60)
    assert still_owed(owed, state) is not None
    state.moments["due"].runs.append(Run("other"))
    assert still_owed(owed, state) is None
    state.moments["due"].runs.clear()
    assert still_owed(owed, state) is None


def test_news_stays_true() -> None:
    owed = an_owed(decided_at=NOW, cycle=2, until="nothing")
    assert still_owed(owed, a_state("met", changed=9)) is None
    assert still_owed(owed, None) is None


def test_a_digest_that_counts_more_than_it_names_stays_one_when_one_of_its_parts_is_left() -> None:
    parts = tuple(encode_effect(an_owed(number, decided_at=NOW, cycle=2, until="done")) for number in (1, 2))
    digest = an_owed(subject="inbox/ana", template="digest", parts=parts, extra={"more": 12})
    states = {"deadline/c1": a_state(), "deadline/c2": a_state("met")}

    left = left_of(digest, states)
    assert left.owed is not None
    assert (left.owed.template, left.owed.parts, left.owed.extra) == ("digest", parts[:1], {"more": 12})
    nothing = left_of(digest, dict.fromkeys(states, a_state("met")))
    assert nothing.owed is not None
    assert (nothing.owed.template, nothing.owed.parts) == ("digest", ())
