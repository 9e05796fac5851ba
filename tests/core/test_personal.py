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


def test_what_an_hr_system_adds_of_its_own_is_ignored_as_in_any_event() -> None:
    """Also beside the field that it is like: then that one has been found."""
    event = decode(said("person.changed", manager="dana", manager_id=7, cost_centre="x", badge=1), NOW)

    assert getattr(event.data, "manager", "") == "dana"
