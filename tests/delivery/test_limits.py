"""Rate limits: a slot for each, nobody blocked behind another destination."""

from datetime import timedelta

from service.delivery.limits import Limit, Limits
from tests.delivery.desk import NOON

SECOND = timedelta(seconds=1)


def test_one_over_the_limit_gets_the_next_slot_and_passes_when_it_comes_back() -> None:
    limits = Limits({"slack": Limit(per_s=1)})

    waits = [limits.admit("slack", "#wins", f"k{n}", NOON) for n in range(4)]

    assert waits == [0, 1, 2, 3]
    assert limits.admit("slack", "#wins", "k2", NOON + SECOND) == 1
    assert limits.admit("slack", "#wins", "k2", NOON + 2 * SECOND) == 0


def test_another_destination_is_not_held_up() -> None:
    limits = Limits({"slack": Limit(per_s=1)})
    assert limits.admit("slack", "#wins", "k1", NOON) == 0
    assert limits.admit("slack", "#wins", "k2", NOON) == 1

    assert limits.admit("slack", "#other", "k3", NOON) == 0
    assert limits.admit("email", "ana@example.com", "k4", NOON) == 0


def test_a_burst_goes_at_once_and_is_paid_back_later() -> None:
    limits = Limits({"slack": Limit(per_s=1, burst=3)})

    assert [limits.admit("slack", "#wins", f"k{n}", NOON) for n in range(5)] == [0, 0, 0, 1, 2]


def test_a_vendor_s_not_before_holds_everything_for_that_destination() -> None:
    limits = Limits()
    limits.hold("slack", "#wins", NOON + 30 * SECOND)
    limits.hold("slack", "#wins", NOON + 10 * SECOND)

    assert limits.admit("slack", "#wins", "k1", NOON) == 30
    assert limits.admit("slack", "#other", "k2", NOON) == 0
    assert limits.admit("slack", "#wins", "k1", NOON + 30 * SECOND) == 0


def test_what_nobody_came_back_for_is_forgotten(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("service.delivery.limits.REMEMBERED_MAX", 10)
    limits = Limits({"slack": Limit(per_s=1000)})

    for n in range(200):
        limits.admit("slack", f"#{n}", f"a{n}", NOON + n * SECOND)
        limits.admit("slack", f"#{n}", f"b{n}", NOON + n * SECOND)

    assert len(limits._slots) + len(limits._free_at) < 20
