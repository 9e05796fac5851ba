"""A plan applied in the middle of any history, there and back: it tells nobody, makes nothing due, repeats nothing."""

from datetime import datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.directory import World
from service.core.envelope import decode, encode_internal
from service.core.events import PolicyReplaced, Timer
from service.core.plan import Plan, plan, request
from service.core.policy import Policy, PolicyBook
from tests.core.histories import Happening, Replay, histories
from tests.core.policies import policies, world_of

versions = st.tuples(
    policies("one"), policies("one").map(lambda one: msgspec.structs.replace(one, hash="hash-of-another"))
)
parts = st.tuples(histories(begun=True), st.lists(st.integers(0, 300), min_size=2, max_size=2))


def in_force(policy: Policy, *known: Policy) -> World:
    """A world of this one policy that still knows the others."""
    world = world_of(policy)
    by_hash = {one.hash: one for one in (policy, *known)}
    return msgspec.structs.replace(world, policies=PolicyBook(world.policies.live, by_hash))


class Plain(Replay):
    """Time passes without a look at how close two timers are: that is the ladder's, whatever version it is of."""

    def pass_time(self, until: datetime) -> None:
        for _ in range(500):
            if self.due_at is None or self.due_at > until:
                break
            self.now = max(self.due_at, self.now)
            self.take(Timer(subject=self.subject, due_at=self.due_at, fired_at=self.now))
        else:
            raise AssertionError("the ladder does not end")
        self.now = max(self.now, until)


def apply(replay: Replay, world: World) -> Plan | None:
    """From now on `world` is in force, also for what is open."""
    replay.world = world
    planned = plan(replay.subject, replay.stored, world, replay.now) if replay.stored else None
    if planned is not None:
        replay.take(decode(encode_internal(request(planned, replay.now)), replay.now, trusted=True))
    return planned


@settings(max_examples=120)
@given(versions, parts)
def test_a_plan_tells_nobody_twice_and_nothing_at_once(
    two: tuple[Policy, Policy], history: tuple[list[Happening], list[int]]
) -> None:
    old, new = two
    happenings, minutes = history
    replay = Plain(in_force(old, new)).run(happenings[: len(happenings) // 2 + 1])
    for world, later in ((in_force(new, old), minutes[0]), (in_force(old, new), minutes[1])):
        planned = apply(replay, world)
        if planned is not None:
            applied = replay.taken[-1]
            assert not applied.told
            is_put_off = any("due right now" in reason for reason in planned.reasons)
            assert is_put_off or _has_news(replay) or replay.due_at is None or replay.due_at > replay.now
            assert [reason.text for reason in applied.decision.reasons] == list(planned.reasons)
            assert is_put_off or plan(replay.subject, replay.stored or b"", world, replay.now) is None
            for change in planned.changes:
                assert change.after is None or replay.due_at is None or replay.due_at <= change.after.at
        replay.pass_time(replay.now + timedelta(minutes=later))
    replay.run(happenings[len(happenings) // 2 + 1 :])

    replay.pass_time(replay.now + timedelta(days=120))

    said = [
        (r.cycle, r.policy, r.step, r.round, r.to)
        for told in replay.told
        if told.is_step and (r := told.request)
    ]
    assert len(said) == len(set(said))
    assert len(replay.keys) == len(set(replay.keys))
    assert replay.due_at is None


def _has_news(replay: Replay) -> bool:
    """A note about a date that moved is due, which no policy has anything to do with."""
    moments = replay.state.moments.values() if replay.state else ()
    return any(moment.note is not None and moment.note.at <= replay.now for moment in moments)


@settings(max_examples=60)
@given(policies("one"), histories(begun=True))
def test_a_version_that_says_the_same_changes_nothing_of_what_follows(
    policy: Policy, history: list[Happening]
) -> None:
    """But for the moment in which a step is due: what is the same is taken over whole."""
    same = msgspec.structs.replace(policy, hash="hash-of-another")
    moved, left = (Plain(in_force(policy, same)).run(history) for _ in range(2))
    applied = apply(moved, in_force(same, policy))
    overdue = applied is None or any(
        word in reason
        for reason in applied.reasons
        for word in ("due right now", "counted from now", "lay in")
    )

    for replay in (moved, left):
        replay.pass_time(replay.now + timedelta(days=60))

    assert overdue or [(t.at, t.request.step, t.request.to) for t in moved.told] == [
        (t.at, t.request.step, t.request.to) for t in left.told
    ]


@settings(max_examples=60)
@given(versions, histories(), st.sampled_from(["", "hash-of-another", "unknown", "hash-one"]))
def test_any_move_is_decided_whatever_it_names(
    two: tuple[Policy, Policy], history: list[Happening], named: str
) -> None:
    replay = Plain(in_force(*two)).run(history)
    for move in ({"policy": "one", "old": "hash-one", "new": named}, {"policy": "other", "new": named}):
        data = msgspec.convert({"subject_id": replay.subject, "moves": [move]}, PolicyReplaced)
        emit = request(Plan(replay.subject, "", "", (), (), data), replay.now)
        replay.take(decode(encode_internal(emit), replay.now, trusted=True))

        assert not replay.taken[-1].told
