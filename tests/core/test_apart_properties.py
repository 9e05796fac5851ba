"""Invariant 13: unrelated subjects commute. However their inputs are mixed, each fares as if it were alone."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.directory import World
from tests.core.histories import Happening, Replay, histories
from tests.core.policies import worlds


@settings(max_examples=100)
@given(worlds, histories(begun=True), histories(begun=True), st.randoms(use_true_random=False))
def test_two_commitments_fare_as_each_does_alone(
    world: World, one: list[Happening], two: list[Happening], chance: Random
) -> None:
    alone = [Replay(world, "deadline/c1").run(one), Replay(world, "deadline/c2").run(two)]

    together = [Replay(world, "deadline/c1"), Replay(world, "deadline/c2")]
    queues = [list(one), list(two)]
    while any(queues):
        turn = chance.randrange(2) if all(queues) else queues.index(max(queues, key=len))
        together[turn].happen(queues[turn].pop(0))

    for mixed, single in zip(together, alone, strict=True):
        assert (mixed.stored, mixed.due_at, mixed.keys) == (single.stored, single.due_at, single.keys)
    assert not set(together[0].keys) & set(together[1].keys)
