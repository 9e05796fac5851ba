"""A policy's ladder as a picture: time from left to right with the moment in the middle, a rung for each step.

A pure function of what the author wrote: equal policies give equal bytes. Far times are drawn nearer than they are, so
that minutes and weeks go on one axis; each rung says its own time. See `svg.py` for how our pictures look.
"""

import math
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from html import escape
from itertools import pairwise
from typing import NamedTuple

from service.core.policy import At
from service.messages import saying, step_words, svg
from service.messages.policy_words import Said, Words, in_order, words
from service.messages.saying import Namer
from service.settings import durations
from service.settings.policy_model import PolicyModel, StepModel

WIDE, NARROW = 760, 360
_EDGE, _TOP, _LINE, _GAP = 20, 40, 18, 26
# About as wide is a letter of the widest system font (DejaVu Sans); text that would leave the picture is broken by it.
_LETTER, _STRONG_LETTER = 7.3, 8.2
# How far letters reach above and below the line they stand on.
_ASCENT, _DESCENT = 13, 5
# More rounds than this are one dotted line to the eye.
_ROUNDS_MAX = 12


class _Rung(NamedTuple):
    said: Said
    x: float
    rounds: tuple[float, ...]
    is_before: bool
    colour: str
    labels: tuple[tuple[str, str], ...]  # text, look


def picture(model: PolicyModel, named: Namer = str, width: int = WIDE) -> str:
    """The whole policy as one SVG of this width, WIDE or NARROW; as high as it needs to be."""
    said = words(model, named)
    rungs = list(_rungs(model, said, named, width))
    notes = list(_notes(model, said, width))
    ys, y = [], float(_TOP)
    for rung in rungs:
        y += len(rung.labels) * _LINE + _GAP
        ys.append(y)
    below = y + 42 if rungs else 34.0
    height = round(below + sum(len(lines) * _LINE + 10 for lines, _ in notes))
    about = " ".join([*said.about, *(one.text for one in (*said.steps, *said.reactions)), *said.rules])
    parts = svg.opened(width, height, f"{said.title}: who is told when", about)
    if rungs:
        gaps = [row for rung, at in zip(rungs, ys, strict=True) for row in _across(rung, at, width)]
        parts += [*_axis(model, width, y, gaps), *_stairs([rung.x for rung in rungs], ys)]
    for rung, at in zip(rungs, ys, strict=True):
        parts += _drawn(rung, at, width)
    return svg.closed([*parts, *_below(notes, below)])


def _rungs(model: PolicyModel, said: Words, named: Namer, width: int) -> Iterator[_Rung]:
    """Every step with its place on the axis, and its rounds behind it."""
    steps = in_order(model)
    times = [[at.nominal, *_rounds(step, at)] for step in steps for at in [durations.at(step.at)]]
    xs = _xs([time for whole in times for time in whole], width)
    for step, text, whole in zip(steps, said.steps, times, strict=True):
        at = durations.at(step.at)
        is_before = at.is_before or step_words.is_undecided(at)
        template = step.template or step_words.usual_template(
            model, is_after=not is_before, is_owner=step.notify == "owner"
        )
        x, *rounds = (xs[time] for time in whole)
        room = max(x, width - x) - _EDGE - 10
        labels = tuple(_labels(model, step, at, named, room))
        yield _Rung(text, x, tuple(rounds), is_before, svg.COLOURS.get(template, svg.OTHER), labels)


def _rounds(step: StepModel, at: At) -> list[timedelta]:
    if step.repeat is None:
        return []
    every = durations.duration(step.repeat.every).nominal
    return [at.nominal + every * n for n in range(1, min(step.repeat.times, _ROUNDS_MAX) + 1)]


def _labels(
    model: PolicyModel, step: StepModel, at: At, named: Namer, room: float
) -> Iterator[tuple[str, str]]:
    """Who is told, when, and what it depends on, in lines that fit into `room`."""
    is_after = not at.is_before and not step_words.is_undecided(at)
    told = step_words.told(model, step, named, is_after=is_after)
    when = at.in_words(model.moment) if at.text == "the moment" else at.text
    for text, look in (
        (f"{told[:1].upper()}{told[1:]}", "strong over"),
        (f"{when}{step_words.again(model, step, at)}", "soft over"),
        (_plain(_held(step, at)), "soft over"),
    ):
        yield from ((line, look) for line in _broken(text, room, look))


def _held(step: StepModel, at: At) -> str:
    """What keeps the step from being taken, besides that it is done."""
    awaited: list[str] = []
    if not at.is_before and at.text != "the moment":
        awaited = step_words.awaited(step) or ["somebody acknowledged"]
    if_ = f"{'even if' if step.until == 'done' else 'if'} {awaited[0]}" if awaited else ""
    unless = step_words.unless(step, at)
    return ", ".join(
        [*([if_] if if_ else []), *([f"unless {saying.listed(unless, 'or')}"] if unless else [])]
    )


