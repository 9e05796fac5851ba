"""Goals: any history is decided, ends, and tells nobody twice; and their numbers at the edges."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from service.core.directory import Team
from service.core.effects import Decision
from service.core.events import Data, GoalClosed, GoalProgress, GoalSet
from service.core.model import Goal
from service.core.policy import At, Policy, Reaction, Recipients, Step
from service.core.reasons import Code
from service.core.rules.goals import PERCENT_MAX, percent_of
from tests.core.histories import MINUTE, START, Happening, Replay, people
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
        ("-0.5", "2", 0),
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


# -- what is said again, with every reason on record ---------------------------------------------------------------
def _is_big(view: Mapping[str, Any]) -> bool:
    return bool(view["commitment"]["target"] >= 100)


BIG = Policy("big", "big", "goal", "period_end", "hash-big", when=_is_big)


def _number(value: str) -> tuple[str, GoalProgress]:
    return "goal.progress", GoalProgress(goal_id=ID, value=value)


CLOSED = ("goal.closed", GoalClosed(goal_id=ID))


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([_set()], ["a new goal"]),
        ([_number("2")], ["we have not heard of this goal yet; kept until we do"]),
        ([_set(), _set()], ["it says nothing new"]),
        ([_set(), _number("2")], ["2 of 4: 50 %"]),
        ([_set(unit="calls"), _number("2")], ["2 of 4 calls: 50 %"]),
        ([_set(), _number("2"), _number("2.0")], ["2.0 of 4: 50 %"]),
        ([_set(), _number("2"), _number("2")], ["it says nothing new, or something newer is known"]),
        ([_set(), CLOSED, _number("2")], ["it is cancelled already; recorded, nothing follows"]),
        ([_set(), CLOSED, _set(target="5")], ["it is closed already; recorded, nothing follows"]),
        ([CLOSED, _set()], ["it was cancelled before we heard of it"]),
        ([_set(), _number("4")], ["4 of 4: 100 %", "met at 2026-03-28 10:02 Europe/Berlin"]),
        ([_number("4"), _set()], ["a new goal", "4 of 4: 100 %", "met at 2026-03-28 10:02 Europe/Berlin"]),
        ([_set(), _number("4"), _number("4.0")], ["4.0 of 4: 100 %"]),
        ([_set(), _number("4"), _number("5")], ["5 of 4: 125 %"]),
        ([_set(), _number("4"), _number("3")], ["3 of 4: 75 %", "open again"]),
        ([_set(), _number("4"), _set()], ["it says nothing new", "4 of 4: 100 %"]),
        (
            [_set(), _number("4"), _set(date(2026, 4, 30))],
            ["its period ends at 2026-04-30 17:00 Europe/Berlin now", "4 of 4: 100 %"],
        ),
        ([_set(), _number("4"), _set(target="8")], ["4 of 8: 50 %", "open again"]),
    ],
)
def test_what_follows_from_what_is_said_of_a_goal_is_on_record(
    history: list[tuple[str, Data]], said: list[str]
) -> None:
    decision = _give(
        Replay(world_of(Policy("quiet", "quiet", "goal", "period_end", "h")), f"goal/{ID}"), *history
    )

    assert [why.text for why in decision.reasons] == said


def test_an_older_word_about_a_goal_that_was_said_again_changes_nothing() -> None:
    replay = Replay(world_of(), f"goal/{ID}")
    _give(replay, _set(url="https://example.com/1"))
    replay.happen(Happening(120, False, 0, _set(url="https://example.com/2")))

    replay.happen(Happening(1, False, 1, _set(url="https://example.com/late", unit="EUR")))

    assert replay.state is not None
    assert replay.state.url == "https://example.com/2"
    assert replay.state.opened_at == START + MINUTE


def test_a_goal_said_again_after_its_miss_tells_nobody_again() -> None:
    replay = Replay(world_of(NEWS), f"goal/{ID}")
    _give(replay, _set(date(2026, 3, 29)))
    replay.pass_time(START + 48 * HOUR)
    assert [told.request.to for told in replay.told] == ["ana", "dana"]

    _give(replay, _set(date(2026, 3, 29)), _set(date(2026, 3, 29), why="Rent"), _number("1"))
    replay.pass_time(START + 96 * HOUR)

    assert len(replay.told) == 2


def test_a_policy_begins_with_the_word_that_it_waits_for_and_none_once_the_goal_is_reached() -> None:
    def running() -> list[str]:
        assert replay.state is not None
        return [run.policy for run in replay.state.moments["period_end"].runs]

    replay = Replay(world_of(NEWS, BIG), f"goal/{ID}")
    _give(replay, _set(target="99"))
    assert running() == ["hash-news"]
    _give(replay, _set(target="100"))
    assert running() == ["hash-news", "hash-big"]

    replay = Replay(world_of(NEWS, BIG), f"goal/{ID}")
    _give(replay, _set(target="99"), _number("200"), _set(target="100"), _number("201"))
    assert running() == ["hash-news"]


def test_a_goal_that_is_over_takes_no_other_facts_and_a_reached_one_is_nobodys_to_take_over() -> None:
    replay = Replay(world_of(NEWS), f"goal/{ID}")
    _give(replay, _set(), CLOSED, _set(target="5"))
    assert replay.state is not None
    assert replay.state.goal is not None
    assert replay.state.goal.target == "4"

    replay = Replay(world_of(NEWS), f"goal/{ID}")
    _give(replay, _set(date(2026, 3, 29)))
    replay.pass_time(START + 12 * HOUR)
    _give(
        replay,
        ("goal.progress", GoalProgress(goal_id=ID, value="4", by="ana")),
        _set(date(2026, 3, 29), owner="leo"),
    )
    assert [told.request.step for told in replay.told] == ["behind", "reached"]


def test_whoever_is_a_person_is_no_team_of_the_same_name() -> None:
    world = world_of(NEWS)
    teams = {"ana": Team("ana", lead="omar")}
    replay = Replay(replace(world, directory=replace(world.directory, teams=teams)), f"goal/{ID}")
    _give(replay, _set())

    assert replay.state is not None
    assert (replay.state.owner, replay.state.team) == ("ana", "")
