"""When, in words: `3 business days before`, `the moment`, `16:00 on the day before`. Text in, core's At out.

What an At means on a calendar is core's part (calendar.py).
"""

import re
from datetime import time, timedelta

from service.core.policy import At
from service.settings.check import wrong
from service.settings.problems import nearest

# Events are taken ten years ahead at most, so no step can be further from its moment.
DAYS_MAX = 3653
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_DAYS = {"day": 1, "week": 7}
_UNITS = sorted([*_SECONDS, *_DAYS, *(f"{unit}s" for unit in [*_SECONDS, *_DAYS])])
AT_HINT = (
    "write it as in `3 business days before`, `the moment`, `4 hours after` or `16:00 on the day before`"
)
DURATION_HINT = "write it as in `2 business days` or `90 minutes`"

_DURATION = re.compile(r"(?P<number>\S+)\s+(?:(?P<business>business|working)\s+)?(?P<unit>[A-Za-z]+)")
_TWO_UNITS = re.compile(r"\d+ [A-Za-z]+ (?:and )?\d+ [A-Za-z]+")
_CLOCK = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{2})\s+on\s+the\s+day(?:\s+(?P<side>\w+))?")


def at(text: str) -> At:
    """The At of a step's `at`; raises with a hint when it is not one."""
    words = " ".join(text.split())
    if words == "the moment":
        return At(text=words)
    clock = _CLOCK.fullmatch(words)
    if clock:
        return _on_the_day(words, clock)
    start, _, side = words.rpartition(" ")
    if side in ("before", "after"):
        return _duration(start, -1 if side == "before" else 1, words, side)
    if words[:1].isdigit() and _DURATION.fullmatch(words):
        near = nearest(side, ("before", "after"))
        raise wrong(
            f"`{words}` does not say before or after", f"did you mean `{start} {near}`?" if near else AT_HINT
        )
    near = nearest(side, ("before", "after")) if start else ""
    if _CLOCK.fullmatch(f"{words} on the day"):
        raise wrong(f"`{words}` does not say on which day", f"did you mean `{words} on the day before`?")
    meant = f"{start} {near}" if near else nearest(words, ("the moment",))
    raise wrong(f"`{words[:60]}` is not a time", f"did you mean `{meant}`?" if meant else AT_HINT)


def duration(text: str) -> At:
    """The At of a plain duration, as in `expires: 2 days`."""
    words = " ".join(text.split())
    return _duration(words, 1, words, "")


def _on_the_day(words: str, clock: re.Match[str]) -> At:
    side = clock["side"]
    if side not in (None, "before", "after"):
        near = nearest(side, ("before", "after"))
        raise wrong(f"`{words}` is not a time", f"did you mean `{near}`?" if near else AT_HINT)
    try:
        at_clock = time(int(clock["hour"]), int(clock["minute"]))
    except ValueError:
        raise wrong(f"no clock shows {clock['hour']}:{clock['minute']}", "00:00 to 23:59") from None
    return At(days={None: 0, "before": -1, "after": 1}[side], clock=at_clock, text=words)


def _duration(text: str, sign: int, words: str, side: str) -> At:
    match = _DURATION.fullmatch(text)
    if not match:
        raise wrong(
            f"`{words[:60]}` is not a {'time' if side else 'duration'}", _one_unit(text) or _hint(side)
        )
    unit = match["unit"].removesuffix("s")
    is_business = match["business"] is not None
    if is_business and unit not in ("hour", "day"):
        meant = "hours" if unit in _SECONDS else "days"
        said = " ".join(part for part in (match["number"], match["business"], meant, side) if part)
        raise wrong(f"`{match['business']}` goes with hours and days only", f"write it as in `{said}`")
    if unit not in _SECONDS and unit not in _DAYS:
        near = nearest(match["unit"], _UNITS)
        raise wrong(
            f"`{match['unit']}` is not a unit of time", f"did you mean `{near}`?" if near else _hint(side)
        )
    number = _number(match["number"], words, side)
    if unit in _DAYS:
        days = number * _DAYS[unit]
        _bounded(days, words)
        return At(days=sign * days, text=words, is_business=is_business)
    seconds = number * _SECONDS[unit]
    _bounded(seconds // 86_400, words)
    return At(elapsed=timedelta(seconds=sign * seconds), text=words, is_business=is_business)


def _number(text: str, words: str, side: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise wrong(f"`{text[:20]}` is not a whole number", _hint(side))
    if int(text) == 0:
        raise wrong(f"`{words}` is no time at all", "write `the moment`" if side else _hint(side))
    return int(text)


def _bounded(days: int, words: str) -> None:
    if days > DAYS_MAX:
        raise wrong(f"`{words}` is more than ten years")


def _one_unit(text: str) -> str:
    return "use one unit: `90 minutes`, not `1 hour 30 minutes`" if _TWO_UNITS.match(text) else ""


def _hint(side: str) -> str:
    return AT_HINT if side else DURATION_HINT
