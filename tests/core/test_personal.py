"""What an event about a person says wrongly is refused with the field and the nearest right one."""

import json
from datetime import UTC, datetime

import pytest

from service.core.envelope import decode
from service.core.errors import BadEvent

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def said(event_type: str, **data: object) -> bytes:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "hr",
        "type": event_type,
        "data": {"person": "ana", **data},
    }
    return json.dumps(event).encode()


@pytest.mark.parametrize(
    ("event_type", "field", "right"),
    [
        ("person.joined", "managers", "manager"),
        ("person.changed", "timezone", "time_zone"),
        ("person.changed", "e-mail", "email"),
        ("person.changed", "role", "roles"),
        ("person.away", "delegates", "delegate"),
        ("preferences.changed", "channel", "channels"),
    ],
)
def test_a_field_that_is_nearly_one_of_ours_is_a_slip(event_type: str, field: str, right: str) -> None:
    with pytest.raises(BadEvent) as refused:
        decode(said(event_type, **{field: "x"}), NOW)

    found = refused.value
    assert (found.reason, found.pointer) == ("unknown_field", f"/data/{field}")
    assert found.detail == f"'{field}' is no field of {event_type}; did you mean '{right}'?"


@pytest.mark.parametrize(
    ("event_type", "fields"),
    [
        ("person.joined", ("manager_id", "managerName", "lname", "email2", "old_manager", "zone", "title")),
        ("person.away", ("delegate_id", "delegated")),
        ("preferences.changed", ("changes", "quietly")),
    ],
)
def test_what_is_only_like_one_of_ours_is_no_slip(event_type: str, fields: tuple[str, ...]) -> None:
    told = {
        "person.joined": {"name": "Ana"},
        "person.away": {"from": "2026-12-01T09:00:00Z", "until": "2026-12-05T09:00:00Z"},
    }
    given = told.get(event_type, {"quiet": "20:00-08:00"})

    assert decode(said(event_type, **given, **dict.fromkeys(fields, "x")), NOW).type == event_type


def test_of_several_slips_the_first_is_named() -> None:
    for fields in (("managers", "emails"), ("emails", "managers")):
        with pytest.raises(BadEvent) as refused:
            decode(said("person.changed", **dict.fromkeys(fields, "x")), NOW)
        assert refused.value.pointer == f"/data/{fields[0]}"


def test_what_an_hr_system_adds_of_its_own_is_ignored_as_in_any_event() -> None:
    """Also beside the field that it is like: then that one has been found."""
    event = decode(said("person.changed", manager="dana", manager_id=7, cost_centre="x", badge=1), NOW)

    assert getattr(event.data, "manager", "") == "dana"
