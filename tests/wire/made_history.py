"""The history a version is frozen with: some weeks of a made-up quarter, and what seldom happens there, by hand."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from service.core.calendar import Hours
from service.core.directory import Directory
from service.core.envelope import admit, encode_internal
from service.core.events import Event
from service.core.roster import changes
from service.core.view import iso
from service.settings.graph import pin_graph
from service.settings.model import Settings
from service.simulator.quarter import quarter
from service.simulator.seller import FIRST_DAY

PEOPLE, SEED = 3, 11
ZONE = ZoneInfo("Europe/Madrid")
BEGIN = datetime.combine(FIRST_DAY, time(), UTC)
END = BEGIN + timedelta(days=15)
# No country: its holidays are a library's, which may learn of others.
CALENDARS = {
    "default": Hours(off=frozenset({date(2026, 1, 6)})),
    "short": Hours(week=(*[(time(9), time(17))] * 4, (time(8), time(13)), None, None)),
}


class Inputs(NamedTuple):
    """What a history is decided from, as the store and the log keep it."""

    policies: dict[str, bytes]  # file name -> what is pinned
    graph: bytes
    events: list[bytes]


def made(shipped: Settings) -> Inputs:
    """The policies are those that ship; who works there is made up with the quarter."""
    team, series, happened = quarter(PEOPLE, SEED, CALENDARS, shipped.series)
    arrived = [(one.received_at, _written(one)) for one in happened if one.received_at < END]
    arrived += list(_by_hand())
    scheduled = [encode_internal(emit) for emit in changes(series, {}, BEGIN)]
    return Inputs(
        {
            f"{policy.name}.{policy.hash}.json": shipped.pinned_policies[policy.hash]
            for policy in shipped.policies.live
        },
        pin_graph(_settled(team)),
        scheduled + [raw for _, raw in sorted(arrived)],
    )


def _settled(team: Directory) -> Directory:
    """One keeps quiet hours, one lives elsewhere."""
    people = dict(team.people)
    people["rep-002"] = msgspec.structs.replace(people["rep-002"], quiet="16:00-09:30")
    people["rep-003"] = msgspec.structs.replace(
        people["rep-003"], time_zone="America/New_York", calendar="short"
    )
    people["lead-01"] = msgspec.structs.replace(people["lead-01"], quiet="18:00-08:00")
    return msgspec.structs.replace(team, people=people)


def _written(event: Event) -> bytes:
    """An event of the quarter as the door would have written it."""
    attributes = {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "specversion": "1.0",
        "time": iso(event.time),
        "data": msgspec.to_builtins(event.data),
    }
    return admit(attributes, event.received_at)[1]


def _by_hand() -> Iterator[tuple[datetime, bytes]]:
    """A commitment for each thing that seldom happens, and what people say about themselves."""
    for number, (day, hour, kind, data) in enumerate(HAPPENED):
        at = datetime(2026, 1, day, hour, number % 60, tzinfo=ZONE).astimezone(UTC)
        attributes = {"id": f"hand/{number}", "source": "hand", "type": kind, "specversion": "1.0"}
        yield at, admit({**attributes, "time": iso(at), **data}, at)[1]


def _is(kind: str, day: int, hour: int, **data: object) -> tuple[int, int, str, dict[str, object]]:
    is_import = {"import": True} if data.pop("is_import", False) else {}
    return day, hour, kind, {"data": data, **is_import}


def _due(day: int, hour: int = 12) -> str:
    return f"2026-01-{day:02}T{hour:02}:00:00+01:00"


_set = partial(_is, "deadline.set", owner="rep-001", importance="high")
_moved, _met = partial(_is, "deadline.moved"), partial(_is, "deadline.met")
_acknowledged = partial(_is, "commitment.acknowledged")

HAPPENED = [
    # seen and forgotten, seen again by somebody higher, done
    _set(5, 10, commitment_id="seen", title="Answer the tender", due_at=_due(7)),
    _acknowledged(7, 13, subject_id="seen", by="rep-001"),
    _acknowledged(14, 10, subject_id="seen", by="lead-01"),
    _met(16, 10, commitment_id="seen", by="lead-01"),
    # put off, help, a new date promised; a button of before that
    _set(5, 11, commitment_id="later", title="Send the contract", due_at=_due(7)),
    _is("commitment.snoozed", 7, 14, subject_id="later", by="rep-001", until=_due(8)),
    _is("commitment.help_requested", 8, 14, subject_id="later", by="rep-001", reason="no answer"),
    _is("commitment.recommitted", 9, 15, subject_id="later", by="rep-001", due_at=_due(15)),
    _acknowledged(9, 16, subject_id="later", by="rep-001", as_of=1),
    # nobody cares, then it changes hands, ends, was never late after all, opens again
    _set(5, 12, commitment_id="handed", title="Book the demo", due_at=_due(8), owner="rep-003"),
    _is("deadline.reassigned", 12, 18, commitment_id="handed", owner="rep-001", by="lead-01"),
    _acknowledged(12, 19, subject_id="handed", by="rep-003"),
    _met(13, 10, commitment_id="handed", by="rep-001", at=_due(8, 11)),
    _is("deadline.reopened", 14, 10, commitment_id="handed"),
    _is("deadline.cancelled", 16, 15, commitment_id="handed", by="lead-01"),
    # moved again and again, earlier, into the past, to no day, to a day
    _set(5, 13, commitment_id="moved", title="Agree on dates", due_at=_due(16), owner="rep-002"),
    _moved(6, 12, commitment_id="moved", due_at=_due(20)),
    _moved(6, 12, commitment_id="moved", due_at=_due(8)),
    _moved(7, 12, commitment_id="moved", due_at=_due(7, 9)),
    _moved(9, 12, commitment_id="moved", due_at=None),
    _moved(10, 12, commitment_id="moved", due_on="2026-01-12"),
    # an update before its create; one that nobody ever announces; one from elsewhere; a type of tomorrow
    _is("deadline.progress", 5, 14, commitment_id="stub", percent=30),
    _set(6, 14, commitment_id="stub", title="Share the security answers", due_on="2026-01-09"),
    _met(5, 15, commitment_id="nobody knows"),
    _set(5, 16, commitment_id="import", title="Old", due_at="2025-12-01T12:00:00Z", is_import=True),
    _is("deadline.dreamt", 5, 17, commitment_id="import"),
    # away with a stand-in, back early; another wish for quiet
    _is("person.away", 6, 9, person="lead-01", until=_due(10), delegate="ops"),
    _is("person.away", 12, 9, person="rep-002", until=_due(15)),
    _is("person.back", 14, 9, person="rep-002"),
    _is("preferences.changed", 13, 9, person="rep-001", quiet="12:00-14:00", noise_budget=2),
    # a deal with both dates, reopened
    _is("deal.created", 5, 18, deal_id="d", title="Contoso", owner="rep-003", close_at=_due(8, 20), amount="90000",
        currency="EUR", next_step="Call", next_step_at=_due(6, 20)),
    _is("commitment.acknowledged", 9, 21, subject_id="deal/d", by="rep-003", moment="close"),
    _is("deal.won", 12, 21, deal_id="d", helpers=["rep-001"]),
    _is("deal.reopened", 13, 21, deal_id="d"),
    _is("checkin.excused", 9, 10, person="rep-003", cadence="weekly", period="2026-W02", by="lead-01"),
]  # fmt: skip
