"""Invariant 7: after the end no step follows, and none that an acknowledgement holds before it expires."""

from datetime import datetime, timedelta

from hypothesis import given, settings

from service.core.directory import World
from service.core.events import Answer, Event, NotificationRequested, Timer
from service.core.model import Commitment
from tests.core.histories import Happening, Replay, Taken, histories
from tests.core.policies import worlds

OVER = ("met", "cancelled", "no_date")


@settings(max_examples=150)
@given(worlds, histories(begun=True))
def test_after_the_end_no_step_follows(world: World, history: list[Happening]) -> None:
    replay = Replay(world).run(history)
    replay.pass_time(replay.now + timedelta(days=60))

    for taken in replay.taken:
        if taken.after is not None and taken.after.status in OVER:
            assert not any(told.is_step for told in taken.told)
            # That a date was taken away is told a minute later, like any other move.
            assert not (isinstance(taken.given, Timer) and taken.told) or taken.after.status == "no_date"


class Held:
    """What people were promised: until when each policy is silent, and whether that was said before or after a miss."""

    def __init__(self, world: World) -> None:
        self.expires = {p.hash: p.acknowledge.for_.elapsed for p in world.policies.live}
        self.until: dict[str, tuple[datetime, bool]] = {}

    def hear(self, taken: Taken) -> None:
        if taken.before and taken.after and _changed(taken.before) != _changed(taken.after):
            self.until.clear()  # another date, another owner, reopened: it binds no more
        if isinstance(taken.given, Event) and isinstance(taken.given.data, Answer) and taken.after:
            for moment in taken.after.moments.values():
                for run in moment.runs:
                    if run.ack and run.ack.at == taken.at and moment.at:
                        until = taken.at + self.expires[run.policy]
                        self.until[run.policy] = (until, taken.at >= moment.at)

    def forbids(self, policy_hash: str, at: datetime, is_after: bool) -> bool:
        until, knows_of_the_miss = self.until.get(policy_hash, (at, False))
        return at < until and (knows_of_the_miss or not is_after)


def _changed(state: Commitment) -> int:
    return max((moment.changed for moment in state.moments.values()), default=0)


@settings(max_examples=150)
@given(worlds, histories(begun=True))
def test_an_acknowledgement_holds_every_step_that_waits_for_one_until_it_expires(
    world: World, history: list[Happening]
) -> None:
    replay, held = Replay(world).run(history), Held(world)
    replay.pass_time(replay.now + timedelta(days=10))

    for taken in replay.taken:
        for told in taken.told:
            if told.is_step and told.request.until == "acknowledged" and not _all(world, told.request):
                due_at = datetime.fromisoformat(str(told.request.facts["due_at"]))
                assert not held.forbids(told.request.policy_hash, told.at, told.at >= due_at)
        held.hear(taken)


def _all(world: World, request: NotificationRequested) -> bool:
    [policy] = [p for p in world.policies.live if p.name == request.policy]
    return any(s.id == request.step and s.until == "acknowledged by all" for s in policy.steps)
