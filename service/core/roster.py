"""Who is in which cadence: what the configuration wants against what is known, as internal events about the difference.

Pure. The id of such an event is made of the series, what it becomes and how often it has changed before: the same
configuration loaded by two processes, or twice before the first event is read, is one event.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from service.core.effects import Emit
from service.core.events import CheckinEnded, CheckinScheduled
from service.core.ids import effect_key, split_subject, subject_key
from service.core.model import CheckIn, Commitment, State, decode_state
from service.core.rules.checkins import FAMILY, is_as_scheduled

_encode = msgspec.json.Encoder(order="sorted").encode


def series_of(data: CheckinScheduled) -> str:
    """The subject key of somebody's series in a cadence."""
    return subject_key(FAMILY, f"{data.person}:{data.cadence}")


def is_series(subject: str) -> bool:
    return split_subject(subject)[0] == FAMILY


def changes(
    wanted: Iterable[CheckinScheduled], known: Mapping[str, bytes | None], now: datetime
) -> list[Emit]:
    """The events that make `known` (stored states by subject key) what is wanted; none where it is already."""
    emits = []
    missing = dict(known)
    for data in wanted:
        subject = series_of(data)
        state = _commitment(missing.pop(subject, None))
        checkin = state.checkin if state and state.checkin else CheckIn()
        is_open = state is not None and state.status == "open"
        if not (is_open and state and is_as_scheduled(checkin, state.title, data)):
            emits.append(_emit("checkin.scheduled", subject, checkin.version, data, now))
    for subject, raw in missing.items():
        state = _commitment(raw)
        if is_series(subject) and state and state.checkin and state.status == "open":
            person, _, cadence = split_subject(subject)[1].rpartition(":")
            ended = CheckinEnded(person=person, cadence=cadence)
            emits.append(_emit("checkin.ended", subject, state.checkin.version, ended, now))
    return emits


def _emit(
    kind: str, subject: str, version: int, data: CheckinScheduled | CheckinEnded, now: datetime
) -> Emit:
    raw = _encode(data)
    return Emit(
        effect_key("cadence", subject, kind, version, raw.decode()), "checkins", kind, subject, now, raw
    )


def _commitment(raw: bytes | None) -> Commitment | None:
    state: State | None = decode_state(raw) if raw is not None else None
    return state if isinstance(state, Commitment) else None
