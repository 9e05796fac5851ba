"""Goals: any history is decided, ends, and tells nobody twice; and their numbers at the edges."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.effects import Decision
from service.core.events import Data, GoalClosed, GoalProgress, GoalSet
from service.core.model import Goal
from service.core.policy import At, Policy, Reaction, Recipients, Step
from service.core.reasons import Code
from service.core.rules.goals import PERCENT_MAX, percent_of
from tests.core.histories import Happening, Replay, people
from tests.core.policies import HOUR, world_of

ID = "g1"
NEWS = Policy(
    "news",
    "news",
    "goal",
    "period_end",
    "hash-news",
    (
        Step("behind", At(elapsed=-24 * HOUR, text="1 day before"), Recipients(("owner",))),
        Step("short", At(text="the moment"), Recipients(("owner.manager",))),
    ),
    (
        Reaction("milestone", "goal.milestone", Recipients(("owner",)), "milestone"),
        Reaction("reached", "goal.reached", Recipients(("owner", "everyone_told")), "milestone"),
    ),
)


def _set(
    period_end: date = date(2026, 3, 31), target: str = "4", owner: str = "ana", **more: str
) -> tuple[str, GoalSet]:
    begin = date(2026, 3, 1)
    said = GoalSet(
        goal_id=ID,
        title="Calls",
        owner=owner,
        metric="calls",
        target=target,
        period_start=begin,
        period_end=period_end,
        **more,  # type: ignore[arg-type]  # texts alone
    )
    return "goal.set", said


def _give(replay: Replay, *what: tuple[str, Data]) -> Decision:
    return replay.run([Happening(1, False, 0, one) for one in what]).taken[-1].decision


numbers = st.sampled_from(["0", "1", "1.99", "2", "3.3", "4", "5", "400", "-1"])
days = st.integers(-2, 20).map(lambda number: date(2026, 3, 28) + timedelta(number))
events: st.SearchStrategy[tuple[str, Data]] = st.one_of(
    st.builds(_set, days, st.sampled_from(["1", "2", "4"]), people),
    st.builds(
        lambda value, by: ("goal.progress", GoalProgress(goal_id=ID, value=value, by=by)), numbers, people
    ),
    st.builds(lambda by: ("goal.closed", GoalClosed(goal_id=ID, by=by)), people),
)
histories = st.lists(
    st.builds(Happening, st.integers(0, 60 * 60), st.booleans(), st.integers(0, 6), events), max_size=12
)


@settings(max_examples=60)
@given(histories)
def test_any_history_of_a_goal_is_decided_and_ends_and_tells_nobody_twice(history: list[Happening]) -> None:
    replay = Replay(world_of(NEWS), f"goal/{ID}").run(history)
    replay.pass_time(replay.now + timedelta(days=90))

    assert len(replay.keys) == len(set(replay.keys))
    successes = [
        (told.request.to, told.request.step) for told in replay.told if told.request.step == "reached"
    ]
    assert len(successes) == len(set(successes)), "a win is told once"


@pytest.mark.parametrize(
    ("value", "target", "percent"),
    [
        ("2", "3", 66),
        ("0.4", "0.5", 80),
        ("1", "0.00001", PERCENT_MAX),
        ("9999.99", "1", 999_999),
        ("1", "", 0),
        ("", "1", 0),
        ("", "", 0),
        ("1", "0", 0),
        ("-1", "-2", 0),
        ("-1", "2", 0),
    ],
)
def test_a_goal_is_as_far_as_its_number_is_of_its_target(value: str, target: str, percent: int) -> None:
    assert percent_of(Goal(target=target, value=value)) == percent


def test_a_period_that_ends_before_it_begins_is_refused_also_where_the_log_has_it_already() -> None:
    replay = Replay(world_of(), f"goal/{ID}")

    assert [why.code for why in _give(replay, _set(date(2026, 2, 28))).reasons] == [Code.REFUSED]
    assert _give(replay, _set(date(2026, 3, 1))).reasons[0].code == Code.RECORDED


def test_all_that_is_said_of_a_goal_is_kept() -> None:
    replay = Replay(world_of(), f"goal/{ID}")
    progress = GoalProgress(goal_id=ID, value="3", note="two more next week")
    _give(replay, _set(url="https://example.com/g1", unit="EUR", why="Rent"), ("goal.progress", progress))

    state = replay.state
    assert state is not None
    assert (state.title, state.url, state.note) == ("Calls", "https://example.com/g1", "two more next week")
    assert state.progress == 75
    known = Goal("calls", "4", "EUR", "3", starts_on="2026-03-01", why="Rent", reached=[50])
    assert state.goal == known


@pytest.mark.parametrize(
    "first", [("goal.closed", GoalClosed(goal_id=ID)), ("goal.progress", GoalProgress(goal_id=ID, value="1"))]
)
def test_a_goal_heard_of_only_by_its_end_or_its_number_waits_as_one(first: tuple[str, Data]) -> None:
    replay = Replay(world_of(), f"goal/{ID}")
    _give(replay, first)

    assert replay.state is not None
    assert replay.state.goal is not None
    assert list(replay.state.moments) == ["period_end"]
