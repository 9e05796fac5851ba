"""A picture of who is told when: a lane for each person, a mark for each message, weeks from left to right. SVG.

Must not decide anything; see `outcome.py`. How our pictures look is in `messages/svg.py`.
"""

from datetime import datetime, timedelta
from html import escape

from service.core.directory import Directory
from service.messages import svg
from service.simulator.outcome import Outcome, Told

WIDTH, LEFT, LANE, TOP = 1200, 160, 28, 56


def lanes(outcome: Outcome, directory: Directory) -> str:
    """The whole history as one SVG, a lane for everyone who is told anything."""
    messages = outcome.messages
    names = sorted({told.owed.to for told in messages}, key=lambda name: (name.startswith("channel:"), name))
    begin, end = _bounds(messages, outcome.until)
    height = TOP + LANE * max(1, len(names)) + 16
    parts = [
        *svg.opened(WIDTH, height, f"Who is told when: {len(messages)} messages to {len(names)}"),
        *_weeks(begin, end, height),
        *_legend(messages),
    ]
    for index, name in enumerate(names):
        y = TOP + index * LANE + LANE // 2
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


def _weeks(begin: datetime, end: datetime, height: int) -> list[str]:
    """A line each Monday, or each day of a short history, named where there is room."""
    step = timedelta(days=1 if end - begin < timedelta(days=15) else 7)
    day = begin.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while step.days == 7 and day.weekday():
        day += timedelta(days=1)
    found, named_to = [], 0.0
    while day < end:
        x = _x(day, begin, end)
        found.append(svg.line(x, TOP - 6, x, height - 8))
        if named_to <= x < WIDTH - 80:
            found.append(svg.text(x, TOP - 10, f"{day:%a} {day.day} {day:%b}", "soft small"))
            named_to = x + 80
        day += step
    return found


def _legend(messages: list[Told]) -> list[str]:
    found, x = [], LEFT
    for template in sorted({told.owed.template for told in messages}):
        found.append(f'<circle cx="{x}" cy="16" r="5" fill="{svg.COLOURS.get(template, svg.OTHER)}"/>')
        found.append(svg.text(x + 10, 20, template, "small"))
        x += 24 + 8 * len(template)
    return found


def _mark(told: Told, x: float, y: int, directory: Directory) -> str:
    owed = told.owed
    local = told.at.astimezone(directory.zone_of(owed.to))
    said = (
        f"{local:%a %Y-%m-%d %H:%M} {owed.to}: {owed.template} of {owed.subject} ({'; '.join(owed.reasons)})"
    )
    colour = svg.COLOURS.get(owed.template, svg.OTHER)
    return f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}" fill-opacity="0.8"><title>{escape(said)}</title></circle>'
