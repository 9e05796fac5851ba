"""The breaker's states: closed, open, half open."""

from datetime import timedelta

from service.delivery.breaker import FAILURES_MAX, LocalBreakers
from tests.delivery.desk import NOON


async def opened() -> LocalBreakers:
    breakers = LocalBreakers()
    for _ in range(FAILURES_MAX):
        await breakers.failed("email", "cannot be reached", NOON)
    return breakers


async def test_it_stays_closed_while_sends_succeed_in_between() -> None:
    breakers = LocalBreakers()
    for _ in range(3 * FAILURES_MAX):
        await breakers.failed("email", "x", NOON)
        await breakers.succeeded("email")

    assert (await breakers.admit("email", NOON)).is_go


async def test_it_opens_after_some_failures_in_a_row_for_its_channel_only() -> None:
    breakers = await opened()

    verdict = await breakers.admit("email", NOON)
    assert (verdict.is_go, verdict.refused) == (False, "cannot be reached")
    assert (await breakers.admit("slack", NOON)).is_go


async def test_after_the_pause_one_goes_ahead_and_the_others_wait_for_it() -> None:
    breakers, later = await opened(), NOON + timedelta(seconds=10)

    assert (await breakers.admit("email", later)).is_go
    second = await breakers.admit("email", later)
    assert (second.is_go, second.refused, second.wait_s) == (False, "", 1)

    await breakers.succeeded("email")
    assert (await breakers.admit("email", later)).is_go


async def test_a_probe_that_fails_doubles_the_pause_up_to_a_minute() -> None:
    breakers, now = await opened(), NOON
    for pause_s in (10, 20, 40, 60, 60):
        assert not (await breakers.admit("email", now + timedelta(seconds=pause_s - 1))).is_go
        now += timedelta(seconds=pause_s)
        assert (await breakers.admit("email", now)).is_go
        await breakers.failed("email", "still", now)


async def test_a_probe_that_never_comes_back_is_replaced() -> None:
    breakers, later = await opened(), NOON + timedelta(seconds=10)
    assert (await breakers.admit("email", later)).is_go

    assert (await breakers.admit("email", later + timedelta(seconds=45))).is_go


async def test_opening_and_closing_are_told_once_each() -> None:
    told: list[tuple[str, str]] = []
    breakers = LocalBreakers(lambda channel, error: told.append((channel, error)))
    for _ in range(FAILURES_MAX + 2):
        await breakers.failed("email", "gone", NOON)
    await breakers.succeeded("email")
    await breakers.succeeded("email")

    assert told == [("email", "gone"), ("email", "")]
