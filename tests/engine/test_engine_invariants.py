"""Invariants 1 to 5 for the real engine on a real store: any events, timers, crashes, lost replies, owners, rollbacks.

The judge reads only what is stored: the log of decisions, decided once more from nothing, must give the same states,
timers and effects, and hold every event up to the stored place exactly once, in order.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run

from service import engine
from service.core.decide import decide
from service.core.effects import LogEntry, decode_log
from service.core.events import Timer
from service.core.model import Commitment, decode_state, encode_state
from service.core.timeline import next_due
from service.engine import Fenced, Gap, Owner, to_ms_up
from service.store.contract import Commit, Record, Shard, StoreDown
from tests.core.histories import HOUR, MINUTE, START, busy
from tests.core.policies import policy, recipient_step, world_of
from tests.engine.one_shard import EVERYTHING, SHARD, OneShard, readable
from tests.servers import Server
from tests.store.homes import Home, MemoryHome, ServerHome

SUBJECTS = ("c1", "c2", "c3")
LADDER = policy(
    "ladder",
    [
        recipient_step(-24, "owner"),
        recipient_step(0, "owner", "owner.mentor"),
        recipient_step(4, "owner.manager", times=2),
        recipient_step(12, "owner.manager.manager", until="done"),
    ],
)
WORLD = world_of(LADDER)
FAULTS = st.sampled_from(["", "", "", "dies before", "dies after", "loses the reply"])


class Dead(Exception):
    """The process ended here."""


class Engines(RuleBasedStateMachine):
    def __init__(self, home: Home) -> None:
        super().__init__()
        self.loop, self.home, self.now = asyncio.Runner(), home, START
        self.shard = OneShard(self.loop.run(opened(home)), WORLD)
        self.commit, self.fault = self.shard.store.commit, ""
        self.shard.store.commit = self.faulty  # type: ignore[method-assign]  # the way to the store breaks, not the store
        self.owners: list[Owner] = []
        self.appended, self.is_rolled_back = 0, False

    def teardown(self) -> None:
        """In the end a process that nothing happens to finds all that is left."""
        try:
            self.fault, self.now = "", self.now + timedelta(days=60)
            self.acquire()
            self.loop.run(self.drain(self.owners[-1]))
            self.what_is_stored_is_what_the_log_decides()
        finally:
            self.loop.run(self.home.close())
            self.loop.close()

    async def drain(self, owner: Owner) -> None:
        while await self.shard.take(owner, self.now):
            pass
        for _ in range(200):
            if not await self.shard.fire(owner, self.now):
                break
        else:
            raise AssertionError("a timer that fired is still due")
        assert len(await self.decided()) == self.appended, "invariant 2: every event is decided"

    async def faulty(self, shard: Shard, commit: Commit) -> int:
        fault, self.fault = self.fault, ""
        if fault == "dies before":
            raise Dead
        seq = await self.commit(shard, commit)
        if fault == "dies after":
            raise Dead
        if fault == "loses the reply":
            raise StoreDown("the reply was lost")
        return seq

    def act(self, owner: Owner, fault: str, work: Callable[[], Any]) -> None:
        self.fault = fault
        try:
            self.loop.run(work())
        except Dead:
            self.owners.remove(owner)
        except Fenced:
            self.owners.remove(owner)
            assert owner is not self.newest or self.is_rolled_back, (
                "invariant 4: only older owners are fenced"
            )
        except Gap:
            assert self.is_rolled_back, "nothing but a lost second moves the place of an owner"
            assert owner.position == self.place(), "it goes on where the store stands"
        self.fault = ""

    @initialize()
    def first_owner(self) -> None:
        """Every commitment is made, so that there are timers from the first."""
        self.acquire()
        for hours_ahead, subject in enumerate(SUBJECTS):
            due_at = (self.now + hours_ahead * HOUR).isoformat()
            fields = {"commitment_id": subject, "title": "T", "owner": "ana", "due_at": due_at}
            event_id = f"e{self.appended}"
            self.loop.run(self.shard.append(event_id, "deadline.set", fields, self.now, self.now))
            self.appended += 1

    @rule()
    def acquire(self) -> None:
        """Another process takes over; the one before does not know yet."""
        self.newest = self.loop.run(self.shard.own())
        assert all(self.newest.epoch > owner.epoch for owner in self.owners)
        assert self.newest.position == self.place(), "invariant 3"
        self.owners.append(self.newest)

    def place(self) -> str:
        """Where the log of decisions ends in the log of events."""
        decided = self.loop.run(self.decided())
        return decided[-1].position if decided else "0"

    @rule(subject=st.sampled_from(SUBJECTS), what=busy, age=st.integers(0, 6))
    def append(self, subject: str, what: tuple[str, Any], age: int) -> None:
        type_, fields = readable(what, subject)
        event_id = f"e{self.appended}"
        self.loop.run(self.shard.append(event_id, type_, fields, self.now - age * HOUR, self.now))
        self.appended += 1

    @rule()
    def append_what_nobody_can_read(self) -> None:
        self.loop.run(self.shard.store.append([(SHARD, b"{")]))
        self.appended += 1

    @rule(minutes=st.integers(1, 12 * 60))
    def pass_time(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    @precondition(lambda self: self.owners)
    @rule(data=st.data(), count=st.integers(1, 5), fault=FAULTS)
    def take(self, data: st.DataObject, count: int, fault: str) -> None:
        owner = data.draw(st.sampled_from(self.owners))
        self.act(owner, fault, lambda: self.shard.take(owner, self.now, count))

    @precondition(lambda self: self.owners)
    @rule(data=st.data(), fault=FAULTS)
    def fire(self, data: st.DataObject, fault: str) -> None:
        owner = data.draw(st.sampled_from(self.owners))
        self.act(owner, fault, lambda: self.shard.fire(owner, self.now, 2))

    @precondition(lambda self: self.owners)
    @rule(data=st.data())
    def lose_a_second(self, data: st.DataObject) -> None:
        """The server comes back without what this owner stored last; the owner does not know."""
        owner, appended = data.draw(st.sampled_from(self.owners)), self.appended
        self.home.keep_disk()
        self.act(owner, "", lambda: self.shard.take(owner, self.now))
        if owner in self.owners:
            self.act(owner, "", lambda: self.shard.fire(owner, self.now))
        self.loop.run(self.home.lose_since())
        self.appended, self.is_rolled_back = appended, True

    # -- the judge ----------------------------------------------------------------------------------------------------
    async def log(self) -> list[LogEntry]:
        logged = await self.shard.store.log(SHARD, count=EVERYTHING)
        order = [(entry.epoch, entry.seq) for entry in logged]
        assert order == sorted(order), "invariant 4: no older owner writes after a newer one"
        return [decode_log(entry.value) for entry in logged]

    async def decided(self) -> list[Record]:
        """The records that the log has an entry for, which must be the first so many."""
        of_events = [e for e in await self.log() if e.input not in ("timer", "rolled_back")]
        records = await self.shard.records()
        assert len(records) == self.appended, "an accepted event is gone"
        for entry, record in zip(of_events, records, strict=False):
            event = self.shard.read(record).event
            assert entry.input_id == (f"test {event.id}" if event else f"{SHARD}@{record.position}")
        assert len(of_events) <= len(records), "invariant 2: an event was decided twice"
        return records[: len(of_events)]

    @invariant()
    def what_is_stored_is_what_the_log_decides(self) -> None:
        if self.owners:
            self.loop.run(self.judge())

    async def judge(self) -> None:
        records, states, keys = iter(await self.decided()), dict[str, bytes | None](), list[str]()
        for entry in await self.log():
            if entry.input == "rolled_back":
                continue
            if entry.input == "timer":
                due_at = entry.at.fromisoformat(entry.input_id)
                given: Any = Timer(subject=entry.subject, due_at=due_at, fired_at=entry.at)
            else:
                given = self.shard.read(next(records)).event
            if given is None:
                continue  # it could not be read
            decision = decide(states.get(given.subject), given, WORLD)
            assert entry.reasons == decision.reasons
            states[given.subject] = encode_state(decision.state) if decision.state is not None else None
            keys += [emit.key for emit in decision.emits]
        subjects = [f"deadline/{name}" for name in SUBJECTS]
        stored = {subject: await self.shard.state(subject) for subject in subjects}
        assert stored == {subject: states.get(subject) for subject in subjects}, "invariant 1"
        assert [emit.key for emit in await self.shard.emits()] == keys, "invariants 1 and 2"
        found = {subject: next_of(raw) for subject, raw in stored.items()}
        assert await self.shard.due() == {s: at for s, at in found.items() if at is not None}, "invariant 5"


def next_of(raw: bytes | None) -> int | None:
    state = decode_state(raw) if raw else None
    at = next_due(state, WORLD) if isinstance(state, Commitment) else None
    return to_ms_up(at) if at else None


async def opened(home: Home) -> Any:
    return home.open()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["memory", pytest.param("valkey", marks=pytest.mark.server)])
def test_invariants_1_to_5_hold_whatever_happens(
    kind: str, make_server: Callable[..., Server], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "RETRY_AFTER_S", 0)
    server = make_server() if kind == "valkey" else None
    examples = iter(range(10**9))

    def machine() -> Engines:
        return Engines(ServerHome(server, f"{prefix}-{next(examples)}") if server else MemoryHome())

    run(
        machine,
        settings=settings(
            max_examples=120 if kind == "memory" else 25,
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
        ),
    )
