"""What is odd about a time that cannot be read, in a few words for whoever typed it. Pure; times are read
by `slack_when.py`."""

import re

from service.core.nearest import nearest

NUMBER_MAX = 9_999  # as slack_when.py reads them
UNITS = "minutes, hours, days or weeks"

# Every way to write one of them, but for the plural.
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
SECONDS_OF = {
    **dict.fromkeys(("m", "min", "minute"), _MINUTE),
    **dict.fromkeys(("h", "hr", "hour"), _HOUR),
    **dict.fromkeys(("d", "day"), _DAY),
    **dict.fromkeys(("w", "week"), 7 * _DAY),
}

_UNIT = rf"(?:{'|'.join(SECONDS_OF)})s?"
_TWO_SPANS = re.compile(rf"(?:in |for )?\d+ ?{_UNIT},? ?(?:and )?\d+ ?{_UNIT}")
_BROKEN = re.compile(r"(?:in |for )?-?\d*[.,]\d+ ?[a-z]+")
_SPAN = re.compile(r"(?:(?:in|for) )?(?P<number>-?\d{1,9}) ?(?P<unit>[a-z]+)")
_IN_WORDS = re.compile(
    r"(?:in |for )?(?:an?|half|one|two|three|four|five|six|seven|ten|few|some)(?: [a-z]+)+"
)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBERS = re.compile(r"\d{1,4}[/.-]\d{1,2}(?:[/.-]\d{1,4})?\.?")
_CLOCK = re.compile(r"(?:^| )(?P<clock>\d{1,2}(?::\d{2,}| ?(?:am|pm)|h\d{2}))$")
_ONE_UNIT = re.compile(_UNIT)


def is_two_lengths(words: str) -> bool:
    """`1h 30m`: each of them would be read, and the other one overlooked."""
    return _TWO_SPANS.fullmatch(words) is not None


def why(words: str, days: tuple[str, ...], months: tuple[str, ...]) -> str:
    """What is wrong with `words`, which are folded and no time; "" where there is no more to say."""
    if words.startswith(("next ", "this ")):
        return f"“{words[:4]}” can mean this week’s or the one after"
    if is_two_lengths(words):
        return "it names two lengths; write one, as in “90 minutes”"
    if _BROKEN.fullmatch(words):
        return "it is no whole number; write one, as in “90 minutes”"
    is_month = any(month in words.split() for month in months)
    if _ISO.fullmatch(words) or is_month:
        return (
            "which day of the month?" if is_month and not re.search(r"\d", words) else "there is no such day"
        )
    if _NUMBERS.fullmatch(words):
        return "which of its numbers is the month?"
    return _odd_clock(words) or _odd_span(words) or _slip(words, days)


def _odd_span(words: str) -> str:
    if found := _SPAN.fullmatch(words):
        number, unit = found["number"], found["unit"]
        if _ONE_UNIT.fullmatch(unit):
            if 0 < int(number) <= NUMBER_MAX:  # a length, where a date is asked for
                return f"did you mean “in {number} {unit}”?"
            return f"{number} is too {'few' if int(number) <= 0 else 'many'}"
        month = "" if words.startswith(("in ", "for ")) else "no month, and "
        return f"“{unit}” is {month}none of {UNITS}"
    return "write its number in digits, as in “2 hours”" if _IN_WORDS.fullmatch(words) else ""


def _odd_clock(words: str) -> str:
    found = _CLOCK.search(words)
    if not found:
        return ""
    day = words[: found.start()].removesuffix("at").rstrip()
    return (
        f"“{day}” is no day" if day and _is_clock(found["clock"]) else f"“{found['clock']}” is no time of day"
    )


def _is_clock(text: str) -> bool:
    hour, _, minute = text.partition(":")
    if not minute:
        return 1 <= int(re.sub(r"\D.*", "", hour)) <= 12
    return int(hour) <= 23 and len(minute) == 2 and int(minute) <= 59


def _slip(words: str, days: tuple[str, ...]) -> str:
    near = nearest(words, days)
    return (
        near.removeprefix("; ").removesuffix("?").replace("'", "“", 1).replace("'", "”", 1) + "?"
        if near
        else ""
    )
