"""Fuel for templates and conditions: what one rendering may cost, counted while it runs.

A thread cannot be stopped inside one big C call, so nothing here uses time: every loop body, macro, concatenation,
filter and output pays before it runs. Without a meter nothing runs at all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Loop bodies, macro calls and includes of one rendering: a digest of 500 commitments needs some 3,000.
STEPS_MAX = 20_000
# Characters and list items handled by one rendering, counted each time they are copied or compared: sixteen times
# the largest output, at most 4 MB of memory.
WORK_MAX = 1_000_000
# Characters of one output: Gmail clips a mail's HTML at 102 kB, and we fold digests long before.
OUTPUT_CHARS_MAX = 65_536


class LimitExceeded(Exception):
    """A rendering cost more than it may."""


class Meter:
    """What one rendering has used."""

    __slots__ = ("steps", "work")

    def __init__(self) -> None:
        self.steps = 0
        self.work = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise LimitExceeded(f"more than {STEPS_MAX:,} steps of loops and macros")

    def spend(self, amount: int) -> None:
        self.work += amount
        if self.work > WORK_MAX:
            raise LimitExceeded(f"more than {WORK_MAX:,} characters and items of work")


_running: ContextVar[Meter | None] = ContextVar("followthrough_meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """A fresh meter for one rendering; one that is already running goes on."""
    outer = _running.get()
    if outer is not None:
        yield outer
        return
    meter = Meter()
    token = _running.set(meter)
    try:
        yield meter
    finally:
        _running.reset(token)


def running() -> Meter:
    """The meter of this rendering; refuses what is rendered around `sandbox.render`."""
    meter = _running.get()
    if meter is None:
        raise LimitExceeded("templates are rendered by `sandbox.render` only")
    return meter


def tick(characters: int = 0) -> bool:
    """One loop body, macro call or include, with the literal text in it. True, so that it can stand in a test."""
    meter = running()
    meter.step()
    meter.spend(characters)
    return True


def charge(value: object) -> object:
    """The value, paid for by its size."""
    if isinstance(value, str | list | tuple | dict):
        running().spend(len(value))
    return value
