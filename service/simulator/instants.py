"""Instants as people write them in tests: `+1d4h`, `Sat 08:00`, `2026-03-06T09:00`. Pure; zone and base are arguments.

Days are calendar days at the same wall time, like everywhere in Followthrough; hours, minutes, seconds are absolute.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.core.calendar import wall
from service.core.zone_names import known_zones
from service.settings.problems import nearest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HINT = "write it as in +20s, +1d4h, Sat 08:00 or 2026-03-06T09:00"

_RELATIVE = re.compile(r"([+-])((?:\d{1,6}[smhdw])+)")
_PART = re.compile(r"(\d+)([smhdw])")
_WEEKDAY = re.compile(r"(?:(?P<day>[A-Za-z]{3})[a-z]*\s+)?(?P<hour>\d{1,2}):(?P<minute>\d{2})")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_WHOLE_DAYS = {"d": 1, "w": 7}


class BadInstant(ValueError):
    """The text is no instant; the hint says what to write instead."""

    def __init__(self, text: object, hint: str = HINT) -> None:
        super().__init__(f"`{str(text)[:60]}` is not an instant")
        self.hint = hint


def now_of(text: str) -> tuple[datetime, ZoneInfo]:
    """`2026-03-06T09:00 America/New_York`: the instant and the zone; without a zone's name it is UTC's."""
    instant, _, name = text.strip().partition(" ")
    if name and name not in known_zones():
        near = nearest(name, known_zones())
        raise BadInstant(text, f"did you mean `{near}`?" if near else "name a zone, as in Europe/Madrid")
    zone = ZoneInfo(name or "UTC")
    return _written_out(instant, zone), zone


def instant(text: object, base: datetime, zone: ZoneInfo) -> datetime:
    """The instant meant by `text`, counted from `base` where it is relative; a weekday is the next one, or now."""
    words = str(text).strip()
    if found := _RELATIVE.fullmatch(words):
        return shifted(base, found[2], zone, -1 if found[1] == "-" else 1)
    if found := _WEEKDAY.fullmatch(words):
        return _next(found, base, zone)
    return _written_out(words, zone)


def day(text: object, base: datetime, zone: ZoneInfo) -> date:
    """The date meant by `text`: written out, or the local date of an instant."""
    words = str(text).strip()
    if words.lower()[:3] in DAYS and ":" not in words:
        words += " 23:59"
    try:
        return date.fromisoformat(words)
    except ValueError:
        return instant(words, base, zone).astimezone(zone).date()


def duration(text: object) -> str:
    """The parts of `5h` or `1d4h`, checked, for `shifted`."""
    words = str(text).strip()
    if not _RELATIVE.fullmatch(f"+{words}"):
        raise BadInstant(text, "write it as in 30s, 5h or 1d4h")
    return words


def shifted(base: datetime, parts: str, zone: ZoneInfo, sign: int = 1) -> datetime:
    days, seconds = 0, 0
    for number, unit in _PART.findall(parts):
        days += int(number) * _WHOLE_DAYS.get(unit, 0)
        seconds += int(number) * _SECONDS.get(unit, 0)
    at = base
    if days:
        local = base.astimezone(zone)
        at = wall(local.date() + timedelta(days=sign * days), local.time(), zone)
    return at + timedelta(seconds=sign * seconds)


def _next(found: re.Match[str], base: datetime, zone: ZoneInfo) -> datetime:
    name = (found["day"] or "").lower()
    if name and name not in DAYS:
        raise BadInstant(
            found[0], f"`{found['day']}` is not a day; write Mon, Tue, Wed, Thu, Fri, Sat or Sun"
        )
    try:
        clock = time(int(found["hour"]), int(found["minute"]))
    except ValueError:
        raise BadInstant(found[0], "00:00 to 23:59") from None
    today = base.astimezone(zone).date()
    for ahead in range(9):
        candidate = today + timedelta(days=ahead)
        at = wall(candidate, clock, zone)
        if at >= base and (not name or DAYS[candidate.weekday()] == name):
            return at
    raise AssertionError("every weekday comes within eight days")


def _written_out(words: str, zone: ZoneInfo) -> datetime:
    try:
        at = datetime.fromisoformat(words)
    except ValueError:
        raise BadInstant(words) from None
    if at.tzinfo is None:
        return wall(at.date(), at.time(), zone)
    return at.astimezone(UTC)
