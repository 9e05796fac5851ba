"""A picture of who is told when: a lane for each person, a mark for each message, weeks from left to right. SVG.

Text only, made by hand: no library draws this smaller. Must not decide anything; see `outcome.py`.
"""

from datetime import datetime, timedelta
from html import escape

from service.core.directory import Directory
from service.simulator.outcome import Outcome, Told

WIDTH, LEFT, LANE, TOP = 1200, 160, 28, 56
# A mark's colour says what kind of word it is; the same words stand in its title, for whoever sees no colours.
COLOURS = {
    "reminder": "#2f6fde",
    "missed": "#d9822b",
    "escalated": "#c23030",
    "offer_help": "#8f398f",
    "kept": "#0f9960",
    "deal_won": "#0f9960",
    "resolved": "#5c7080",
}
OTHER = "#8a9ba8"


def lanes(outcome: Outcome, directory: Directory) -> str:
    """The whole history as one SVG, a lane for everyone who is told anything."""
    messages = outcome.messages
    names = sorted({told.owed.to for told in messages}, key=lambda name: (name.startswith("channel:"), name))
    begin, end = _bounds(messages, outcome.until)
    height = TOP + LANE * max(1, len(names)) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<style>text { font: 12px system-ui, sans-serif }</style>",
        f"<title>Who is told when: {len(messages)} messages to {len(names)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        *_weeks(begin, end, height),
        *_legend(messages),
    ]
    for index, name in enumerate(names):
        y = TOP + index * LANE + LANE // 2
        parts.append(f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(name[:22])}</text>')
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 16}" y1="{y}" y2="{y}" stroke="#dde3e8"/>')
        parts += [
            _mark(told, _x(told.at, begin, end), y, directory) for told in messages if told.owed.to == name
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


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
        found.append(f'<line x1="{x}" x2="{x}" y1="{TOP - 6}" y2="{height - 8}" stroke="#eef1f4"/>')
        if named_to <= x < WIDTH - 80:
            found.append(f'<text x="{x}" y="{TOP - 10}" fill="#5c7080">{day:%a} {day.day} {day:%b}</text>')
            named_to = x + 80
        day += step
    return found


def _legend(messages: list[Told]) -> list[str]:
    found, x = [], LEFT
    for template in sorted({told.owed.template for told in messages}):
        found.append(f'<circle cx="{x}" cy="16" r="5" fill="{COLOURS.get(template, OTHER)}"/>')
        found.append(f'<text x="{x + 10}" y="20">{escape(template)}</text>')
        x += 24 + 8 * len(template)
    return found


def _mark(told: Told, x: float, y: int, directory: Directory) -> str:
    owed = told.owed
    local = told.at.astimezone(directory.zone_of(owed.to))
    said = (
        f"{local:%a %Y-%m-%d %H:%M} {owed.to}: {owed.template} of {owed.subject} ({'; '.join(owed.reasons)})"
    )
    colour = COLOURS.get(owed.template, OTHER)
    return f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}" fill-opacity="0.8"><title>{escape(said)}</title></circle>'
