"""Quiet hours against a slow, obvious reference: what the clock on the reader's wall shows, minute by minute."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.quiet import quiet_end_after, quiet_until

MADRID = ZoneInfo("Europe/Madrid")
BEGIN, MINUTES = datetime(2024, 1, 1, tzinfo=UTC), 10 * 365 * 24 * 60
DAY = 24 * 60

zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
moments = st.integers(0, MINUTES).map(lambda minute: BEGIN + timedelta(minutes=minute))
clocks = st.integers(0, DAY - 1)
spans = st.tuples(clocks, clocks).filter(lambda span: span[0] != span[1])


def written(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def shows(begin: int, end: int, zone: ZoneInfo, at: datetime) -> bool:
    clock = at.astimezone(zone).time()
    minute = clock.hour * 60 + clock.minute
    return begin <= minute < end if begin < end else minute >= begin or minute < end


@settings(max_examples=200)
@given(spans, zones, moments)
def test_whoever_reads_a_quiet_time_on_their_wall_is_left_alone_until_it_shows_another(
    span: tuple[int, int], zone: ZoneInfo, at: datetime
) -> None:
    begin, end = span
    text = f"{written(begin)}-{written(end)}"

    until = quiet_until(text, zone, at)

    if shows(begin, end, zone, at):
        assert until is not None
    if until is None:
        return
    assert at < until <= at + timedelta(hours=27)
    assert not shows(begin, end, zone, until)
    step = max((until - at) // 50, timedelta(minutes=1))
    inside, moment = 0, at
    while moment < until:
        inside += shows(begin, end, zone, moment)
        moment += step
    assert inside or until - at <= timedelta(hours=3)  # but around a change of the clocks it shows quiet time


@settings(max_examples=100)
@given(spans, zones, moments)
def test_the_next_end_is_the_end_of_the_quiet_time_that_is_on_or_of_the_one_that_comes(
    span: tuple[int, int], zone: ZoneInfo, at: datetime
) -> None:
    text = f"{written(span[0])}-{written(span[1])}"

    end = quiet_end_after(text, zone, at)

    assert end is not None
    assert at < end <= at + timedelta(hours=51)
    assert quiet_until(text, zone, end) is None
    assert quiet_until(text, zone, at) in (None, end)


def test_it_wraps_around_midnight_and_keeps_to_the_wall_when_the_clocks_change() -> None:
    def until(month: int, day: int, hour: int) -> str:
        end = quiet_until("22:00-08:00", MADRID, datetime(2026, month, day, hour, tzinfo=MADRID))
        return f"{end.astimezone(MADRID):%m-%d %H:%M}" if end else ""

    assert until(3, 28, 23) == "03-29 08:00"
    assert until(10, 25, 1) == "10-25 08:00"
    assert until(3, 2, 22) == "03-03 08:00"
    assert until(3, 3, 8) == until(3, 3, 21) == ""


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=MADRID)
    again = first.replace(fold=1)
    end = datetime.combine(first.date(), time(3), MADRID).astimezone(UTC)

    assert [quiet_until("02:15-03:00", MADRID, at) for at in (first, again)] == [end, end]


def test_without_quiet_hours_there_is_no_end() -> None:
    assert quiet_until("", MADRID, BEGIN) is None
    assert quiet_until("none", MADRID, BEGIN) is None
    assert quiet_end_after("none", MADRID, BEGIN) is None
