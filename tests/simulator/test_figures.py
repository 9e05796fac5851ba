"""The figures of a simulation: what a digest holds counts like what comes by itself."""

from datetime import UTC, datetime, timedelta

from service.core.directory import Directory, Person, World
from service.core.events import Event
from service.core.policy import At, Policy, PolicyBook, Recipients, Step
from service.core.view import iso
from service.simulator.figures import first_heard, misses, summary
from service.simulator.outcome import simulate
from service.simulator.seller import arrive

MON_8 = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE_HOUR_AFTER = Step("boss", At(elapsed=HOUR, text="1 hour after"), Recipients(("owner.manager",)))
POLICY = Policy("p", "P", "deadline", "due", "h1", steps=(ONE_HOUR_AFTER,))


def company(quiet: str) -> World:
    """Ana's misses are told to Dana, who has these quiet hours."""
    people = {"ana": Person("ana", manager="dana"), "dana": Person("dana", quiet=quiet)}
    return World(
        PolicyBook((POLICY,), {"h1": POLICY}), Directory(people, {}, {}, "g"), {}, frozenset({"email"})
    )


def three_misses() -> list[Event]:
    """They are due at 18, 19 and 20 o'clock, and never heard of again."""
    return [
        arrive(
            {
                "specversion": "1.0",
                "id": f"e{number}",
                "source": "crm",
                "type": "deadline.set",
                "time": iso(MON_8),
                "data": {
                    "commitment_id": f"c{number}",
                    "title": "Call back",
                    "owner": "ana",
                    "due_at": iso(MON_8 + (10 + number) * HOUR),
                },
            },
            MON_8,
        )
        for number in range(3)
    ]


def test_escalations_in_a_digest_count_one_by_one() -> None:
    outcome = simulate(company("17:00-08:00"), three_misses())

    found = summary(outcome, company("17:00-08:00").directory)

    assert found["messages"] == 1
    assert found["escalations"] == 3
    assert found["escalations_by_person"] == {"dana": 3}
    assert found["misses_found"] == 3


def test_a_miss_that_is_heard_of_in_a_digest_is_found_later_not_never() -> None:
    at_once, in_the_morning = (simulate(company(quiet), three_misses()) for quiet in ("", "17:00-08:00"))

    assert set(first_heard(in_the_morning).values()) == {MON_8 + 24 * HOUR}
    assert misses(at_once, in_the_morning) == {
        "earlier": 0,
        "same": 0,
        "later": 3,
        "only_old": 0,
        "only_new": 0,
        "median_shift_s": 12 * 3600,
    }
