"""How a story ends, in the order things happen: who hears of the end, of a move, of both within a minute."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
import pytest

from service.core.effects import Decision
from service.core.events import (
    CheckinExcused,
    CheckinScheduled,
    CheckinSubmitted,
    Data,
    DeadlineClosed,
    DeadlineMoved,
    DeadlineSet,
    DealActivity,
    DealCreated,
    DealUpdated,
    GoalProgress,
    GoalSet,
)
from service.core.model import Commitment, Rhythm
from service.core.policy import At, Policy, PolicyBook, Reaction, Recipients, Step
from service.core.reasons import Code
from service.core.view import iso
from tests.core.histories import ID, START, Happening, Replay
from tests.core.policies import HOUR, world_of

AHEAD = Step("ahead", At(elapsed=-2 * HOUR, text="2 hours before"), Recipients(("owner",)))
MISSED = Step("missed", At(text="the moment"), Recipients(("owner",)))
MANAGER = Step("manager", At(elapsed=HOUR, text="1 hour after"), Recipients(("owner.manager",)))


def _ladder(
    *steps: Step, family: str = "deadline", moment: str = "due", reactions: tuple[Reaction, ...] = ()
) -> Policy:
    return Policy("ladder", "ladder", family, moment, f"hash-{moment}", steps, reactions)


class Story(Replay):
    """A replay told in hours: what happens when, and who heard what of it since the last look."""

    _looked = 0

    def at(self, hour: float, kind: str, data: Data) -> Decision:
        minutes = int((START + hour * HOUR - self.now).total_seconds() / 60)
        self.happen(Happening(minutes, False, 0, (kind, data)))
        return self.taken[-1].decision

    def heard(self, hour: float) -> list[tuple[str, str, str]]:
        """Who was told what until then, and the first reason."""
        self.pass_time(START + hour * HOUR)
        found, self._looked = self.told[self._looked :], len(self.told)
        return [(one.request.to, one.request.step, one.request.reasons[0]) for one in found]

    def codes(self) -> list[str]:
        return [why.code for why in self.taken[-1].decision.reasons]

    @property
    def known(self) -> Commitment:
        assert self.state is not None
        return self.state


def _deadline(*steps: Step, reactions: tuple[Reaction, ...] = (), hour: int = 4) -> Story:
    """Due in four hours, of ana, whose manager is dana."""
    story = Story(world_of(_ladder(*steps, reactions=reactions)))
    story.at(0, "deadline.set", DeadlineSet(commitment_id=ID, title="T", owner="ana", due_at=_hour(hour)))
    return story


def _hour(hour: float) -> datetime:
    return START + hour * HOUR


def _moved(hour: float | None, **more: str) -> DeadlineMoved:
    return DeadlineMoved(commitment_id=ID, due_at=None if hour is None else _hour(hour), **more)  # type: ignore[arg-type]


MET = DeadlineClosed(commitment_id=ID, by="ana", reason="signed")


# -- moves ----------------------------------------------------------------------------------------------------------


def test_what_is_done_within_a_minute_of_its_move_is_told_as_done_alone() -> None:
    story = _deadline(MISSED, MANAGER)
    assert [step for _, step, _ in story.heard(6)] == ["missed", "manager"]

    story.at(6, "deadline.moved", _moved(5))
    story.at(6, "deadline.met", MET)

    assert story.heard(99) == [("dana", "~closed", "it is closed: met")]
    assert story.told[-1].request.extra == {"by": "ana", "how": "met", "reason": "signed"}


def test_a_date_that_moves_again_after_everybody_heard_of_the_new_plan_is_no_news() -> None:
    story = _deadline(MISSED, MANAGER)
    story.heard(6)
    story.at(6, "deadline.moved", _moved(30))
    assert story.codes() == [Code.RESCHEDULED, Code.RESCHEDULED]
    assert story.heard(7) == [
        ("ana", "~moved", "re-planned to another date"),
        ("dana", "~moved", "re-planned to another date"),
    ]
    assert story.codes() == [Code.REPLANNED, Code.REPLANNED]
    assert not story.known.moments["due"].escalated

    story.at(8, "deadline.moved", _moved(40))
    assert story.codes() == [Code.RESCHEDULED]
    assert story.known.moments["due"].note is None
    assert story.heard(9) == []


def test_whoever_knows_of_the_miss_hears_that_the_date_is_gone_and_of_the_next_one() -> None:
    story = _deadline(MISSED, MANAGER)
    story.heard(6)

    story.at(6, "deadline.moved", _moved(None, by="ana", reason="on hold"))
    assert story.heard(7) == [("dana", "~moved", "it is closed: no date")]
    assert story.codes() == [Code.CLOSURE]
    told = story.told[-1].request.extra
    assert told == {"from": iso(_hour(4)), "to": None, "by": "ana", "reason": "on hold"}
    assert story.known.moments["due"].runs == []
    story.at(8, "deadline.moved", _moved(40))
    assert ("dana", "~moved", "re-planned to another date") in story.heard(9)


def test_an_owner_who_alone_was_told_of_a_miss_knows_of_none_once_the_date_has_moved() -> None:
    story = _deadline(MISSED)
    assert story.heard(5) == [("ana", "missed", "step missed of ladder: at the deadline")]

    story.at(5, "deadline.moved", _moved(30))

    assert [told.after for told in story.known.told] == [False]


@pytest.mark.parametrize(
    "reactions",
    [(), (Reaction("r", "deadline.moved", Recipients(("owner",)), "replanned", lambda _: False),)],
)
def test_a_date_that_moved_past_a_reminder_and_was_taken_away_within_a_minute_is_no_news(
    reactions: tuple[Reaction, ...],
) -> None:
    story = _deadline(AHEAD, reactions=reactions)
    story.at(0, "deadline.moved", _moved(1))
    note = story.known.moments["due"].note
    assert note is not None
    assert note.earlier

    story.at(0, "deadline.moved", _moved(None))

    assert story.heard(9) == []


def test_a_date_that_was_taken_away_begins_with_the_policies_of_the_day_it_is_given_another() -> None:
    story = _deadline(AHEAD, MISSED)
    old = story.world.policies.by_hash["hash-due"]
    new = msgspec.structs.replace(old, hash="hash-of-today", steps=(MISSED,))
    story.at(1, "deadline.moved", _moved(None))
    assert story.known.moments["due"].runs == []
    book = PolicyBook((new,), {one.hash: one for one in (old, new)})
    story.world = msgspec.structs.replace(story.world, policies=book)

    story.at(2, "deadline.moved", _moved(30))

    assert [run.policy for run in story.known.moments["due"].runs] == ["hash-of-today"]


def test_a_move_that_is_told_is_no_event_to_what_fires_beside_it() -> None:
    seen = list[object]()

    def note(view: Mapping[str, object]) -> bool:
        event = view["event"]
        assert isinstance(event, dict)
        seen.append(event["type"])
        return True

    story = _deadline(
        msgspec.structs.replace(AHEAD, skip_if=note),
        reactions=(Reaction("moved", "deadline.moved", Recipients(("owner",)), "replanned", note),),
    )
    story.at(1, "deadline.moved", _moved(3 + 1 / 60))
    story.heard(9)

    assert seen == ["deadline.moved", ""] * 2  # a replay decides everything twice


# -- parts of a deal, periods, numbers --------------------------------------------------------------------------------


def _deal(moment: str, *steps: Step, **more: object) -> Story:
    world = world_of(_ladder(*steps, family="deal", moment=moment))
    story = Story(world, f"deal/{ID}")
    made = DealCreated(deal_id=ID, title="T", owner="ana", next_step="Call", **more)  # type: ignore[arg-type]
    story.at(0, "deal.created", made)
    return story


def _done(by: str) -> DealActivity:
    return DealActivity(deal_id=ID, kind="next_step_done", by=by)


def test_whoever_heard_that_a_next_step_was_missed_hears_of_its_end_by_its_name() -> None:
    story = _deal("next_step", MISSED, MANAGER, next_step_at=_hour(4))
    story.heard(6)

    story.at(6, "deal.activity", _done("ana"))
    assert story.heard(7) == [("dana", "~closed", "the next step is done")]
    assert story.codes()[:2] == [Code.RECORDED, Code.CLOSURE]
    told = story.told[-1].request
    assert (told.kind, told.template, told.extra["next_step"]) == ("notice", "resolved", "Call")


def test_another_next_step_ends_the_old_one() -> None:
    story = _deal("next_step", MISSED, MANAGER, next_step_at=_hour(4))
    story.heard(6)

    story.at(6, "deal.updated", DealUpdated(deal_id=ID, next_step="Write"))

    assert ("dana", "~closed", "another next step took its place") in story.heard(7)
    assert story.told[-1].request.extra["by"] == ""
    moment = story.known.moments["next_step"]
    assert (moment.at, moment.on) == (None, "")


def test_an_owner_who_alone_was_told_of_a_missed_step_is_not_told_of_its_end() -> None:
    story = _deal("next_step", MISSED, next_step_at=_hour(4))
    assert [to for to, _, _ in story.heard(6)] == ["ana"]

    story.at(6, "deal.activity", _done("leo"))

    assert story.heard(7) == []


def test_a_next_step_done_within_a_minute_of_its_move_is_no_move() -> None:
    story = _deal("next_step", AHEAD, next_step_at=_hour(4))
    story.at(0, "deal.updated", DealUpdated(deal_id=ID, next_step_at=_hour(1)))
    moment = story.known.moments["next_step"]
    assert moment.note is not None

    story.at(0, "deal.activity", _done("leo"))

    assert story.known.moments["next_step"].note is None
    assert story.heard(9) == []


def test_whoever_heard_that_a_deal_went_silent_hears_that_it_is_alive() -> None:
    story = _deal("last_activity", MISSED, MANAGER)
    story.heard(6)

    story.at(6, "deal.activity", DealActivity(deal_id=ID, kind="call"))

    assert ("dana", "~closed", "something happened on it again") in story.heard(6)
    assert {one.request.extra["by"] for one in story.told if one.request.step == "~closed"} == {""}


def test_whoever_heard_that_a_close_date_was_missed_hears_which_one_was_taken_away() -> None:
    story = _deal("close", MISSED, MANAGER, close_at=_hour(4))
    story.heard(6)

    story.at(6, "deal.updated", DealUpdated(deal_id=ID, close_at=None))

    assert ("dana", "~moved", "its date was taken away") in story.heard(7)
    extra = story.told[-1].request.extra
    assert story.told[-1].request.template == "replanned"
    assert extra == {"from": iso(_hour(4)), "to": None, "by": "", "reason": ""}


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        ("submitted", CheckinSubmitted(person="ana", cadence="weekly"), "the check-in has come in"),
        (
            "excused",
            CheckinExcused(person="ana", cadence="weekly", period="2026-W14", by="leo"),
            "it is excused this time",
        ),
    ],
)
def test_whoever_heard_of_a_missed_check_in_hears_of_its_end(kind: str, data: Data, text: str) -> None:
    story = Story(world_of(_ladder(MANAGER, family="checkin")), "checkin/ana:weekly")
    rhythm = Rhythm(0, "09:00", 0, "15:00")
    made = CheckinScheduled(person="ana", cadence="weekly", title="Weekly", rhythm=rhythm, time_zone="UTC")
    story.at(0, "checkin.scheduled", made)
    monday = 48
    assert [(to, step) for to, step, _ in story.heard(monday + 8)] == [("ana", "~ask"), ("dana", "manager")]

    story.at(monday + 8, f"checkin.{kind}", data)

    assert story.heard(monday + 9) == [("dana", "~closed", text)]
    assert story.told[-1].request.kind == "notice"
    assert not story.known.moments["due"].escalated
    story.at(monday + 9, "checkin.submitted", CheckinSubmitted(person="ana", cadence="weekly"))
    assert story.heard(monday + 10) == []


def test_a_policy_that_tells_every_number_replaces_no_end_of_the_story() -> None:
    count = Reaction("count", "goal.progress", Recipients(("owner.manager",)), "milestone")
    world = world_of(_ladder(MANAGER, family="goal", moment="period_end", reactions=(count,)))
    story = Story(world, "goal/g1")
    day = (START + timedelta(days=1)).date()
    story.at(
        0,
        "goal.set",
        GoalSet(
            goal_id="g1", title="T", owner="ana", metric="m", target="4", period_start=day, period_end=day
        ),
    )
    story.at(1, "goal.progress", GoalProgress(goal_id="g1", value="4"))
    story.at(2, "goal.progress", GoalProgress(goal_id="g1", value="3"))
    assert ("dana", "manager") in [(to, step) for to, step, _ in story.heard(50)]

    story.at(50, "goal.progress", GoalProgress(goal_id="g1", value="4"))

    [told] = [one.request for one in story.taken[-1].told]
    assert (told.to, set(told.reasons)) == (
        "dana",
        {"it is closed: met", "reaction count of ladder: goal.progress"},
    )
