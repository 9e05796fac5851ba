"""A played history as somebody watching would tell it: of each day the message that matters most, and in the end what
became of the promises.

Pure; `cli/demo.py` shows it. Must not know how fast it is told.
"""

import statistics
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import NamedTuple

from service.core.directory import Directory
from service.core.events import DeadlineMoved, DeadlineSet, Event
from service.simulator.outcome import MISSES, Outcome, Told

# What is told to whom, as a watcher would say it; what weighs most stands last.
SAID = {
    "reminder": "is reminded",
    "checkin_ask": "is asked how the week was",
    "replanned": "hears of another date",
    "resolved": "hears that it came to its end",
    "digest": "gets in one digest what waited",
    "missed": "hears that it was missed",
    "deal_stalled": "hears that nothing happens on it",
    "offer_help": "hears that help is there",
    "kept": "hears that it was kept",
    "deal_won": "hears that it is won",
    "escalated": "hears of it, because nobody answered",
}
_WEIGHTS = {template: weight for weight, template in enumerate(SAID)}


class Day(NamedTuple):
    """A day on which somebody was told something: all of it, and the one message that is told of it."""

    day: date
    messages: list[Told]
    told: Told


def days(messages: Iterable[Told]) -> Iterator[Day]:
    """Every day with a message, in the order of time. What weighs most is told, and not the same kind of message two
    days in turn where there is another."""
    found: dict[date, list[Told]] = {}
    for told in messages:
        found.setdefault(told.at.date(), []).append(told)
    before = ""
    for day in sorted(found):
        others = [one for one in found[day] if one.owed.template != before] or found[day]
        weightiest = max(others, key=lambda one: _WEIGHTS.get(one.owed.template, -1))
        before = weightiest.owed.template
        yield Day(day, found[day], weightiest)


def sentence(told: Told, directory: Directory) -> str:
    """`Mon 12 Jan 09:00  kim hears of it, because nobody answered: “Send it” of ana (step manager …)`, by the reader's
    own clock."""
    owed, at = told.owed, told.at.astimezone(directory.zone_of(told.owed.to))
    who = owed.to.removeprefix("channel:")
    owner = str(owed.facts.get("owner", ""))
    of = f" of {owner}" if owner and owner != owed.to else ""
    title = f": “{owed.facts['title']}”{of}" if owed.facts.get("title") else ""
    why = f" ({owed.reasons[0]})" if owed.reasons and not owed.parts else ""
    return f"{at:%a %d %b %H:%M}  {who} {SAID.get(owed.template, f'is told ({owed.template})')}{title}{why}"


def ending(events: Iterable[Event], outcome: Outcome) -> dict[str, object]:
    """What became of the deadlines that were promised, and what it took; `answered_after_s` is how long after they
    heard of a miss people said something about it, in the median."""
    due: dict[str, datetime | None] = {}
    met: dict[str, datetime] = {}
    answered: dict[tuple[str, str], datetime] = {}
    for event in events:
        if isinstance(event.data, DeadlineSet | DeadlineMoved):
            at = event.data.due_at
            due[event.subject] = at if isinstance(at, datetime) else None
        elif event.type == "deadline.met":
            met.setdefault(event.subject, event.time)
        elif event.type.startswith("commitment."):
            answered.setdefault((event.subject, getattr(event.data, "by", "")), event.received_at)
    in_time = sum(at <= by for name, at in met.items() if (by := due.get(name)) is not None)
    by_template = dict.fromkeys(SAID, 0)
    for told in outcome.messages:
        by_template[told.owed.template] = by_template.get(told.owed.template, 0) + 1
    return {
        "promised": len(due),
        "kept_in_time": in_time,
        "kept_late": sum(name in due for name in met) - in_time,
        "messages": len(outcome.messages),
        "reminders": by_template["reminder"] + by_template["checkin_ask"],
        "escalations": sum(len(told.escalations) for told in outcome.messages),
        "celebrations": by_template["kept"] + by_template["deal_won"],
        "answered_after_s": _answered_after(answered, outcome),
    }


def _answered_after(answered: dict[tuple[str, str], datetime], outcome: Outcome) -> float | None:
    heard: dict[tuple[str, str], datetime] = {}
    for told in outcome.messages:
        if told.owed.template in MISSES:
            heard.setdefault((told.owed.subject, told.owed.to), told.at)
    waited = [at - heard[one] for one, at in answered.items() if one in heard and at >= heard[one]]
    return statistics.median(took.total_seconds() for took in waited) if waited else None
