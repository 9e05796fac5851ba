"""What people say about themselves: away, back, and how they want to be told. Newer words about the same days or the
same wish count before older ones, and all of them before the directory's."""

from datetime import datetime

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from service.core import reader
from service.core.effects import Dead
from service.core.events import Event, PersonAway, PersonBack, PreferencesChanged
from service.core.model import Absence, Preferences
from service.core.reasons import Code
from service.core.tray import Tray
from service.core.waiting import hasten, tell_waiting

_encode = msgspec.json.Encoder().encode

# Nobody plans more at once, and the state stays small.
ABSENCES_MAX = 10


def on_away(tray: Tray, event: Event, data: PersonAway) -> None:
    """An absence; it replaces those that it overlaps, unless they were said after it."""
    inbox, at = tray.inbox, _happened_at(event)
    begins = data.from_ if isinstance(data.from_, datetime) else at
    until = data.until if isinstance(data.until, datetime) else None
    if until is not None and until <= begins:
        _refuse(tray, data, "an absence ends after it begins; nothing was changed")
        return
    overlapped = [a for a in inbox.absences if _overlap(a, begins, until)]
    newest = [a.said_at or inbox.away_said_at or at for a in overlapped]
    if inbox.back_at is not None and begins <= inbox.back_at:
        newest.append(inbox.back_at)
    if not _is_newest(tray, max(newest, default=None), at):
        return
    delegate = data.delegate if isinstance(data.delegate, str) else ""
    if delegate and (delegate == tray.to or delegate not in tray.world.directory.people):
        what = "cannot stand in for themselves" if delegate == tray.to else "is not in the directory"
        _refuse(tray, data, f"{delegate} {what}: nobody stands in for {tray.to}")
        delegate = ""
    kept = [a for a in inbox.absences if a not in overlapped and (a.until is None or a.until > tray.now)]
    inbox.absences = [*kept, Absence(begins, until, delegate, at)][-ABSENCES_MAX:]
    until_words = f"until {tray.minute(until)}" if until else "until they are back"
    stands_in = f"; {delegate} stands in" if delegate else ""
    tray.because(Code.RECORDED, f"{tray.to} is away from {tray.minute(begins)} {until_words}{stands_in}")
    if inbox.waiting and tray.person is not None and reader.absence(inbox, tray.person, tray.now):
        tell_waiting(tray)
    else:
        hasten(tray)


def _refuse(tray: Tray, data: PersonAway | PreferencesChanged, why: str) -> None:
    """The web's door says it at once; what came another way is told where people look for what was lost."""
    tray.because(Code.REFUSED, why)
    tray.dead.append(Dead(Code.REFUSED, why, _encode(data), tray.now, "event", f"inbox/{tray.to}"))


def _overlap(known: Absence, begins: datetime, until: datetime | None) -> bool:
    return (until is None or known.at < until) and (known.until is None or known.until > begins)


def on_back(tray: Tray, event: Event, _: PersonBack) -> None:
    """Here again, also earlier than was planned: what has waited is told."""
    inbox, at = tray.inbox, _happened_at(event)
    if not _is_newest(tray, inbox.back_at, at):
        return
    inbox.back_at = at
    inbox.absences = [a for a in inbox.absences if a.at > at or (a.said_at or inbox.away_said_at or at) > at]
    tray.because(Code.RECORDED, f"{tray.to} is back")
    if inbox.waiting:
        tell_waiting(tray)


def on_preferences(tray: Tray, event: Event, data: PreferencesChanged) -> None:
    """What is named changes; null gives the decision back to the directory."""
    inbox, at = tray.inbox, _happened_at(event)
    said: dict[str, object] = {}
    if data.quiet is not UNSET:
        begin, _, end = (data.quiet or "").partition("-")
        if begin and begin == end:
            _refuse(tray, data, f"quiet hours {data.quiet} have no end; they stay as they were")
        else:
            said["quiet"] = data.quiet
    if data.channels is not UNSET:
        said["channels"] = _channels(tray, data, data.channels)
    if data.noise_budget is not UNSET:
        said["budget"] = data.noise_budget
    said = {
        name: wish
        for name, wish in said.items()
        if _is_newest(tray, inbox.preferred.get(name, inbox.preferred_at), at)
    }
    inbox.preferred |= dict.fromkeys(said, at)
    inbox.preferences = replace(inbox.preferences or Preferences(), **said)
    tray.because(Code.RECORDED, f"{tray.to} is told as they asked: {', '.join(said) or 'nothing new'}")
    if inbox.waiting and "quiet" in said:
        tell_waiting(tray)


def _channels(tray: Tray, data: PreferencesChanged, named: list[str] | None) -> tuple[str, ...] | None:
    """Those that are there; a wish for none of them is no wish to hear nothing."""
    known = tray.world.channels | set(tray.person.channels if tray.person else ())
    found = tuple(dict.fromkeys(channel for channel in named or () if channel in known))
    if named is not None and len(found) < len(set(named)):
        _refuse(tray, data, f"there is no channel {', '.join(c for c in named if c not in known)}")
    return found or None


def _is_newest(tray: Tray, known: datetime | None, at: datetime) -> bool:
    if known is None or at >= known:
        return True
    tray.because(Code.OLDER, "something newer is known already")
    return False


def _happened_at(event: Event) -> datetime:
    return min(event.time, event.received_at)
