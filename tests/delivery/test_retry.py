"""When an attempt is repeated: the schedule, its jitter, the vendor's wish; and what a reminder is."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from service.delivery.outcome import in_words
from service.delivery.retry import JITTER_MAX, RETRY_AFTER_S_MAX, SCHEDULE_S, is_reminder, retry_in_s
from tests.delivery.desk import a_reminder, an_owed

KEYS = st.text("0123456789abcdef", min_size=32, max_size=32)


def test_the_schedule_outlasts_three_days() -> None:
    assert sum(SCHEDULE_S) > 72 * 3600
    assert len(SCHEDULE_S) == 10


@given(KEYS, st.integers(1, 9))
def test_a_pause_is_never_shorter_than_the_schedule_and_at_most_a_fifth_longer(
    key: str, attempts: int
) -> None:
    delay_s = retry_in_s(key, attempts)

    assert delay_s is not None
    assert SCHEDULE_S[attempts] <= delay_s <= SCHEDULE_S[attempts] * (1 + JITTER_MAX)
    assert delay_s == retry_in_s(key, attempts)


@given(KEYS, st.integers(1, 9), st.floats(0, RETRY_AFTER_S_MAX))
def test_a_vendor_s_wish_is_never_shortened(key: str, attempts: int, wish_s: float) -> None:
    delay_s = retry_in_s(key, attempts, wish_s)

    assert delay_s is not None
    assert delay_s >= wish_s


def test_a_vendor_who_asks_for_weeks_gets_no_further_attempt() -> None:
    assert retry_in_s("k", 1, 14 * 86400) is None


def test_after_the_tenth_attempt_there_is_no_next_one() -> None:
    assert retry_in_s("k", 10) is None


def test_two_keys_do_not_come_back_together() -> None:
    delays = [retry_in_s(f"{n:032x}", 3) for n in range(50)]
    pairs = itertools.pairwise(sorted(d for d in delays if d is not None))

    assert all(a != b for a, b in pairs)


def test_a_reminder_is_a_step_decided_before_its_moment() -> None:
    assert is_reminder(a_reminder())
    assert not is_reminder(an_owed())
    assert not is_reminder(a_reminder(cause="an event"))
    assert not is_reminder(an_owed(facts={"due_at": None}))


def test_the_word_to_the_fallback_contact_is_no_reminder_whatever_it_stands_for() -> None:
    assert not is_reminder(replace(a_reminder(), template="unroutable"))


def test_pauses_are_written_as_people_say_them() -> None:
    assert [in_words(s) for s in (0, 5, 60, 330, 7200, 90000)] == [
        "0 s",
        "5 s",
        "1 min",
        "6 min",
        "2 h",
        "25 h",
    ]
