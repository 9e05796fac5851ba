"""What policies say to an end or a move in their own words, and what is then not said twice."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from service.core.closing import KEPT_CLOSED_FOR
from service.core.events import (
    Answer,
    CheckinScheduled,
    CheckinSubmitted,
    Data,
    DeadlineClosed,
    DealCreated,
    DealUpdated,
    GoalClosed,
    GoalProgress,
    GoalSet,
)
from service.core.model import Rhythm
from service.core.policy import Reaction, Recipients
from service.core.reasons import Code
from service.core.view import iso
from tests.core.histories import ID, START
from tests.core.policies import world_of
from tests.core.test_closing import AHEAD, MANAGER, MISSED, Story, _deadline, _hour, _ladder, _moved

DAY = (START + timedelta(days=1)).date()
GOAL = GoalSet(goal_id="g1", title="T", owner="ana", metric="m", target="4", period_start=DAY, period_end=DAY)


def _to(who: str, on: str, **more: Any) -> Reaction:
    return Reaction("told", on, Recipients((who,)), "replanned", **more)


def test_what_a_policy_sees_of_a_move_is_the_whole_of_it() -> None:
    seen = list[object]()

    def look(view: Mapping[str, Any]) -> bool:
        seen.append(view["event"])
        return True

    def story(subject: str, made: tuple[str, Data], moved: tuple[str, Data], moment: str) -> None:
        family = subject.partition("/")[0]
        steps, moves = (AHEAD,), (_to("owner", f"{family}.moved", when=look),)
        told = Story(world_of(_ladder(*steps, family=family, moment=moment, reactions=moves)), subject)
        told.at(0, *made)
        told.at(1, *moved)
        assert [step for _, step, _ in told.heard(1.1)] == ["told"]

    deal = DealCreated(deal_id="d1", title="T", owner="ana", close_at=_hour(20))
    story(
        "deal/d1",
        ("deal.created", deal),
        ("deal.updated", DealUpdated(deal_id="d1", close_at=_hour(30))),
        "close",
    )
    late = GoalSet(
        goal_id="g1", title="T", owner="ana", metric="m", target="4", period_start=DAY,
        period_end=DAY + timedelta(days=2),
    )  # fmt: skip
    story("goal/g1", ("goal.set", GOAL), ("goal.set", late), "period_end")

    by = {"by": "", "reason": ""}
    assert seen[::2] == seen[1::2]  # a replay decides everything twice
    assert seen[::2] == [
        {"type": "deal.moved", "data": {"deal_id": "d1", "close_at": iso(_hour(30)), **by}},
        {"type": "goal.moved", "data": {"goal_id": "g1", "period_end_at": "2026-03-31T15:00:00.000Z", **by}},
    ]


def test_a_deadlines_move_and_its_removal_are_told_by_the_policy_that_waits_for_them() -> None:
    seen = list[object]()

    def look(view: Mapping[str, Any]) -> bool:
        seen.append(view["event"]["data"])
        return True

    story = _deadline(AHEAD, reactions=(_to("owner.manager", "deadline.moved", when=look),))
    story.at(1, "deadline.moved", _moved(None, by="ana", reason="on hold"))

    assert story.heard(2) == [("dana", "told", "reaction told of ladder: deadline.moved")]
    assert seen[-1] == {"commitment_id": ID, "due_at": None, "by": "ana", "reason": "on hold"}
    expected = {"from": iso(_hour(4)), "to": None, "by": "ana", "reason": "on hold"}
    assert story.told[-1].request.extra == expected
    assert story.known.moments["due"].runs == []


def test_a_date_that_moved_past_a_reminder_is_told_to_its_owner_and_says_so() -> None:
    story = _deadline(AHEAD)
    story.at(0, "deadline.moved", _moved(1))

    assert story.heard(0.5) == [("ana", "~moved", "moved earlier, past a reminder")]
    assert story.codes() == [Code.MOVED_EARLIER]


def test_a_move_that_nobody_waits_for_is_on_record_as_one() -> None:
    never = _to("owner", "deadline.moved", when=lambda _: False)
    story = _deadline(AHEAD, reactions=(never,))
    story.at(0, "deadline.moved", _moved(30))

    assert story.heard(1) == []
    [why] = story.taken[-1].decision.reasons
    assert why.text == "the date moved; nobody was waiting to hear of it"


def test_an_escalation_that_should_not_have_been_is_taken_back_in_words() -> None:
    story = _deadline(MISSED, MANAGER)
    story.heard(6)

    story.at(6, "deadline.met", DeadlineClosed(commitment_id=ID, by="ana", at=_hour(3)))

    assert story.heard(7) == [("dana", "~closed", "it was met in time after all")]
    assert story.told[-1].request.kind == "retraction"
    assert story.told[-1].request.extra == {"by": "ana", "how": "met", "reason": ""}
    assert Code.RETRACTED in story.codes()


def test_a_policy_that_says_the_end_says_it_for_all_it_has_told_also_those_told_by_the_way_since() -> None:
    story = _deadline(MISSED, MANAGER, reactions=(_to("owner.mentor", "deadline.met"),))
    story.heard(6)
    story.at(6, "commitment.acknowledged", Answer(subject_id=ID, by="ana"))
    assert story.heard(6.5) == [("dana", "~acknowledged", "somebody is on it")]

    story.at(7, "deadline.met", DeadlineClosed(commitment_id=ID, by="ana"))

    assert story.heard(8) == [("leo", "told", "reaction told of ladder: deadline.met")]
    assert story.known.moments["due"].runs == []


def test_a_reopening_is_news_to_the_policies_that_begin_again() -> None:
    story = _deadline(AHEAD, reactions=(_to("owner", "deadline.reopened"),))
    story.at(1, "deadline.met", DeadlineClosed(commitment_id=ID))
    story.at(1, "deadline.reopened", DeadlineClosed(commitment_id=ID))

    assert story.heard(1) == [("ana", "told", "reaction told of ladder: deadline.reopened")]
    assert story.codes() == [Code.RECORDED, Code.REACTION]


def test_whoever_sends_a_report_is_who_it_is_from() -> None:
    reactions = (_to("event.from", "checkin.submitted"),)
    story = Story(world_of(_ladder(MANAGER, family="checkin", reactions=reactions)), "checkin/ana:weekly")
    made = CheckinScheduled(
        person="ana", cadence="weekly", title="W", rhythm=Rhythm(0, "09:00", 0, "15:00"), time_zone="UTC"
    )
    story.at(0, "checkin.scheduled", made)
    story.heard(50)

    story.at(50, "checkin.submitted", CheckinSubmitted(person="ana", cadence="weekly"))

    assert story.heard(50) == [("ana", "told", "reaction told of ladder: checkin.submitted")]


def _goal() -> Story:
    story = Story(world_of(_ladder(MANAGER, family="goal", moment="period_end")), "goal/g1")
    story.at(0, "goal.set", GOAL)
    return story


def test_a_goal_that_is_reached_is_kept_and_heard_until_long_after_its_period() -> None:
    story = _goal()
    story.at(1, "goal.progress", GoalProgress(goal_id="g1", value="4"))
    ends_at = story.known.moments["period_end"].at
    assert ends_at is not None
    assert story.known.remove_at == ends_at + KEPT_CLOSED_FOR
    assert len(story.known.moments["period_end"].runs) == 1

    longer = GoalSet(
        goal_id="g1", title="T", owner="ana", metric="m", target="4", period_start=DAY,
        period_end=DAY + timedelta(days=20),
    )  # fmt: skip
    story.at(2, "goal.set", longer)
    assert story.known.remove_at == ends_at + timedelta(days=20) + KEPT_CLOSED_FOR


def test_a_goal_that_was_given_up_is_forgotten_like_all_that_is_closed() -> None:
    story = _goal()
    story.at(1, "goal.closed", GoalClosed(goal_id="g1"))

    assert story.known.remove_at == _hour(1) + KEPT_CLOSED_FOR
    assert story.known.moments["period_end"].runs == []
