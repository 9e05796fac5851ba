"""An inbox in words, for whoever asks about it or about a digest: what waits, who is away, what is left quiet. Pure."""

from datetime import datetime

from service.core.arithmetic import when
from service.core.model import Absence, Inbox
from service.explaining.versions import Versions


def next_of_inbox(inbox: Inbox | None, person: str, versions: Versions) -> str:
    """What happens next in it."""
    waits = 0 if inbox is None else len(inbox.waiting) + inbox.more
    if inbox is None or not waits:
        return f"nothing waits for {person}"
    what = f"{waits} message{'s' * (waits != 1)} for {person}"
    if inbox.digest_at is None:
        return f"{what} wait until somebody can tell when {person} is back"
    return f"{what} go out in one digest, {_when(inbox.digest_at, person, versions)}"


def in_words(inbox: Inbox | None, person: str, versions: Versions) -> list[str]:
    """What it knows: how much was sent, when its person is away and how they want to be told."""
    if inbox is None:
        return [f"{person} has not been told anything lately"]
    said = [f"{inbox.sent} message{'s' * (inbox.sent != 1)} sent so far"]
    said += [_absence(one, person, versions) for one in inbox.absences]
    wishes = inbox.preferences
    if wishes is not None and wishes.quiet is not None:
        said.append(f"quiet hours as {person} asked for: {wishes.quiet}")
    if wishes is not None and wishes.channels is not None:
        said.append(f"channels as {person} asked for: {', '.join(wishes.channels)}")
    if wishes is not None and wishes.budget is not None:
        said.append(f"noise budget as {person} asked for: {wishes.budget or 'none'}")
    said += [f"{channel} is tried last: {why}" for channel, why in inbox.disabled.items()]
    return said


def _absence(one: Absence, person: str, versions: Versions) -> str:
    until = f"until {_when(one.until, person, versions)}" if one.until else f"until {person} is back"
    stands_in = f"; {one.delegate} stands in" if one.delegate else ""
    return f"{person} is away from {_when(one.at, person, versions)} {until}{stands_in}"


def _when(at: datetime, person: str, versions: Versions) -> str:
    calendar = versions.settings.graph.calendar_of(person)
    return f"{when(at, calendar)} {calendar.zone.key}"
