"""Business time: how long a decision takes to count three working days back, beside the same time on the wall clock.

Cold: every moment is another one. Warm: one that was asked for before, as within a decision (`Calendar.shifted`).
"""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.core.calendar import Calendar, Hours
from service.core.policy import At
from service.settings.public_holidays import public_holidays
from tests.bench.table import Table

pytestmark = pytest.mark.bench

MOMENTS = [datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(minutes=37 * n) for n in range(5_000)]
DAYS = At(days=-3, is_business=True, text="3 business days before")
HOURS = At(elapsed=timedelta(hours=-4), is_business=True, text="4 business hours before")
WALL = At(days=-3, text="3 days before")
RUNS = 3


def test_business_time_a_second(table: Table) -> None:
    hours = Hours(off=frozenset(public_holidays("DE", "BE")))
    for name, at in (("3 business days", DAYS), ("4 business hours", HOURS)):
        ours, warm, bare = [], [], []
        for _ in range(RUNS):
            calendar = Calendar(ZoneInfo("Europe/Berlin"), hours)
            Calendar.shifted.cache_clear()
            ours.append(_a_second(calendar, at))
            warm.append(_a_second(calendar, at))
            Calendar.shifted.cache_clear()
            bare.append(_a_second(calendar, WALL))
        table.add(f"{name} before, cold, a second; bare: 3 days by the wall clock", ours, bare)
        table.add(f"{name} before, asked again, a second; bare: as above", warm, bare)


def _a_second(calendar: Calendar, at: At) -> float:
    began = time.process_time()
    for moment in MOMENTS:
        calendar.shifted(at, moment)
    return len(MOMENTS) / (time.process_time() - began)
