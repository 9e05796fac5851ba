"""Whoever lives further east from now on has their days end sooner: what that puts into the past, and what not."""

from datetime import UTC, date, datetime, time, timedelta

import msgspec
import pytest

from service.core.directory import World
from service.core.effects import Decision
from service.core.events import Answer, DeadlineClosed, DeadlineSet
from service.core.model import Commitment, People, encode_state
from service.core.people import SUBJECT
from service.core.policy import At, Policy, Recipients, Step
from service.core.reasons import Code
from service.core.reckoning import reckon
from tests.core.histories import ID, Happening, Replay
from tests.core.policies import HOUR, world_of

STEPS = (
    Step("morning", At(clock=time(16), text="16:00 on the day"), Recipients(("owner",))),
    Step("missed", At(text="the moment"), Recipients(("owner",))),
    Step("manager", At(elapsed=HOUR, text="1 hour after"), Recipients(("owner.manager",))),
)
IN_BERLIN = world_of(Policy("ladder", "ladder", "deadline", "due", "hash-ladder", STEPS))
MONDAY = date(2026, 3, 30)
ENDS_IN_BERLIN, ENDS_IN_TOKYO = (datetime(2026, 3, 30, hour, tzinfo=UTC) for hour in (15, 8))


def _in_tokyo() -> World:
    directory = IN_BERLIN.directory
    people = {
        **directory.people,
        "ana": msgspec.structs.replace(directory.people["ana"], time_zone="Asia/Tokyo"),
    }
    return msgspec.structs.replace(IN_BERLIN, directory=msgspec.structs.replace(directory, people=people))


def _ana_moves(replay: Replay, now: datetime) -> Decision:
    replay.pass_time(now)
    assert replay.stored is not None
    replay.world = _in_tokyo()
    decision = reckon(replay.subject, replay.stored, replay.world, now)
    assert decision.state is not None
    replay.stored, replay.due_at = encode_state(decision.state), decision.due_at
    return decision


@pytest.fixture
def replay() -> Replay:
    made = DeadlineSet(commitment_id=ID, title="T", owner="ana", due_on=MONDAY)
    return Replay(IN_BERLIN).run([Happening(0, False, 0, ("deadline.set", made))])


def _told(replay: Replay) -> list[tuple[str, datetime]]:
    return [(told.request.step, told.at) for told in replay.told]


@pytest.mark.parametrize("late", [timedelta(), timedelta(hours=2)])
def test_a_day_that_has_ended_by_now_is_missed_after_a_grace_and_the_ladder_counts_from_there(
    replay: Replay, late: timedelta
) -> None:
    now = ENDS_IN_TOKYO + late
    decision = _ana_moves(replay, now)
    replay.pass_time(now + timedelta(days=2))

    start = now + timedelta(minutes=15)
    assert _told(replay) == [("missed", start), ("manager", start + HOUR)]
    passed, reckoned = decision.reasons
    assert (passed.code, passed.text) == (Code.PASSED, "step morning of ladder lay in the past already")
    assert reckoned.code == Code.RECKONED
    assert reckoned.text == "people or calendars are others than before; its timer was set anew"


def test_whoever_said_that_they_knew_of_the_date_did_not_know_of_the_miss(replay: Replay) -> None:
    replay.pass_time(ENDS_IN_TOKYO + HOUR)
    replay.happen(Happening(0, False, 0, ("commitment.acknowledged", Answer(subject_id=ID, by="ana"))))

    now = ENDS_IN_TOKYO + 2 * HOUR
    _ana_moves(replay, now)
    replay.pass_time(now + HOUR / 2)

    assert _told(replay) == [("missed", now + timedelta(minutes=15))]


def test_a_day_that_ends_sooner_and_not_yet_is_due_then(replay: Replay) -> None:
    now = ENDS_IN_TOKYO - timedelta(hours=3)
    _ana_moves(replay, now)
    replay.pass_time(now + timedelta(days=2))

    assert _told(replay) == [
        ("morning", ENDS_IN_TOKYO - HOUR),
        ("missed", ENDS_IN_TOKYO),
        ("manager", ENDS_IN_TOKYO + HOUR),
    ]


def test_what_has_passed_or_is_over_stays_as_people_know_it(replay: Replay) -> None:
    def ends_at() -> datetime | None:
        assert isinstance(replay.state, Commitment)
        return replay.state.moments["due"].at

    replay.happen(Happening(60, False, 0, ("deadline.met", DeadlineClosed(commitment_id=ID, by="ana"))))
    _ana_moves(replay, ENDS_IN_TOKYO)
    assert ends_at() == ENDS_IN_BERLIN

    replay.happen(Happening(60, False, 0, ("deadline.reopened", DeadlineClosed(commitment_id=ID, by="ana"))))
    _ana_moves(replay, ENDS_IN_BERLIN)
    assert ends_at() == ENDS_IN_BERLIN


def test_what_was_said_of_people_falls_due_at_no_time() -> None:
    people = People(said={"ana": {}})

    assert reckon(SUBJECT, encode_state(people), IN_BERLIN, ENDS_IN_TOKYO) == Decision(people, None)
