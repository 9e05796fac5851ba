"""Every hostile event gets its exact refusal, and no other error ever."""

import json
from contextlib import suppress

import pytest

from service.core.envelope import decode
from service.core.errors import BadEvent
from tests.core.hostile_events import GOOD, HOSTILE, NOW, Hostile, body


def test_the_event_they_are_made_from_is_good() -> None:
    assert decode(body(), NOW).subject == "deadline/c1"


def test_there_are_enough_of_them_and_no_name_twice() -> None:
    names = [hostile.name for hostile in HOSTILE]
    assert len(names) == len(set(names)) >= 120


@pytest.mark.parametrize("hostile", HOSTILE, ids=[hostile.name for hostile in HOSTILE])
def test_hostile_event_is_refused_with_its_reason_and_place(hostile: Hostile) -> None:
    with pytest.raises(BadEvent) as refused:
        decode(hostile.body, NOW)
    found = refused.value
    assert (found.reason, found.pointer, found.status) == (hostile.reason, hostile.pointer, hostile.status)
    assert hostile.says in found.detail
    assert len(found.detail) < 400
    (found.detail + found.pointer).encode()  # What says so can be said on.


@pytest.mark.parametrize("hostile", HOSTILE, ids=[hostile.name for hostile in HOSTILE])
def test_the_log_is_read_without_an_exception_of_its_own(hostile: Hostile) -> None:
    with suppress(BadEvent):
        decode(hostile.body, NOW, trusted=True)


@pytest.mark.parametrize("length", range(0, len(body()), 7))
def test_an_event_cut_anywhere_is_invalid_json_at_a_byte(length: int) -> None:
    with pytest.raises(BadEvent, match="invalid_json at the document: at byte"):
        decode(body()[:length], NOW)


def test_unknown_fields_are_ignored() -> None:
    extra = {**GOOD, "traceparent": "00-1", "data": {**GOOD["data"], "colour": {"deep": [1, 2]}}}
    assert decode(json.dumps(extra).encode(), NOW) == decode(body(), NOW)


@pytest.mark.parametrize(
    "data",
    [
        {"manager": "none", "mentor": "none", "time_zone": "Europe/Madrid"},
        {"manager": None, "time_zone": None, "email": None},
        {"email": "noa.o'levi+hr@bücher.example", "manager": "ana@example.com"},
        {"person": "noa@example.com", "email": "noa@example.com"},
        {"person": 4711, "manager": "leo.b_2-x"},
    ],
)
def test_what_may_be_right_of_a_person_is_taken(data: dict[str, object]) -> None:
    raw = json.dumps({**GOOD, "type": "person.changed", "data": {"person": "noa", **data}}).encode()

    assert decode(raw, NOW).subject == "people/all"
