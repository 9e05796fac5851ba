"""Invariant 8: escalation only goes up, within a cycle and across those begun by a forgotten acknowledgement or a
snooze, and it ends."""

from collections import defaultdict
from datetime import datetime, timedelta

from hypothesis import given, settings

from service.core.directory import World
from service.core.model import Commitment
from tests.core.histories import Happening, Replay, histories
from tests.core.policies import worlds
from tests.core.test_time_properties import due


@settings(max_examples=150)
@given(worlds, histories(begun=True))
def test_after_a_miss_each_message_comes_from_a_step_at_least_as_high_as_the_one_before(
    world: World, history: list[Happening]
) -> None:
    replay = Replay(world).run(history)
    replay.pass_time(replay.now + timedelta(days=20))
    steps = {(p.name, step.id): step for p in world.policies.live for step in p.steps}
    highest: dict[tuple[str, int], timedelta] = defaultdict(timedelta)

    for taken in replay.taken:
        levels: dict[tuple[str, int], list[timedelta]] = defaultdict(list)
        for told in taken.told:
            moment = _due(taken.after)
            if told.is_step and moment is not None and told.at >= moment:
                request = told.request
                at = due(steps[request.policy, request.step].at, moment, str(request.facts["owner"]))
                # A reminder that an outage or a snooze has made late is the lowest level there is.
                level = max(at - moment, timedelta())
                levels[request.policy, int(str(request.facts["changed"]))].append(level)
        for run, said in levels.items():
            assert min(said) >= highest[run]
            highest[run] = max(said)


@settings(max_examples=150)
@given(worlds, histories(begun=True))
def test_a_ladder_says_no_more_than_its_rounds_for_each_time_it_may_be_held(
    world: World, history: list[Happening]
) -> None:
    """An acknowledgement and a snooze hold it once more each; when both are over, only its rounds are left to say."""
    replay = Replay(world).run(history)
    before = len(replay.told)

    replay.pass_time(replay.now + timedelta(days=120))

    said = [told for told in replay.told[before:] if told.is_step]
    for policy in world.policies.live:
        rounds = {
            (t.request.step, t.request.round, t.request.cycle)
            for t in said
            if t.request.policy == policy.name
        }
        assert (
            len(rounds) <= len(policy.firings) + 2
        )  # one more for an acknowledgement and for a snooze that end


def _due(state: Commitment | None) -> datetime | None:
    return state.moments["due"].at if state and "due" in state.moments else None
