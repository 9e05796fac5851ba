"""The arithmetic in words says what the timeline does, and what it leaves out is what counting on paper passes over."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.arithmetic import in_words, when, work_out
from service.core.calendar import Calendar, Hours
from service.core.model import Moment, Run
from service.core.policy import At, Firing, Policy, Recipients, Repeat, Step
from service.core.timeline import GRACE_FOR, fires_at
from service.settings import durations
from tests.core.policies import policies
from tests.core.test_calendar import hours, moments, zones

BERLIN = ZoneInfo("Europe/Berlin")
LABOUR_DAY = date(2026, 5, 1)
WORKING = Calendar(BERLIN, Hours(off=frozenset({LABOUR_DAY, date(2026, 5, 14)})))
NAMES = {LABOUR_DAY: "Labour Day"}

quiets = st.sampled_from(("", "20:00-08:00", "12:00-08:00"))
delays = st.integers(0, 400).map(lambda quarters: quarters * timedelta(minutes=15))


@settings(max_examples=60, deadline=None)
@given(policies("one"), moments, hours, zones, delays, delays, st.booleans(), quiets)
def test_the_explained_instant_is_the_one_at_which_it_fires(
    policy: Policy,
    at: datetime,
    working: Hours,
    zone: str,
    outage: timedelta,
    held: timedelta,
    moved: bool,
    quiet: str,
) -> None:
    calendar, run = Calendar(ZoneInfo(zone), working, quiet), Run(policy.hash, outage=outage, held=held)
    moment = Moment(at, not_before=at + GRACE_FOR if moved else None)
    for firing in policy.firings:
        worked = work_out(firing, run, moment, calendar)
        said = in_words(worked, firing, "due", at, calendar, {})

        assert worked.at == fires_at(firing, run, moment, calendar)
        assert said.endswith(when(worked.at, calendar))


@settings(max_examples=150, deadline=None)
@given(moments, st.integers(-9, 9).filter(bool), hours, zones)
def test_what_is_left_out_makes_the_number_of_business_days(
    at: datetime, days: int, working: Hours, zone: str
) -> None:
    calendar = Calendar(ZoneInfo(zone), working)
    step = Step("s", At(days=days, is_business=True, text="…"), Recipients(("owner",)))
    worked = work_out(Firing(0, step, 0, days < 0), Run("h"), Moment(at), calendar)

    apart = worked.at.astimezone(calendar.zone).date() - at.astimezone(calendar.zone).date()
    assert abs(apart.days) - len(worked.left_out) == abs(days)
    assert all(working.on(day) is None for day in worked.left_out)


@pytest.mark.parametrize(
    ("at", "moment", "said"),
    [
        (
            "2 business days before",
            datetime(2026, 5, 4, 17, tzinfo=BERLIN),
            (
                "2 business days before the deadline, Mon 2026-05-04 17:00 Europe/Berlin, leaving out Sat, Sun and "
                "Fri 2026-05-01 (Labour Day) = Wed 2026-04-29 17:00"
            ),
        ),
        (
            "1 business day after",
            datetime(2026, 5, 13, 20, tzinfo=BERLIN),
            (
                "1 business day after the deadline, Wed 2026-05-13 20:00 Europe/Berlin, leaving out Thu 2026-05-14 "
                "(a day off), moved into that day's working hours (09:00-17:00) = Fri 2026-05-15 17:00"
            ),
        ),
        (
            "4 business hours after",
            datetime(2026, 4, 30, 15, tzinfo=BERLIN),
            (
                "4 business hours after the deadline, Thu 2026-04-30 15:00 Europe/Berlin, leaving out Sat, Sun and "
                "Fri 2026-05-01 (Labour Day) = Mon 2026-05-04 11:00"
            ),
        ),
        (
            "16:00 on the day before",
            datetime(2026, 5, 4, 17, tzinfo=BERLIN),
            "16:00 on the day before the deadline, Mon 2026-05-04 17:00 Europe/Berlin = Sun 2026-05-03 16:00",
        ),
        (
            "the moment",
            datetime(2026, 5, 4, 17, tzinfo=BERLIN),
            "at the deadline, Mon 2026-05-04 17:00 Europe/Berlin = Mon 2026-05-04 17:00",
        ),
    ],
)
def test_it_reads_like_a_sentence(at: str, moment: datetime, said: str) -> None:
    firing = _firing(durations.at(at))
    worked = work_out(firing, Run("h"), Moment(moment.astimezone(UTC)), WORKING)

    assert in_words(worked, firing, "due", moment, WORKING, NAMES) == said


def test_a_later_round_says_how_often_it_was_repeated_and_what_held_it_up() -> None:
    step = Step("s", durations.at("1 business day after"), Recipients(("owner",)))
    step = msgspec.structs.replace(step, repeat=Repeat(durations.duration("1 business day"), 3))
    firing, moment = Firing(2, step, 2, False), Moment(datetime(2026, 4, 29, 15, tzinfo=UTC))
    worked = work_out(firing, Run("h", outage=timedelta(days=1)), moment, WORKING)

    said = in_words(worked, firing, "close", datetime(2026, 4, 29, 15, tzinfo=UTC), WORKING, NAMES)

    assert said == (
        "1 business day after the close date, Wed 2026-04-29 17:00 Europe/Berlin, and 2 × 1 business day later, "
        "leaving out Sat, Sun and Fri 2026-05-01 (Labour Day) = Tue 2026-05-05 17:00; the ladder "
        "stands 1 day 16 h later, so Thu 2026-05-07 09:00"
    )


def test_a_round_of_hours_whose_step_waits_for_an_opening_says_that_it_is_counted_from_there() -> None:
    step = Step("s", durations.at("4 business hours after"), Recipients(("owner",)))
    step = msgspec.structs.replace(step, repeat=Repeat(durations.duration("4 hours"), 2))
    firing, moment = Firing(2, step, 2, False), Moment(datetime(2026, 4, 27, 8, tzinfo=UTC))
    worked = work_out(firing, Run("h", held=timedelta(hours=3)), moment, WORKING)

    said = in_words(worked, firing, "due", datetime(2026, 4, 27, 8, tzinfo=UTC), WORKING, {})

    assert said == (
        "4 business hours after the deadline, Mon 2026-04-27 10:00 Europe/Berlin, and 2 × 4 hours later "
        "= Mon 2026-04-27 22:00; its step waits for work to begin, Tue 2026-04-28 09:00, and 2 × 4 hours later "
        "it is Tue 2026-04-28 17:00"
    )


def test_a_date_moved_into_the_past_says_its_grace() -> None:
    moment = Moment(
        datetime(2026, 4, 29, 8, tzinfo=UTC), not_before=datetime(2026, 4, 29, 12, 15, tzinfo=UTC)
    )
    firing = _firing(durations.at("the moment"))
    worked = work_out(firing, Run("h"), moment, WORKING)

    said = in_words(worked, firing, "due", datetime(2026, 4, 29, 8, tzinfo=UTC), WORKING, {})

    assert said.endswith("not before the grace for a date moved into the past is over, Wed 2026-04-29 14:15")


def test_a_reminder_that_quiet_hours_would_swallow_says_what_it_was_moved_before() -> None:
    firing, moment = _firing(durations.at("4 business hours before")), datetime(2026, 4, 29, 5, tzinfo=UTC)
    calendar = WORKING._replace(quiet="12:00-08:00")
    worked = work_out(firing, Run("h"), Moment(moment), calendar)

    assert in_words(worked, firing, "due", moment, calendar, NAMES) == (
        "4 business hours before the deadline, Wed 2026-04-29 07:00 Europe/Berlin = Tue 2026-04-28 13:00; moved before "
        "the owner's quiet hours (12:00-08:00), which end too late: Tue 2026-04-28 11:45"
    )


def _firing(at: At) -> Firing:
    return Firing(0, Step("s", at, Recipients(("owner",))), 0, at.is_before, heeds_quiet=True)
