"""Instants as people type them: an event's time counts from now, its other instants from that time."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service.cli.relative import absolute, resolve
from service.core.errors import BadEvent

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=ZoneInfo("Europe/Madrid"))  # a Tuesday


def resolved(text: str) -> str:
    found = resolve(text, NOW, "/time")
    return f"{found:%a %d %b %H:%M:%S}" if isinstance(found, datetime) else str(found)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("+20s", "Tue 24 Nov 09:30:20"),
        ("-5m", "Tue 24 Nov 09:25:00"),
        ("4h", "Tue 24 Nov 13:30:00"),
        ("+1d", "Wed 25 Nov 09:30:00"),
        ("-2w", "Tue 10 Nov 09:30:00"),
        ("+1.5h", "Tue 24 Nov 11:00:00"),
        ("Sat 08:00", "Sat 28 Nov 08:00:00"),
        ("Tue 09:31", "Tue 24 Nov 09:31:00"),
        ("tue 09:30", "Tue 01 Dec 09:30:00"),
    ],
)
def test_relative_instants(text: str, instant: str) -> None:
    assert resolved(text) == instant


@pytest.mark.parametrize(
    "text",
    ["2026-11-24T16:00:00Z", "tomorrow", "+20", "20 s", "++1d", "+1y", "Sad 08:00", "Sat 24:00", "", "+²s"],
)
def test_what_is_no_relative_instant_is_left_to_the_envelope(text: str) -> None:
    assert resolve(text, NOW, "/time") == text


def test_an_impossible_distance_is_the_senders_mistake() -> None:
    with pytest.raises(BadEvent, match="more than ten years away"):
        resolve("+999999999w", NOW, "/data/due_at")


def test_other_instants_count_from_the_events_own_time() -> None:
    event = {"type": "deadline.set", "time": "-5s", "data": {"due_at": "+25s", "title": "+1d", "owner": "4h"}}

    found: Any = absolute(event, NOW)

    assert found["time"] == "2026-11-24T08:29:55.000Z"
    assert found["data"] == {"due_at": "2026-11-24T08:30:20.000Z", "title": "+1d", "owner": "4h"}


def test_other_instants_count_from_an_absolute_time_as_well() -> None:
    event = {"type": "deadline.set", "time": "2026-12-01T10:00:00+01:00", "data": {"due_at": "Fri 08:00"}}

    found: Any = absolute(event, NOW)

    assert found["data"]["due_at"] == "2026-12-04T07:00:00.000Z"


def test_without_a_time_it_is_now() -> None:
    assert absolute({"type": "x"}, NOW)["time"] == "2026-11-24T08:30:00.000Z"


def test_a_type_that_no_rule_reads_yet_has_its_instants_found_by_their_names() -> None:
    event = {"type": "reward.requested", "data": {"close_at": "+1d", "title": "+1d", "at": "-1h"}}

    found: Any = absolute(event, NOW)

    assert found["data"] == {
        "close_at": "2026-11-25T08:30:00.000Z",
        "title": "+1d",
        "at": "2026-11-24T07:30:00.000Z",
    }
