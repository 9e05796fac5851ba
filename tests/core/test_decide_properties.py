"""Invariants of the decision over random policies and histories: any events, any answers, any order, time passing.

The other properties, each by its invariant: test_time_ (6), test_until_ (7), test_escalation_ (8), test_apart_ (13).
"""

from datetime import timedelta

from hypothesis import given, settings

from service.core.directory import World
from tests.core.histories import Happening, Replay, histories
from tests.core.policies import worlds


@settings(max_examples=80)
@given(worlds, histories())
def test_any_history_is_decided_twice_alike_with_reasons_and_tells_nobody_the_same_thing_twice(
    world: World, history: list[Happening]
) -> None:
    replay = Replay(world).run(history)

    assert len(replay.keys) == len(set(replay.keys))


@settings(max_examples=80)
@given(worlds, histories(begun=True))
def test_each_round_of_a_step_tells_each_recipient_at_most_once_in_a_cycle(
    world: World, history: list[Happening]
) -> None:
    replay = Replay(world).run(history)
    replay.pass_time(replay.now + timedelta(days=20))

    said = [
        (r.subject, r.cycle, r.policy, r.step, r.round, r.to)
        for told in replay.told
        if told.is_step and (r := told.request)
    ]

    assert len(said) == len(set(said))


@settings(max_examples=60)
@given(worlds, histories())
def test_without_further_events_every_ladder_ends(world: World, history: list[Happening]) -> None:
    replay = Replay(world).run(history)

    replay.pass_time(replay.now + timedelta(days=120))

    assert replay.due_at is None
    assert replay.state is None or replay.state.status == "open"
