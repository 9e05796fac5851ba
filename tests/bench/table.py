"""The table at the end of `make bench`: every figure beside a bare script or loop, measured in the same run.

The machine is shared and noisy, so a figure alone says little: rounds alternate between ours and the bare one, and
the ratio is the median of the rounds' ratios. At most a ratio is ever asserted, and never a time by the clock.
"""

import math
import statistics
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import pytest

# Enough for a median that one disturbed round does not move, few enough for `make bench` to stay under six minutes.
ROUNDS = 5


class Row(NamedTuple):
    """One line: what was measured, our figure, the bare one's, ours ÷ the bare one's, and how to measure it again."""

    name: str
    figure: float
    bare: float
    ratio: float
    command: str


class Table:
    """Gathers the rows of one session; a test has it as the fixture `table`."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.file = ""  # of the test that measures now

    def add(self, name: str, ours: Sequence[float], bare: Sequence[float]) -> float:
        """Rounds side by side: `ours[n]` and `bare[n]` were measured right after one another. Returns the ratio."""
        ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
        command = f"pytest -m bench {self.file}"
        self.rows.append(Row(name, statistics.median(ours), statistics.median(bare), ratio, command))
        return ratio

    def write(self, reporter: pytest.TerminalReporter) -> None:
        if not self.rows:
            return
        reporter.section(f"bench: median of {ROUNDS} rounds, each beside the bare one in the same run")
        width = max(len(row.name) for row in self.rows)
        reporter.line(f"{'':{width}} {'figure':>10} {'bare':>10} {'ratio':>8}  command")
        for row in self.rows:
            figures = f"{short(row.figure):>10} {short(row.bare):>10} {short(row.ratio):>8}"
            reporter.line(f"{row.name:{width}} {figures}  {row.command}")


def short(value: float) -> str:
    """Three digits are more than the noise leaves."""
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}"


def percentile(values: Sequence[float], percent: int) -> float:
    """By nearest rank."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


Measure = Callable[[int], Awaitable[float]]


async def interleaved(*measures: Measure, rounds: int = ROUNDS) -> list[list[float]]:
    """Every measure once a round, in turns; the first of a round is another one each time. One list a measure."""
    found: list[list[float]] = [[] for _ in measures]
    for number in range(rounds):
        for turn in range(len(measures)):
            which = (number + turn) % len(measures)
            found[which].append(await measures[which](number))
    return found
