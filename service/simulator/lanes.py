"""A picture of who is told when: a lane for each person, a mark for each message, weeks from left to right. SVG.

Must not decide anything; see `outcome.py`. How our pictures look is in `messages/svg.py`.
"""

from datetime import datetime, timedelta
from html import escape

from service.core.directory import Directory
from service.messages import svg
from service.simulator.outcome import Outcome, Told

WIDTH, LEFT, LANE, TOP = 1200, 160, 28, 56
# Of the legend: the height of its rows, and about as wide as a letter is in the widest system font.
ROW, LETTER = 20, 7


def lanes(outcome: Outcome, directory: Directory) -> str:
    """The whole history as one SVG, a lane for everyone who is told anything."""
    messages = outcome.messages
    names = sorted({told.owed.to for told in messages}, key=lambda name: (name.startswith("channel:"), name))
    begin, end = _bounds(messages, outcome.until)
    legend, rows = _legend(messages)
    top = TOP + ROW * (rows - 1)
    height = top + LANE * max(1, len(names)) + 16
    parts = [
        *svg.opened(WIDTH, height, f"Who is told when: {len(messages)} messages to {len(names)}"),
        *_weeks(begin, end, top, height),
        *legend,
    ]
    for index, name in enumerate(names):
        y = top + index * LANE + LANE // 2
        parts.append(svg.text(LEFT - 10, y + 4, name[:22], "small", "end"))
        parts.append(svg.line(LEFT, y, WIDTH - 16, y))
        parts += [
            _mark(told, _x(told.at, begin, end), y, directory) for told in messages if told.owed.to == name
        ]
    return svg.closed(parts)


def _bounds(messages: list[Told], until: datetime) -> tuple[datetime, datetime]:
    begin = min((told.at for told in messages), default=until)
    end = max((told.at for told in messages), default=until)
    return begin, max(end, begin + timedelta(days=1))


def _x(at: datetime, begin: datetime, end: datetime) -> float:
    return round(LEFT + (WIDTH - 16 - LEFT) * ((at - begin) / (end - begin)), 1)


def _weeks(begin: datetime, end: datetime, top: int, height: int) -> list[str]:
    """A line each Monday, or each day of a short history, named where there is room."""
    step = timedelta(days=1 if end - begin < timedelta(days=15) else 7)
    day = begin.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while step.days == 7 and day.weekday():
        day += timedelta(days=1)
    found, named_to = [], 0.0
    while day < end:
        x = _x(day, begin, end)
        found.append(svg.line(x, top - 6, x, height - 8))
        if named_to <= x < WIDTH - 80:
            found.append(svg.text(x, top - 10, f"{day:%a} {day.day} {day:%b}", "soft small"))
            named_to = x + 80
        day += step
    return found


def _legend(messages: list[Told]) -> tuple[list[str], int]:
    """Each colour once, with everything that it stands for, and how many rows that takes."""
    by_colour: dict[str, list[str]] = {}
    for template in sorted({told.owed.template for told in messages}):
        by_colour.setdefault(svg.COLOURS.get(template, svg.OTHER), []).append(template)
    found, x, y = list[str](), LEFT, ROW
    for colour, templates in by_colour.items():
        said = ", ".join(templates)
        room = 24 + LETTER * len(said)
        if x > LEFT and x + room > WIDTH - 16:
            x, y = LEFT, y + ROW
        found.append(f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{colour}"/>')
        found.append(svg.text(x + 10, y, said, "small"))
        x += room
    return found, y // ROW


def _mark(told: Told, x: float, y: int, directory: Directory) -> str:
    owed = told.owed
    local = told.at.astimezone(directory.zone_of(owed.to))
    said = (
        f"{local:%a %Y-%m-%d %H:%M} {owed.to}: {owed.template} of {owed.subject} ({'; '.join(owed.reasons)})"
    )
    colour = svg.COLOURS.get(owed.template, svg.OTHER)
    return f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}" fill-opacity="0.8"><title>{escape(said)}</title></circle>'
