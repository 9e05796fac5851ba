"""A made-up quarter of fifty people, simulated under the shipped policies on one core: decisions a second.

Beside it a bare loop over the same events: for each a state is read, changed and kept and a timer set, timers come due
in their order, and nothing is decided.
"""

import gc
import heapq
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.core.events import Event
from service.settings.load import load
from service.simulator.outcome import simulate
from service.simulator.play import world_of
from service.simulator.quarter import quarter
from tests.bench.table import Table, interleaved

# Three runs of a quarter, ten seconds each on a quiet machine.
pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

CONFIG = Path(__file__).parents[2] / "config"
PEOPLE, SEED = 50, 7
# One run takes as long as the rounds of other benches together.
ROUNDS = 3

_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode


async def test_a_quarter_simulated(table: Table) -> None:
    settings = load(CONFIG, {})
    made = quarter(PEOPLE, SEED, settings.graph.calendars, settings.series)
    world = world_of(replace(settings, graph=made.directory))
    decisions: list[int] = []

    async def ours(_: int) -> float:
        began = time.perf_counter()
        outcome = simulate(world, made.events, made.series)
        spent = time.perf_counter() - began
        decisions.append(outcome.decisions)
        del outcome
        gc.collect()
        return decisions[-1] / spent

    async def bare(_: int) -> float:
        began = time.perf_counter()
        return _looped(made.events) / (time.perf_counter() - began)

    rates = await interleaved(ours, bare, rounds=ROUNDS)
    table.add(
        f"decisions/s, a quarter of {PEOPLE} people ({decisions[0]:,} in all); bare: no decision", *rates
    )


def _looped(events: list[Event]) -> int:
    """How often a state was changed."""
    states: dict[str, bytes] = {}
    timers: list[tuple[datetime, str]] = []
    count = 0

    def change(subject: str, what: dict[str, Any]) -> None:
        nonlocal count
        count += 1
        known = _decode(states[subject]) if subject in states else {}
        states[subject] = _encode({**known, **what})

    for event in events:
        while timers and timers[0][0] <= event.received_at:
            at, subject = heapq.heappop(timers)
            change(subject, {"last": at.isoformat()})
        change(event.subject, msgspec.to_builtins(event.data) if event.data else {})
        heapq.heappush(timers, (event.received_at + timedelta(days=3), event.subject))
    return count
