"""A clock that is put back, by an operator or with a restored machine: nothing is told twice, nothing is skipped."""

from datetime import UTC, datetime, timedelta

from service.core.decide import decide
from service.core.envelope import decode
from service.core.events import Timer
from service.core.model import encode_state
from service.core.policy import At, Policy, Recipients, Step
from service.core.reasons import Code
from service.store.clock import Clock
from service.store.memory import MemoryStore
from tests.core.hostile_events import NOW as SAID_AT
from tests.core.hostile_events import body
from tests.core.policies import HOUR, hours, world_of

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LADDER = Policy(
    "ladder",
    "Ladder",
    "deadline",
    "due",
    "h",
    (
        Step("missed", At(), Recipients(("owner",))),
        Step("manager", hours(2), Recipients(("owner.manager",))),
    ),
)


async def test_a_process_does_not_go_back_with_its_servers_clock():
    at = NOW
    clock = Clock(MemoryStore(lambda: at))
    assert await clock.now() == NOW

    at = NOW - timedelta(hours=1)
    assert await clock.now() == NOW

    at = NOW + timedelta(seconds=1)
    assert await clock.now() == at


def test_a_step_is_taken_once_by_a_process_that_starts_with_an_earlier_clock():
    world, due = world_of(LADDER), SAID_AT + 3 * HOUR
    known = decide(None, decode(body({"owner": "ana", "due_at": due.isoformat()}), SAID_AT), world)
    assert known.state is not None
    missed = decide(encode_state(known.state), _timer(due, due), world)
    assert missed.state is not None
    assert len(missed.emits) == 1

    again = decide(encode_state(missed.state), _timer(due, due - HOUR), world)
    assert again.state is not None
    assert (again.emits, again.due_at) == ((), due + 2 * HOUR)
    assert [reason.code for reason in again.reasons] == [Code.NOT_DUE]

    manager = decide(encode_state(again.state), _timer(due + 2 * HOUR, due + 2 * HOUR), world)
    assert len(manager.emits) == 1


def _timer(due_at: datetime, fired_at: datetime) -> Timer:
    return Timer(subject="deadline/c1", due_at=due_at, fired_at=fired_at)


async def test_between_questions_the_process_goes_on_from_the_quickest_answer_and_never_ahead():
    timer, took_s, asked = 100.0, 0.0, 0

    class Slow(MemoryStore):
        """It looks at its clock when it is asked; its answer is on its way for `took_s`."""

        async def now(self) -> datetime:
            nonlocal timer, asked
            found, asked = await super().now(), asked + 1
            timer += took_s
            return found

    put_back = timedelta()
    store = Slow(lambda: NOW + timedelta(seconds=timer - 100) - put_back)
    clock = Clock(store, ask_every_s=1.0, timer=lambda: timer)
    took_s = 0.004
    assert await clock.now() == NOW
    timer, took_s = 100.504, 0.5
    assert await clock.now() == NOW + timedelta(milliseconds=500)  # four of them it cannot be sure of
    assert asked == 1

    timer = 101.504
    assert await clock.now() == NOW + timedelta(milliseconds=1504)
    timer = 102.5
    assert await clock.now() == NOW + timedelta(milliseconds=2496)  # still by the quicker answer
    assert asked == 2

    timer, put_back, took_s = 104.0, timedelta(seconds=-10), 0.0  # put forward: noticed by the next question
    assert await clock.now() == NOW + timedelta(seconds=14)
    timer = 104.25
    assert await clock.now() == NOW + timedelta(milliseconds=14_250)