def _notes(model: PolicyModel, said: Words, width: int) -> Iterator[tuple[list[str], str]]:
    """What is not on the axis: reactions, each with its colour, and what ends it."""
    room = width - 2 * _EDGE - 20
    for reaction, one in zip(model.reactions, said.reactions, strict=True):
        yield _broken(_plain(one.text), room), svg.COLOURS.get(reaction.template, svg.OTHER)
    if model.steps:
        yield _broken(" ".join(said.rules[:2]), room), ""


def _plain(text: str) -> str:
    """A picture has no code in it: what is quoted as written stands in quotation marks."""
    parts = text.split("`")
    return "".join(part if n % 2 == 0 else f"“{part}”" for n, part in enumerate(parts))


def _broken(text: str, room: float, look: str = "") -> list[str]:
    return textwrap.wrap(text, int(room / (_STRONG_LETTER if "strong" in look else _LETTER)))


def _xs(times: list[timedelta], width: int) -> dict[timedelta, float]:
    """Where each time lies: the moment in the middle, the farthest at an edge, what is between by its logarithm."""
    spans = [abs(time).total_seconds() for time in times]
    far, near = max(spans, default=0.0), min((span for span in spans if span > 1), default=1.0)
    found = {}
    for time, span in zip(times, spans, strict=True):
        share = math.log1p(span / near) / math.log1p(far / near) if span > 1 else 0.0
        found[time] = round(width / 2 + math.copysign(share, time.total_seconds()) * (width / 2 - _EDGE), 1)
    return found


def _axis(model: PolicyModel, width: int, bottom: float, gaps: list[float]) -> list[str]:
    """Time itself, and the moment through all rungs; it stops where there are words, in the rows of `gaps`."""
    middle, name = width / 2, saying.the_moment(model.moment)
    ends = [30.0, *(end for row in gaps for end in (row - _ASCENT, row + _DESCENT)), bottom + 14]
    return [
        svg.text(_EDGE, 20, "before", "soft small"),
        svg.text(middle, 20, name, "strong", "middle"),
        svg.text(width - _EDGE, 20, "after", "soft small", "end"),
        svg.line(_EDGE, 30, width - _EDGE, 30, "edge"),
        f'<path class="edge" fill="none" d="M{width - _EDGE - 6} 26 l6 4 l-6 4"/>',
        *(
            svg.line(middle, begin, middle, end, "edge", ' stroke-dasharray="2 4"')
            for begin, end in zip(ends[::2], ends[1::2], strict=True)
            if begin < end
        ),
    ]


def _across(rung: _Rung, y: float, width: int) -> Iterator[float]:
    """The rows of its labels that the moment's line would run through."""
    for (text, look), row in zip(rung.labels, _rows(rung, y), strict=True):
        letter = _STRONG_LETTER if "strong" in look else _LETTER
        reach = 10 + letter * len(text)
        if rung.x != width / 2 and reach > abs(width / 2 - rung.x):
            yield row


def _rows(rung: _Rung, y: float) -> list[float]:
    """Where the labels stand: above the mark, the last one next to it."""
    return [y - 12 - n * _LINE for n in reversed(range(len(rung.labels)))]


def _stairs(xs: list[float], ys: list[float]) -> list[str]:
    """The ladder: from rung to rung along its level, then down."""
    steps = [f"H{x:g} V{y:g}" for (_, x), (_, y) in zip(pairwise(xs), pairwise(ys), strict=True)]
    return [f'<path class="edge" fill="none" d="M{xs[0]:g} {ys[0]:g} {" ".join(steps)}"/>'] if steps else []


def _drawn(rung: _Rung, y: float, width: int) -> list[str]:
    """The mark with its title, its rounds as rings, and its labels above it on the side that has room."""
    parts, x = [], rung.x
    for (text, look), row in zip(rung.labels, _rows(rung, y), strict=True):
        is_left = x <= width / 2
        parts.append(svg.text(x + 10 if is_left else x - 10, row, text, look, "start" if is_left else "end"))
    if rung.rounds:
        parts.append(svg.line(x, y, rung.rounds[-1], y, "edge", ' stroke-dasharray="4 3"'))
    title = f"<title>{escape(rung.said.text)}</title>"
    parts += [
        f'<circle class="paper" cx="{at:g}" cy="{y:g}" r="4" stroke="{rung.colour}" stroke-width="2"/>'
        for at in rung.rounds
    ]
    shape = (
        f'<circle cx="{x:g}" cy="{y:g}" r="7" fill="{rung.colour}">{title}</circle>'
        if rung.is_before
        else f'<path d="M{x:g} {y - 9:g} l9 16 h-18 z" fill="{rung.colour}">{title}</path>'
    )
    return [*parts, shape]


def _below(notes: list[tuple[list[str], str]], y: float) -> list[str]:
    parts = []
    for lines, colour in notes:
        if colour:
            d = f"M{_EDGE + 6} {y - 11:g} l6 6 l-6 6 l-6 -6 z"
            parts.append(f'<path d="{d}" fill="{colour}"/>')
        left = _EDGE + (20 if colour else 0)
        parts += [
            svg.text(left, y + n * _LINE, text, "" if colour else "soft") for n, text in enumerate(lines)
        ]
        y += len(lines) * _LINE + 10
    return parts
