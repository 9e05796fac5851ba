"""Who is told when, in a terminal: a lane for each person, a cell for each stretch of time, dark where much is said."""

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

from service.core.directory import Directory
from service.simulator.figures import escalations_by_person
from service.simulator.outcome import Outcome

CELLS = 48
NAME_CHARS = 22
SHADES = "·▁▂▃▄▅▆▇█"  # none, then from few to the most of any cell


class Lane(NamedTuple):
    name: str
    cells: str
    messages: int
    escalations: int


class Lanes(NamedTuple):
    begin: datetime
    cell: timedelta
    lanes: list[Lane]  # whoever carries most comes first


def text_lanes(outcome: Outcome, directory: Directory) -> Lanes:
    """A lane for everyone who is told anything; channels come after people."""
    messages = outcome.messages
    begin = min((told.at for told in messages), default=outcome.until)
    end = max((told.at for told in messages), default=outcome.until)
    cell = max((end - begin) / CELLS, timedelta(hours=1))
    told = Counter((one.owed.to, min(CELLS - 1, (one.at - begin) // cell)) for one in messages)
    most = max(told.values(), default=1)
    total = Counter(one.owed.to for one in messages)
    escalations = escalations_by_person(outcome)
    names = sorted(total, key=lambda name: (name not in directory.people, -total[name], name))
    return Lanes(
        begin,
        cell,
        [
            Lane(
                name,
                "".join(_shade(told[name, number], most) for number in range(CELLS)),
                total[name],
                escalations[name],
            )
            for name in names
        ],
    )


def _shade(count: int, most: int) -> str:
    """Never blank where anything was said."""
    return SHADES[0] if not count else SHADES[max(1, round(count / most * (len(SHADES) - 1)))]
