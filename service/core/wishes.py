"""Wishes that nobody could fulfil, found at the door: an absence that ends before it begins, quiet hours without an
end, somebody who stands in for themselves, a goal of nothing. Whoever sends one hears of it at once, not from a
record.

What only a directory knows is asked by whoever has one (`refuse_strangers`). Pure.
"""

from collections.abc import Callable, Container
from datetime import datetime
from decimal import Decimal

from service.core.errors import BadEvent
from service.core.events import Event, GoalSet, PersonAway, PersonChanged, PersonLeft, PreferencesChanged
from service.core.personal import refuse_wrong_person
from service.core.strict_json import quoted

IdOfEmail = Callable[[str], str | None]


def refuse_impossible(event: Event, id_of_email: IdOfEmail | None = None) -> None:
    """Raises BadEvent where the event asks for what cannot be, whoever people are."""
    data = event.data
    if isinstance(data, PersonAway):
        _refuse_backwards(event, data)
        delegate = data.delegate if isinstance(data.delegate, str) else ""
        if _id(delegate, id_of_email) == data.person:  # an id already, where their address is known
            detail = f"{quoted(delegate)} cannot stand in for themselves; name somebody else, or leave it out"
            raise BadEvent("invalid_value", detail, "/data/delegate")
    elif isinstance(data, PreferencesChanged) and isinstance(data.quiet, str):
        begin, _, end = data.quiet.partition("-")
        if begin == end:
            detail = f'quiet hours {data.quiet} have no end; write two different times, or "none"'
            raise BadEvent("invalid_value", detail, "/data/quiet")
    elif isinstance(data, PersonChanged | PersonLeft):
        refuse_wrong_person(data, lambda who: _id(who, id_of_email))
    elif isinstance(data, GoalSet):
        if Decimal(data.target) <= 0:
            raise BadEvent("invalid_value", f"a target is more than 0; this is {data.target}", "/data/target")
        if data.period_end < data.period_start:
            detail = f"a period ends after it begins; this one begins on {data.period_start}"
            raise BadEvent("invalid_value", detail, "/data/period_end")


def refuse_strangers(event: Event, people: Container[str], id_of_email: IdOfEmail) -> None:
    """Raises BadEvent where somebody who is not in the directory is to stand in."""
    data = event.data
    delegate = data.delegate if isinstance(data, PersonAway) and isinstance(data.delegate, str) else ""
    if delegate and _id(delegate, id_of_email) not in people:
        detail = f"{quoted(delegate)} is not in the directory, so they cannot stand in"
        raise BadEvent("unknown_person", detail, "/data/delegate")


def _refuse_backwards(event: Event, data: PersonAway) -> None:
    begins = data.from_ if isinstance(data.from_, datetime) else min(event.time, event.received_at)
    if isinstance(data.until, datetime) and data.until < begins:
        since = "its `from`" if isinstance(data.from_, datetime) else "now, and `from` is left out"
        detail = f"an absence ends after it begins; this is before {since}"
        raise BadEvent("invalid_value", detail, "/data/until")


def _id(person: str, id_of_email: IdOfEmail | None) -> str:
    return (id_of_email(person) if id_of_email is not None and "@" in person else None) or person
