"""What is refused at the door because it could never be, in whole sentences; and what is just possible."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.core.envelope import admit
from service.core.errors import BadEvent
from service.core.events import Event
from service.core.wishes import refuse_strangers

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
IDS = {"ana@example.com": "ana", "a.ruiz@example.com": "ana", "noa@example.com": "noa"}
LONG = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example"  # 251 characters


def _event(kind: str, data: dict[str, Any], time: str = "2026-11-24T08:00:00Z") -> Event:
    raw = {"specversion": "1.0", "id": "e1", "source": "hr", "type": kind, "time": time, "data": data}
    return admit(raw, NOW, IDS.get)[0]


def _goal(target: str, begin: str, end: str) -> tuple[str, dict[str, str]]:
    named = {"goal_id": "g1", "title": "Calls", "owner": "ana", "metric": "calls", "target": target}
    return "goal.set", {**named, "period_start": begin, "period_end": end}


def _changed(**data: object) -> tuple[str, dict[str, object]]:
    return "person.changed", {"person": "ana", **data}


@pytest.mark.parametrize(
    ("what", "detail", "place"),
    [
        (
            ("person.away", {"person": "ana", "delegate": "ana"}),
            "'ana' cannot stand in for themselves; name somebody else, or leave it out",
            "delegate",
        ),
        (
            ("person.away", {"person": "ana@example.com", "delegate": "a.ruiz@example.com"}),
            "'a.ruiz@example.com' cannot stand in for themselves; name somebody else, or leave it out",
            "delegate",
        ),
        (
            ("person.away", {"person": "a@x.example", "delegate": "a@x.example"}),
            "'a@x.example' cannot stand in for themselves; name somebody else, or leave it out",
            "delegate",
        ),
        (
            ("person.away", {"person": "ana", "until": "2026-11-24T07:59:59Z"}),
            "an absence ends after it begins; this is before now, and `from` is left out",
            "until",
        ),
        (
            (
                "person.away",
                {"person": "ana", "from": "2026-12-02T09:00:00Z", "until": "2026-12-01T09:00:00Z"},
            ),
            "an absence ends after it begins; this is before its `from`",
            "until",
        ),
        (
            ("preferences.changed", {"person": "ana", "quiet": "08:00-08:00"}),
            'quiet hours 08:00-08:00 have no end; write two different times, or "none"',
            "quiet",
        ),
        (_goal("0", "2026-11-01", "2026-11-30"), "a target is more than 0; this is 0", "target"),
        (
            _goal("1", "2026-11-02", "2026-11-01"),
            "a period ends after it begins; this one begins on 2026-11-02",
            "period_end",
        ),
        (
            _changed(manager="a.ruiz@example.com"),
            "'a.ruiz@example.com' cannot be their own manager; name somebody else, or \"none\"",
            "manager",
        ),
        (
            _changed(mentor="x@example.com", email="x@example.com"),
            "'x@example.com' cannot be their own mentor; name somebody else, or \"none\"",
            "mentor",
        ),
        (_changed(person="person:ana"), "an id is bare here; did you mean 'ana'?", "person"),
        (_changed(manager="role:ops"), "'role:ops' is a role; name a person here, as in ana", "manager"),
        (_changed(mentor="team:east"), "'team:east' is a team; name a person here, as in ana", "mentor"),
        (
            ("person.left", {"person": "Ana Ruiz"}),
            "'Ana Ruiz' is no id of a person: it holds a space or a slash; write it as in ana.ruiz",
            "person",
        ),
        (
            _changed(time_zone="Europe/Madird"),
            "'Europe/Madird' is not a time zone; did you mean 'Europe/Madrid'?",
            "time_zone",
        ),
        (
            _changed(time_zone="Earth/New York"),
            "'Earth/New York' is not a time zone; did you mean 'America/New_York'?",
            "time_zone",
        ),
        (
            _changed(time_zone="CEST/DST"),
            "'CEST/DST' is not a time zone; write it as in Europe/Madrid",
            "time_zone",
        ),
        (
            _changed(email="Ana <ana@example.com>"),
            "'Ana <ana@example.com>' is not one plain address; did you mean 'ana@example.com'?",
            "email",
        ),
        (
            _changed(email="ana@example"),
            "'ana@example' is not one plain address; write one, as in ana@example.com",
            "email",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    what: tuple[str, dict[str, Any]], detail: str, place: str
) -> None:
    with pytest.raises(BadEvent) as refused:
        _event(*what)

    assert (refused.value.detail, refused.value.pointer) == (detail, f"/data/{place}")
    assert (refused.value.reason, refused.value.status) == ("invalid_value", 422)


@pytest.mark.parametrize(
    "what",
    [
        ("person.away", {"person": "ana"}),
        ("person.away", {"person": "ana", "delegate": "noa@example.com"}),
        ("person.away", {"person": "ana@nowhere.example", "delegate": "ben@nowhere.example"}),
        ("person.away", {"person": "ana", "until": "2026-11-24T08:00:00Z"}),
        _goal("0.5", "2026-11-01", "2026-11-01"),
        _changed(manager="noa@example.com", mentor="noa"),
    ],
)
def test_what_is_just_possible_is_taken(what: tuple[str, dict[str, Any]]) -> None:
    assert _event(*what).type == what[0]


def test_an_address_is_as_long_as_mail_takes_it() -> None:
    assert _event(*_changed(email=LONG.replace("a" * 60, "a" * 63))).type == "person.changed"
    with pytest.raises(BadEvent, match="is not one plain address"):
        _event(*_changed(email=LONG.replace("a" * 60, "a" * 64)))


def test_an_absence_that_a_fast_clock_reports_begins_when_it_is_heard_of() -> None:
    """Its sender's clock runs an hour ahead: half an hour from now is not before it begins."""
    away = {"person": "ana", "until": "2026-11-24T09:30:00Z"}

    assert _event("person.away", away, "2026-11-24T10:00:00Z").type == "person.away"


def test_only_whoever_is_in_the_directory_can_stand_in() -> None:
    def away(**data: str) -> Event:
        return _event("person.away", {"person": "ana", **data})

    refuse_strangers(away(), {"noa"}, IDS.get)
    refuse_strangers(away(delegate="noa"), {"noa"}, IDS.get)
    refuse_strangers(away(delegate="noa@example.com"), {"noa"}, IDS.get)
    refuse_strangers(_event("person.back", {"person": "ana"}), {"noa"}, IDS.get)
    with pytest.raises(BadEvent) as refused:
        refuse_strangers(away(delegate="max"), {"noa"}, IDS.get)

    assert refused.value.detail == "'max' is not in the directory, so they cannot stand in"
    assert (refused.value.reason, refused.value.pointer) == ("unknown_person", "/data/delegate")
