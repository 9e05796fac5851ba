"""Random histories of one commitment, and their replay: what the properties of the decision draw from.

Instants lie around a change of the clocks in Europe; people live in three zones; events come late and out of order,
and now and then nobody looks at the timers for a while.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
from hypothesis import strategies as st

from service.core.decide import decide
from service.core.directory import World
from service.core.effects import Decision
from service.core.events import (
    Answer,
    Data,
    DeadlineClosed,
    DeadlineMoved,
    DeadlineProgress,
    DeadlineReassigned,
    DeadlineSet,
    Event,
    NotificationRequested,
    Timer,
)
from service.core.model import Commitment, decode_state, encode_state
from tests.core.policies import HOUR

START = datetime(2026, 3, 28, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

people = st.sampled_from(["ana", "leo", "dana"])
instants = st.integers(-24, 200).map(lambda number: START + number * HOUR)
ID = "c1"
answers: st.SearchStrategy[tuple[str, Data]] = st.builds(
    lambda kind, by, until: (f"commitment.{kind}", Answer(subject_id=ID, by=by, until=until)),
    st.sampled_from(["acknowledged", "snoozed", "acknowledged", "help_requested"]),
    st.sampled_from(["ana", "dana", "leo"]),
    st.integers(10, 250).map(lambda number: START + number * HOUR),
)
datas: st.SearchStrategy[tuple[str, Data]] = st.one_of(
    st.builds(
        lambda owner, due: (
            "deadline.set",
            DeadlineSet(commitment_id=ID, title="T", owner=owner, due_at=due),
        ),
        people,
        instants,
    ),
    st.builds(
        lambda due: ("deadline.moved", DeadlineMoved(commitment_id=ID, due_at=due)), st.none() | instants
    ),
    st.builds(
        lambda owner: ("deadline.reassigned", DeadlineReassigned(commitment_id=ID, owner=owner)), people
    ),
    st.builds(
        lambda percent: ("deadline.progress", DeadlineProgress(commitment_id=ID, percent=percent)),
        st.sampled_from([10, 60, 95]),
    ),
    st.builds(
        lambda kind: (f"deadline.{kind}", DeadlineClosed(commitment_id=ID)),
        st.sampled_from(["met", "cancelled", "reopened"]),
    ),
    answers,
)
# What keeps a ladder busy: mostly answers, now and then anything. (A `one_of` within a `one_of` is flattened.)
busy = st.integers(0, 3).flatmap(lambda chance: datas if chance == 3 else answers)


class Happening(NamedTuple):
    """After `minutes`, in which nobody looked at timers if `is_down`, an event arrives that is `age` hours old."""

    minutes: int
    is_down: bool
    age: int
    what: tuple[str, Data]


def histories(*, max_age: int = 6, begun: bool = False) -> st.SearchStrategy[list[Happening]]:
    """Any order of any events; with `begun`, after the commitment was made, and mostly answers to it."""
    happenings = st.builds(
        Happening,
        st.integers(0, 20 * 60),
        st.sampled_from([False, False, True]),
        st.integers(0, max_age),
        busy if begun else datas,
    )
    found = st.lists(happenings, max_size=12)
    return st.builds(lambda first, rest: [first, *rest], made, found) if begun else found


made = st.builds(
    lambda due: Happening(
        0, False, 0, ("deadline.set", DeadlineSet(commitment_id=ID, title="T", owner="ana", due_at=due))
    ),
    st.integers(2, 40).map(lambda number: START + number * HOUR),
)


class Told(NamedTuple):
    """One notification that a decision asked for."""

    at: datetime
    request: NotificationRequested

    @property
    def is_step(self) -> bool:
        """Of a policy's timeline, not a reaction or built in."""
        return not self.request.cause and not self.request.step.startswith("~")


class Taken(NamedTuple):
    """One decision: what was given, the state before and after, and who is told."""

    at: datetime
    given: Event | Timer
    before: Commitment | None
    after: Commitment | None
    told: list[Told]
    decision: Decision


class Replay:
    """One subject under a history. At each decision: the same a second time, and never without a reason."""

    def __init__(self, world: World, subject: str = f"deadline/{ID}") -> None:
        self.world, self.subject, self.now = world, subject, START
        self.stored: bytes | None = None
        self.due_at: datetime | None = None
        self.taken: list[Taken] = []

    @property
    def state(self) -> Commitment | None:
        return _commitment(self.stored)

    @property
    def keys(self) -> list[str]:
        return [emit.key for taken in self.taken for emit in taken.decision.emits]

    @property
    def told(self) -> list[Told]:
        return [told for taken in self.taken for told in taken.told]

    def take(self, given: Event | Timer) -> Decision:
        decision, again = (decide(self.stored, given, self.world) for _ in range(2))
        raw = encode_state(decision.state) if decision.state is not None else None
        assert raw == (encode_state(again.state) if again.state is not None else None)
        assert (decision.emits, decision.due_at, decision.reasons) == (
            again.emits,
            again.due_at,
            again.reasons,
        )
        assert decision.reasons, "every decision says why, also why nobody is told"
        assert all(reason.code and reason.text.strip() for reason in decision.reasons)
        told = [Told(self.now, _request(emit.data)) for emit in decision.emits]
        self.taken.append(Taken(self.now, given, self.state, _commitment(raw), told, decision))
        self.stored, self.due_at = raw, decision.due_at
        return decision

    def pass_time(self, until: datetime) -> None:
        for _ in range(500):
            if self.due_at is None or self.due_at > until:
                break
            self.now = max(self.due_at, self.now)
            self.take(Timer(subject=self.subject, due_at=self.due_at, fired_at=self.now))
            # One who is told by this policy may be one whose word another one waits for: then that is due now.
            assert self.due_at is None or self.due_at > self.now or self.taken[-1].told, (
                "a timer that fires must not be due again at once"
            )
        else:
            raise AssertionError("the ladder does not end")
        self.now = max(self.now, until)

    def happen(self, happening: Happening) -> None:
        until = self.now + happening.minutes * MINUTE
        if happening.is_down:
            self.now = until
        else:
            self.pass_time(until)
        kind, data = happening.what
        event = Event(
            id=f"e{len(self.taken)}",
            source="s",
            type=kind,
            time=self.now - happening.age * HOUR,
            received_at=self.now,
            topic="deadlines",
            subject=self.subject,
            data=data,
        )
        self.take(event)

    def run(self, history: list[Happening]) -> "Replay":
        for happening in history:
            self.happen(happening)
        return self


def _request(raw: bytes) -> NotificationRequested:
    return msgspec.json.decode(raw, type=NotificationRequested)


def _commitment(raw: bytes | None) -> Commitment | None:
    state = decode_state(raw) if raw is not None else None
    assert state is None or isinstance(state, Commitment)
    return state
