"""A recorded history: what happened, under which policies and which graph, and every decision as one line.

A folder `<version>/history` holds

- `events.jsonl`: what came in, in the order of arrival, as it lies in the log; the first ones are the check-in series;
- `policies/<name>.<hash>.json` and `graph.json`: as the store keeps them under their hash;
- `decisions.txt`: what was decided, by the pure engine.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from service.core.directory import World
from service.core.effects import Decision
from service.core.envelope import decode
from service.core.events import Event, Timer
from service.core.policy import PolicyBook
from service.settings.graph import compile_graph
from service.settings.policies import compile_policy
from service.simulator.pure import PureRun
from tests.wire.made_history import Inputs

# What follows from the last event is played for so long: longer than the shipped ladders and the life of a stub.
AFTERWARDS = timedelta(days=12)
# Below what people in the history are told on their busiest days.
NOISE_BUDGET = 3

# When an event arrived stands in its own line.
UNSAID = datetime(1970, 1, 1, tzinfo=UTC)

_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class _Recorded(PureRun):
    """Notes every decision, also those about inboxes, which follow from others."""

    def __init__(self, world: World, now: datetime) -> None:
        super().__init__(world, now)
        self.lines: list[str] = []

    def _decide(self, subject: str, given: Event | Timer, kind: str) -> Decision:
        number = len(self.lines)
        self.lines.append("")  # what follows from it is decided before we hear of it
        decision = super()._decide(subject, given, kind)
        self.lines[number] = _line(self.now, subject, kind, decision)
        return decision


def read_world(folder: Path) -> World:
    """The policies and the graph of a history, read as the service reads what it has pinned."""
    graph = compile_graph((folder / "graph.json").read_bytes())
    policies = [
        compile_policy(file.read_bytes(), file.name.split(".")[1])
        for file in sorted((folder / "policies").glob("*.json"))
    ]
    by_hash = {policy.hash: policy for policy in policies}
    return World(
        policies=PolicyBook(tuple(policies), by_hash),
        directory=graph,
        templates={},
        channels=frozenset({"email"}),
        noise_budget=NOISE_BUDGET,
    )


def read_events(folder: Path) -> list[Event]:
    lines = (folder / "events.jsonl").read_bytes().splitlines()
    return [decode(line, UNSAID, trusted=True) for line in lines]


def decided(world: World, events: Sequence[Event]) -> list[str]:
    """Each decision as one line: a history and all that time brings in it."""
    run = _Recorded(world, events[0].received_at)
    for event in events:
        run.run_until(event.received_at - timedelta(milliseconds=1))
        run.jump_to(event.received_at)
        run.give(event)
    run.run_until(events[-1].received_at + AFTERWARDS)
    return run.lines


def write_inputs(folder: Path, inputs: Inputs) -> None:
    """What a history is decided from; policies are in the order of their files."""
    (folder / "policies").mkdir(parents=True)
    for name, pinned in inputs.policies.items():
        (folder / "policies" / name).write_bytes(pinned)
    (folder / "graph.json").write_bytes(inputs.graph)
    (folder / "events.jsonl").write_bytes(b"".join([raw + b"\n" for raw in inputs.events]))


def _line(now: datetime, subject: str, given: str, decision: Decision) -> str:
    effects = [
        *(f"{emit.type} {emit.key}" for emit in decision.emits),
        *(f"tell {owed.to} {owed.template} {owed.key}" for owed in decision.owed),
        *(f"dead {dead.reason}" for dead in decision.dead),
    ]
    parts = [
        f"{now:%m-%d %H:%M:%S}",
        subject,
        given,
        "due " + (f"{decision.due_at:%m-%d %H:%M:%S}" if decision.due_at else "never"),
        " ".join(reason.code for reason in decision.reasons),
        ", ".join(effects),
        _mark(decision.state),
    ]
    return " | ".join(parts)


def _mark(state: object) -> str:
    """A few hex digits that change with anything the state says. A field a later version adds says nothing while it is
    at its default; how the bytes look is the matter of test_wire.py."""
    return hashlib.sha256(_ENCODE(_says(state))).hexdigest()[:8] if state is not None else "forgotten"


def _says(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        said = [
            (field.name, getattr(value, field.name), _default(field))
            for field in msgspec.structs.fields(value)
        ]
        return {name: _says(one) for name, one, default in said if one != default}
    if isinstance(value, dict):
        return {name: _says(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_says(one) for one in value]
    return value


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
