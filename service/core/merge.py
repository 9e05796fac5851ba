"""Out of order and repeated events are normal: per field the newest source time wins, what is older changes nothing."""

from datetime import datetime

from service.core.ids import event_mark
from service.core.model import SEEN_MAX, Commitment, Deal, Goal, Inbox, People

_MARK = 8


def remember(state: Commitment | Inbox | People, source: str, event_id: str) -> bool:
    """Remember the event; False when this subject has seen it already."""
    mark = event_mark(source, event_id)
    known = state.seen
    at = known.find(mark)
    while at > 0 and at % _MARK:  # it lies across two marks
        at = known.find(mark, at + 1)
    if at >= 0:
        return False
    state.seen = (known + mark)[-SEEN_MAX * _MARK :]
    return True


# What `deadline.set` or `goal.set` says nothing about: its own time is no time of theirs, so an end that happened just
# before the commitment was recorded still counts.
_NEVER_SET = frozenset({"status", "progress", "confidence", "note", "value"})


def is_newer(state: Commitment, field: str, at: datetime) -> bool:
    """Whether a value of `field` from `at` may replace what is known (an equal time may: the later record wins)."""
    known = state.times.get(field, None if field in _NEVER_SET else state.set_at)
    return known is None or at >= known


def stamp(state: Commitment, field: str, at: datetime) -> None:
    """Note the source time of a field. Only times that differ from the subject's own are stored."""
    if state.set_at == at and field not in _NEVER_SET:
        state.times.pop(field, None)
    else:
        state.times[field] = at


def take(
    state: Commitment, values: dict[str, object], at: datetime, of: Deal | Goal | None = None
) -> set[str]:
    """Set the fields of `state`, or of a part of it, whose value is newer; returns the names that changed."""
    changed, target = set(), of or state
    for field, value in values.items():
        if not is_newer(state, field, at):
            continue
        stamp(state, field, at)
        if getattr(target, field) != value:
            setattr(target, field, value)
            changed.add(field)
    return changed
