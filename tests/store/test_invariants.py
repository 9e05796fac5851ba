"""Invariants 2 to 5 of the design, under any order of events, timers, owners, crashes and resent commits.

A toy engine stands in for the real one: a subject's state is the list of what was applied to it, so that anything
lost, doubled or out of order shows.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run

from service.store.contract import Commit, Fenced, Gap, Owned, Record, Shard, Store
from service.store.memory import MemoryStore
from service.store.redis import RedisStore
from service.store.wire import open_client
from tests.store.homes import batch

SUBJECTS = ("a", "b", "c")
REMOVED_AT = 10**12


def next_due(state: bytes) -> int | None:
    """A pure function of the state, as in the real engine."""
    applied = state.split()
    if b"gone" in applied:
        return None
    return REMOVED_AT if any(mark.startswith(b"close") for mark in applied) else len(applied)


class Owner:
    """One process that believes it owns the shard, with its cache of where things stand."""

    def __init__(self, owned: Owned) -> None:
        self.owned, self.seq = owned, owned.seq
        self.position = owned.offsets.get("ev", "0")
        self.last: Commit | None = None


class Shards(RuleBasedStateMachine):
    def __init__(self, make: Any, shard: Shard) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.store: Store = self.loop.run(make())
        self.shard = shard
        self.sent: list[Record] = []
        self.owners: list[Owner] = []
        self.highest = 0

    def teardown(self) -> None:
        self.loop.run(self.store.close())
        self.loop.close()

    def act(self, commit: Commit, owner: Owner) -> bool:
        """Whether it was stored; the owner learns from a refusal as the real one does."""
        try:
            seq = self.loop.run(self.store.commit(self.shard, commit))
        except Fenced:
            assert owner.owned.epoch < self.highest
            self.owners.remove(owner)
            return False
        except Gap as gap:
            owner.seq, owner.position, owner.last = gap.seq, gap.offsets.get("ev", "0"), None
            return False
        assert owner.owned.epoch == self.highest, "invariant 4: only the highest epoch commits"
        assert seq == commit.seq + 1
        owner.seq, owner.last = seq, commit
        if commit.offset:
            owner.position = commit.offset[2]
        return True

    def states(self) -> dict[str, bytes]:
        found = self.loop.run(self.store.load(self.shard, list(SUBJECTS)))
        return {subject: blob or b"" for subject, blob in zip(SUBJECTS, found, strict=True)}

    @initialize()
    def first_owner(self) -> None:
        self.acquire()

    @rule()
    def acquire(self) -> None:
        owned = self.loop.run(self.store.acquire(self.shard))
        assert owned.epoch > self.highest
        self.highest = owned.epoch
        self.owners.append(Owner(owned))

    @rule(
        kinds=st.lists(
            st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(["say", "close"])), min_size=1, max_size=4
        )
    )
    def append(self, kinds: list[tuple[str, str]]) -> None:
        values = [
            f"{subject} {kind}{len(self.sent) + at}".encode() for at, (subject, kind) in enumerate(kinds)
        ]
        positions = self.loop.run(self.store.append([(self.shard, value) for value in values]))
        self.sent += map(Record, positions, values)

    @precondition(lambda self: self.owners)
    @rule(data=st.data(), count=st.integers(1, 5), crash=st.booleans())
    def consume(self, data: st.DataObject, count: int, crash: bool) -> None:
        owner = data.draw(st.sampled_from(self.owners))
        records = self.loop.run(self.store.read({self.shard: owner.position}, count, 0)).get(self.shard, [])
        if not records:
            return
        states = self.states()
        for record in records:
            subject, mark = record.value.split()
            states[subject.decode()] += b" " + mark
        marks = [record.value for record in records]
        commit = batch(
            owner.owned,
            owner.seq,
            offset=("ev", owner.position, records[-1].position),
            states=dict(states),
            due={subject: next_due(state) for subject, state in states.items() if state},
            emits=marks,
            owed=[(mark.decode(), b"owed") for mark in marks],
            log=marks,
        )
        self.act(commit, owner)
        if crash and owner in self.owners:
            # Its reply never arrived: it stands where it stood, and sends the same bytes.
            self.act(commit, owner)

    @precondition(lambda self: self.owners)
    @rule(data=st.data())
    def fire(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(self.owners))
        due = self.loop.run(self.store.due(self.shard, REMOVED_AT, 2))
        states = self.states()
        changed = {}
        for subject, at_ms in due:
            changed[subject] = states[subject] + (b" gone" if at_ms == REMOVED_AT else b" fired")
        if changed:
            dues = {subject: next_due(state) for subject, state in changed.items()}
            self.act(batch(owner.owned, owner.seq, states=changed, due=dues, log=[b"timer"]), owner)

    @precondition(lambda self: self.owners)
    @rule(data=st.data())
    def resend(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(self.owners))
        if owner.last is not None:
            before = self.states()
            self.act(owner.last, owner)
            assert self.states() == before, "invariant 4: a resent commit changes nothing"

    @precondition(lambda self: self.owners and self.sent)
    @rule(data=st.data())
    def miss_a_seek(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(self.owners))
        wrong = batch(
            owner.owned, owner.seq, offset=("ev", "7-7", self.sent[-1].position), states={"a": b"broken"}
        )
        assert not self.act(wrong, owner)

    @invariant()
    def every_event_behind_the_offset_is_applied_once_and_none_beyond(self) -> None:
        """Invariants 2 and 3."""
        offset = self.loop.run(self._offset())
        behind = [record for record in self.sent if place(record.position) <= place(offset)]
        applied = {
            subject: [m for m in state.split() if m[-1:].isdigit()]
            for subject, state in self.states().items()
        }
        for subject in SUBJECTS:
            wanted = [r.value.split()[1] for r in behind if r.value.split()[0].decode() == subject]
            assert applied[subject] == wanted
        wanted_values = [record.value for record in behind]
        assert [emit.value for emit in self.loop.run(self.store.emits(self.shard, 10_000))] == wanted_values
        log = self.loop.run(self.store.log(self.shard, count=10_000))
        assert [entry.value for entry in log if entry.value != b"timer"] == wanted_values
        assert [entry.epoch for entry in log] == sorted(entry.epoch for entry in log), "invariant 4"
        assert [entry.seq for entry in log] == sorted(entry.seq for entry in log)

    @invariant()
    def the_index_of_timers_is_derived_from_the_states(self) -> None:
        """Invariant 5."""
        due = dict(self.loop.run(self.store.due(self.shard, REMOVED_AT, 100)))
        wanted = {subject: next_due(state) for subject, state in self.states().items() if state}
        assert due == {subject: at_ms for subject, at_ms in wanted.items() if at_ms is not None}

    async def _offset(self) -> str:
        if isinstance(self.store, MemoryStore):
            return self.store._shelf(self.shard).offsets.get("ev", "0")
        found = await self.store._wire.call("HGET", self.store._keys.of(self.shard).off, "ev")
        return found.decode() if found else "0"


def place(position: str) -> tuple[int, int]:
    ms, _, number = position.partition("-")
    return int(ms), int(number or 0)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["memory", pytest.param("valkey", marks=pytest.mark.server)])
def test_invariants_2_to_5_hold_whatever_happens(
    kind: str, request: pytest.FixtureRequest, prefix: str
) -> None:
    examples = iter(range(10**9))

    def machine() -> Shards:
        async def make() -> Store:
            if kind == "memory":
                return MemoryStore(lambda: datetime.now(UTC))
            return RedisStore(open_client(request.getfixturevalue("valkey_server").url), prefix)

        return Shards(make, Shard("deadlines", next(examples)))

    run(
        machine,
        settings=settings(max_examples=100, stateful_step_count=30, suppress_health_check=list(HealthCheck)),
    )
