"""Invariants of the decision over random histories: any events, any answers, any order, time passing in between."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.decide import decide
from service.core.directory import Directory, Person, World
from service.core.effects import Decision
from service.core.events import (
    Answer,
    Data,
    DeadlineClosed,
    DeadlineMoved,
    DeadlineReassigned,
    DeadlineSet,
    Event,
    Timer,
)
from service.core.model import Commitment, encode_state
from service.core.policy import At, Policy, PolicyBook, Recipients, Repeat, Step

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SUBJECT = "deadline/c1"


def step(name: str, hours: int, who: str, until: str = "", times: int = 0) -> Step:
    at = At(elapsed=hours * HOUR, text=f"{abs(hours)} hours {'before' if hours < 0 else 'after'}")
    repeat = Repeat(At(elapsed=HOUR), times) if times else None
    return Step(name, at, Recipients((who,)), until=until, repeat=repeat)


LADDER = Policy(
    "ladder",
    "Ladder",
    "deadline",
    "due",
    "h1",
    (
        step("early", -24, "owner"),
        step("late", -2, "owner"),
        step("missed", 0, "owner"),
        step("manager", 4, "owner.manager", times=2),
        step("director", 12, "owner.manager.manager", until="done"),
    ),
)
PEOPLE = {
    "ana": Person("ana", manager="dana"),
    "leo": Person("leo", manager="dana"),
    "dana": Person("dana", manager="omar"),
}
PEOPLE |= {"omar": Person("omar"), "ops": Person("ops", roles=("ops",))}
WORLD = World(PolicyBook((LADDER,), {"h1": LADDER}), Directory(PEOPLE, {}, {}), {}, frozenset({"email"}))

people = st.sampled_from(["ana", "leo", "dana"])
instants = st.integers(-48, 96).map(lambda hours: START + hours * HOUR)
datas: st.SearchStrategy[tuple[str, Data]] = st.one_of(
    st.builds(
        lambda o, d: ("deadline.set", DeadlineSet(commitment_id="c1", title="T", owner=o, due_at=d)),
        people,
        instants,
    ),
    st.builds(
        lambda d: ("deadline.moved", DeadlineMoved(commitment_id="c1", due_at=d)), st.none() | instants
    ),
    st.builds(lambda o: ("deadline.reassigned", DeadlineReassigned(commitment_id="c1", owner=o)), people),
    st.builds(
        lambda kind: (f"deadline.{kind}", DeadlineClosed(commitment_id="c1")),
        st.sampled_from(["met", "cancelled", "reopened"]),
    ),
    st.builds(
        lambda kind, by, until: (f"commitment.{kind}", Answer(subject_id="c1", by=by, until=until)),
        st.sampled_from(["acknowledged", "snoozed", "help_requested"]),
        people,
        instants,
    ),
)
# Hours that pass before the event, how much older than that its own time is, and what it says.
histories = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6), datas), max_size=12)


class Replay:
    """One subject under a history; checks at each step what must hold at each step."""

    def __init__(self) -> None:
        self.stored: bytes | None = None
        self.due_at: datetime | None = None
        self.keys: list[str] = []
        self.now = START
        self.trace: list[Decision] = []

    def take(self, given_: Event | Timer) -> Decision:
        decision = decide(self.stored, given_, WORLD)
        again = decide(self.stored, given_, WORLD)
        assert decision.emits == again.emits
        raw = encode_state(decision.state) if decision.state is not None else None
        assert raw == (encode_state(again.state) if again.state is not None else None)
        assert decision.reasons, "every decision says why"
        self.stored, self.due_at = raw, decision.due_at
        self.keys += [emit.key for emit in decision.emits]
        self.trace.append(decision)
        return decision

    def pass_time(self, until: datetime) -> None:
        for _ in range(200):
            if self.due_at is None or self.due_at > until:
                break
            at = max(self.due_at, self.now)
            self.take(Timer(subject=SUBJECT, due_at=self.due_at, fired_at=at))
            self.now = at
            assert self.due_at is None or self.due_at > at, "a timer that fires must not be due again at once"
        else:
            raise AssertionError("the ladder does not end")
        self.now = max(self.now, until)

    def run(self, history: list[tuple[int, int, tuple[str, Data]]]) -> "Replay":
        for number, (hours, age, (kind, data)) in enumerate(history):
            self.pass_time(self.now + hours * HOUR)
            self.take(
                Event(
                    id=f"e{number}",
                    source="s",
                    type=kind,
                    time=self.now - age * HOUR,
                    received_at=self.now,
                    topic="deadlines",
                    subject=SUBJECT,
                    data=data,
                )
            )
        return self


@settings(max_examples=300)
@given(histories)
def test_any_history_is_decided_twice_alike_and_tells_nobody_the_same_thing_twice(history) -> None:
    replay = Replay().run(history)

    assert len(replay.keys) == len(set(replay.keys))


@settings(max_examples=200)
@given(histories)
def test_without_further_events_every_ladder_ends(history) -> None:
    replay = Replay().run(history)

    replay.pass_time(replay.now + timedelta(days=120))

    state = replay.trace[-1].state if replay.trace else None
    assert replay.due_at is None or (isinstance(state, Commitment) and state.status != "open")


@settings(max_examples=200)
@given(histories)
def test_after_the_end_no_step_of_a_ladder_follows(history) -> None:
    replay = Replay().run(history)
    if (
        replay.trace
        and isinstance(replay.trace[-1].state, Commitment)
        and replay.trace[-1].state.status == "met"
    ):
        told = len(replay.keys)

        replay.pass_time(replay.now + timedelta(days=60))

        assert len(replay.keys) == told
