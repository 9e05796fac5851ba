"""Invariant 6: nothing fires before its time. When that is says a reference of its own: it walks the calendar in steps
of a quarter of an hour, and knows nothing of how the ladder is made."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.calendar import Hours
from service.core.directory import World
from service.core.events import DeadlineMoved, DeadlineSet, Event, Timer
from service.core.policy import At, Recipients, Repeat, Step
from tests.core.histories import ID, START, Happening, Replay, histories
from tests.core.policies import HOUR, PEOPLE, SOMEBODY, ats, hours, policies, policy, world_of, worlds
from tests.core.slow_calendar import business_days, business_time, wall_clock


def due(at: At, moment: datetime, owner: str) -> datetime:
    """When a step around `moment` is due by the calendar on its owner's wall."""
    zone = PEOPLE[owner].time_zone
    if at.is_business and at.days:
        return business_days(moment, at.days, Hours(), zone)
    if at.is_business:
        return business_time(moment, at.elapsed, Hours(), zone)
    local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + timedelta(days=at.days)
    if at.clock is not None:
        local = datetime.combine(local.date(), at.clock)
    on_the_wall = wall_clock(local, zone) if at.days or at.clock is not None else moment
    return on_the_wall + at.elapsed


class Promise:
    """The date as anybody would read it from the history: the last one said while it was not over."""

    def __init__(self) -> None:
        self.at: datetime | None = None
        self.status = "unknown"

    def hear(self, event: Event) -> None:
        data = event.data
        if event.type in ("deadline.met", "deadline.cancelled"):
            self.status = "over"
        elif event.type == "deadline.reopened" and self.status == "over":
            self.status = "open"
        elif isinstance(data, DeadlineSet | DeadlineMoved) and self.status != "over":
            is_known = self.at is not None or isinstance(data, DeadlineSet)
            self.at = data.due_at if is_known and isinstance(data.due_at, datetime) else self.at


@settings(max_examples=80)
@given(policies("one", SOMEBODY).map(world_of), histories(max_age=0, begun=True))
def test_no_step_speaks_before_its_time(world: World, history: list[Happening]) -> None:
    """Every level is somebody here: after a level with nobody the next one speaks at once, which is its time then."""
    replay, promise = Replay(world).run(history), Promise()
    replay.pass_time(replay.now + timedelta(days=10))
    steps = {(p.name, step.id): step for p in world.policies.live for step in p.steps}

    for taken in replay.taken:
        if isinstance(taken.given, Event):
            promise.hear(taken.given)
        for told in taken.told:
            if told.is_step:
                step = steps[told.request.policy, told.request.step]
                assert promise.at is not None
                rounds = told.request.round * step.repeat.every.elapsed if step.repeat else timedelta()
                assert told.at >= due(step.at, promise.at, str(told.request.facts["owner"])) + rounds


plain_steps = st.builds(lambda at: Step("", at, Recipients(("owner",))), ats)


@settings(max_examples=100)
@given(
    st.lists(plain_steps, min_size=1, max_size=6), st.sampled_from(["ana", "leo", "dana"]), st.integers(1, 60)
)
def test_when_nothing_is_answered_each_step_speaks_exactly_at_its_time(
    found: list[Step], owner: str, ahead: int
) -> None:
    moment = START + ahead * HOUR
    data = DeadlineSet(commitment_id=ID, title="T", owner=owner, due_at=moment)
    replay = Replay(world_of(policy("plain", found))).run([Happening(0, False, 0, ("deadline.set", data))])

    replay.pass_time(START + timedelta(days=10))

    times = {due(step.at, moment, owner) for step in found}
    assert [told.at for told in replay.told] == sorted(at for at in times if at > START)


@settings(max_examples=60)
@given(ats, st.integers(1, 9), st.integers(1, 3), st.integers(1, 60))
def test_each_round_of_a_step_speaks_exactly_at_its_time(at: At, every: int, times: int, ahead: int) -> None:
    moment = START + ahead * HOUR
    step = Step("", at, Recipients(("owner",)), repeat=Repeat(hours(every), times))
    data = DeadlineSet(commitment_id=ID, title="T", owner="ana", due_at=moment)
    replay = Replay(world_of(policy("plain", [step]))).run([Happening(0, False, 0, ("deadline.set", data))])

    replay.pass_time(START + timedelta(days=10))

    first = due(at, moment, "ana")
    rounds = [first + number * every * HOUR for number in range(times + 1)]
    wanted = [at for at in rounds if at > START and (first >= moment or at < moment)]
    assert [(told.at, told.request.round) for told in replay.told] == [
        (at, rounds.index(at)) for at in wanted
    ]


@settings(max_examples=60)
@given(worlds, histories())
def test_a_look_before_the_time_changes_nothing(world: World, history: list[Happening]) -> None:
    replay = Replay(world).run(history)
    if replay.due_at is None or replay.due_at <= replay.now:
        return
    before, due_at = replay.stored, replay.due_at

    replay.now = due_at - timedelta(milliseconds=1)
    decision = replay.take(Timer(subject=replay.subject, due_at=replay.now, fired_at=replay.now))

    assert (replay.stored, replay.due_at, decision.emits) == (before, due_at, ())
