"""What people say about themselves: away, back, and how they want to be told. Newer words count before older ones, and
all of them before the directory's."""

from datetime import datetime

from msgspec import UNSET
from msgspec.structs import replace

from service.core import reader
from service.core.events import Event, PersonAway, PersonBack, PreferencesChanged
from service.core.model import Absence, Preferences
from service.core.reasons import Code
from service.core.tray import Tray
from service.core.waiting import tell_waiting

# Nobody plans more at once, and the state stays small.
ABSENCES_MAX = 10


def on_away(tray: Tray, event: Event, data: PersonAway) -> None:
    """An absence; it replaces those that it overlaps."""
    inbox, at = tray.inbox, _happened_at(event)
    if not _is_newest(tray, inbox.away_said_at, at):
        return
    begins = data.from_ if isinstance(data.from_, datetime) else at
    until = data.until if isinstance(data.until, datetime) else None
    if until is not None and until <= begins:
        tray.because(Code.REFUSED, "an absence ends after it begins; nothing was changed")
        return
    inbox.away_said_at = at
    delegate = data.delegate if isinstance(data.delegate, str) else ""
    if delegate and (delegate == tray.to or delegate not in tray.world.directory.people):
        what = "cannot stand in for themselves" if delegate == tray.to else "is not in the directory"
        tray.because(Code.REFUSED, f"{delegate} {what}: nobody stands in")
        delegate = ""
    kept = [
        a
        for a in inbox.absences
        if (until is not None and a.at >= until) or (a.until is not None and a.until <= begins)
    ]
    kept = [a for a in kept if a.until is None or a.until > tray.now]
    inbox.absences = [*kept, Absence(begins, until, delegate)][-ABSENCES_MAX:]
    until_words = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "until they are back"
    stands_in = f"; {delegate} stands in" if delegate else ""
    tray.because(Code.RECORDED, f"{tray.to} is away from {begins:%Y-%m-%d %H:%M} {until_words}{stands_in}")
    if inbox.waiting and tray.person is not None and reader.absence(inbox, tray.person, tray.now):
        tell_waiting(tray)


def on_back(tray: Tray, event: Event, data: PersonBack) -> None:
    """Here again, also earlier than was planned: what has waited is told."""
    inbox, at = tray.inbox, _happened_at(event)
    if not _is_newest(tray, inbox.away_said_at, at):
        return
    inbox.away_said_at = inbox.back_at = at
    inbox.absences = [absence for absence in inbox.absences if absence.at > at]
    tray.because(Code.RECORDED, f"{data.person} is back")
    if inbox.waiting:
        tell_waiting(tray)


def on_preferences(tray: Tray, event: Event, data: PreferencesChanged) -> None:
    """What is named changes; null gives the decision back to the directory."""
    inbox, at = tray.inbox, _happened_at(event)
    if not _is_newest(tray, inbox.preferred_at, at):
        return
    inbox.preferred_at = at
    said: dict[str, object] = {}
    if data.quiet is not UNSET:
        begin, _, end = (data.quiet or "").partition("-")
        if begin and begin == end:
            tray.because(Code.REFUSED, f"quiet hours {data.quiet} have no end; they stay as they were")
        else:
            said["quiet"] = data.quiet
    if data.channels is not UNSET:
        said["channels"] = _channels(tray, data.channels)
    if data.noise_budget is not UNSET:
        said["budget"] = data.noise_budget
    inbox.preferences = replace(inbox.preferences or Preferences(), **said)
    tray.because(Code.RECORDED, f"{data.person} is told as they asked: {', '.join(said) or 'nothing new'}")
    if inbox.waiting and "quiet" in said:
        tell_waiting(tray)


def _channels(tray: Tray, named: list[str] | None) -> tuple[str, ...] | None:
    """Those that are there; a wish for none of them is no wish to hear nothing."""
    known = tray.world.channels | set(tray.person.channels if tray.person else ())
    found = tuple(dict.fromkeys(channel for channel in named or () if channel in known))
    if named is not None and len(found) < len(set(named)):
        tray.because(Code.REFUSED, f"there is no channel {', '.join(c for c in named if c not in known)}")
    return found or None


def _is_newest(tray: Tray, known: datetime | None, at: datetime) -> bool:
    if known is None or at >= known:
        return True
    tray.because(Code.OLDER, "something newer is known already")
    return False


def _happened_at(event: Event) -> datetime:
    return min(event.time, event.received_at)
