"""A timer whose decision breaks, by our mistake: it is on record and comes again; its shard's other timers go on."""

from datetime import UTC, datetime, timedelta

from service.core.policy import Condition, Policy, Recipients, Step, View
from service.engine import POISON_TIMER_AGAIN_AFTER
from service.store.clock import to_ms
from service.store.contract import Commit
from tests.core.policies import hours, policy, world_of
from tests.engine.one_shard import SHARD, OneShard
from tests.store.homes import Home

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
DUE = START + timedelta(hours=2)
AGAIN = DUE + POISON_TIMER_AGAIN_AFTER
MILLISECOND = timedelta(milliseconds=1)


def breaks_at_c1(view: View) -> bool:
    """Not what conditions may do: they raise ConditionFailed and nothing else."""
    if view["commitment"]["id"] == "deadline/c1":  # type: ignore[index]  # the commitment is a mapping
        raise KeyError("our mistake")
    return False


def missed(skip_if: Condition | None) -> Policy:
    return policy("p", [Step("missed", hours(0), Recipients(("owner",)), skip_if=skip_if)])


async def promised(home: Home, *, broken: bool = True) -> OneShard:
    """Three commitments due at once, under a policy that breaks at the first."""
    shard = OneShard(home.open(), world_of(missed(breaks_at_c1 if broken else None)))
    for number in (1, 2, 3):
        data = {"commitment_id": f"c{number}", "title": "T", "owner": "ana", "due_at": DUE.isoformat()}
        await shard.append(f"e{number}", "deadline.set", data, START, START)
    await shard.take(await shard.own(), START)
    return shard


async def test_the_other_timers_of_the_shard_fire_and_the_broken_one_is_on_record(
    home: Home, logged: list
) -> None:
    shard = await promised(home)
    owner, before = await shard.own(), await shard.state("deadline/c1")

    assert await shard.fire(owner, DUE) == 3

    assert [(line["event"], line["subject"]) for line in logged] == [("poison_timer", "deadline/c1")]
    assert [(e.subject, e.reasons[0].code) for e in (await shard.history())[3:]] == [
        ("deadline/c1", "internal_error"),
        ("deadline/c2", "step"),
        ("deadline/c3", "step"),
    ]
    assert len(await shard.emits()) == 2
    assert await shard.state("deadline/c1") == before


async def test_the_broken_timer_comes_again_after_five_minutes_and_not_before(home: Home) -> None:
    shard = await promised(home)
    owner = await shard.own()
    await shard.fire(owner, DUE)

    assert owner.next_due_ms == to_ms(AGAIN)
    assert await shard.fire(owner, AGAIN - MILLISECOND) == 0
    assert await shard.fire(owner, AGAIN) == 1
    assert [e.reasons[0].code for e in await shard.history()].count("internal_error") == 2
    assert owner.next_due_ms == to_ms(AGAIN + POISON_TIMER_AGAIN_AFTER)


async def test_a_corrected_version_finds_the_timer_and_tells_what_was_owed(home: Home) -> None:
    shard = await promised(home)
    await shard.fire(await shard.own(), DUE)
    shard.worlds.replace(world_of(missed(None)))

    assert await shard.fire(await shard.own(), AGAIN) == 1

    assert len(await shard.emits()) == 3
    assert (await shard.history())[-1].subject == "deadline/c1"
    assert await shard.due() == {}


async def test_a_state_that_cannot_be_read_stops_no_other_timer_either(home: Home) -> None:
    shard = await promised(home, broken=False)
    owned = await shard.store.acquire(SHARD)
    damaged = Commit(owned.epoch, owned.seq, b"d" * 16, states={"deadline/c1": b"\xc1 no state"})
    await shard.store.commit(SHARD, damaged)

    assert await shard.fire(await shard.own(), DUE) == 3

    assert [e.reasons[0].code for e in (await shard.history())[3:]] == ["internal_error", "step", "step"]
    assert (await shard.due())["deadline/c1"] == to_ms(AGAIN)
