"""People move and calendars change: what is open falls due by the directory of today, and nobody has to touch it."""

import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from service.core import directory
from service.core.calendar import Hours
from service.core.directory import Directory, Person, World
from service.core.policy import At, Policy, PolicyBook, Recipients, Step
from service.core.reasons import Code
from service.engine import GRAPH, Owner
from service.store.clock import to_ms
from tests.engine.one_shard import OneShard
from tests.store.homes import Home

MON = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FRI = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
EVE = Step("eve", At(days=-1, is_business=True, text="1 business day before"), Recipients(("owner",)))
POLICY = Policy("eve", "Eve", "deadline", "due", "h1", steps=(EVE,))


def a_world(graph: str, zone: str = "UTC", off: frozenset[date] = frozenset()) -> World:
    people = {"ana": Person("ana", time_zone=zone), "ops": Person("ops", roles=("ops",))}
    known = Directory(people, {}, {"default": msgspec.structs.replace(Hours(), off=off)}, graph)
    return World(PolicyBook((POLICY,), {POLICY.hash: POLICY}), known, {}, frozenset({"email"}))


@pytest.fixture
async def shard(home: Home) -> OneShard:
    return OneShard(home.open(), a_world("before"))


async def owned(shard: OneShard, many: int = 1, **due: str) -> Owner:
    """An owner of `many` commitments, whose timers agree with the directory."""
    for number in range(many):
        data = {"commitment_id": f"c{number}", "title": "t", "owner": "ana", **due}
        await shard.append(f"e{number}", "deadline.set", data, MON, MON)
    owner = await shard.own()
    await shard.take(owner, MON)
    await reckoned(owner)
    return owner


async def reckoned(owner: Owner) -> None:
    while owner.needs_reckoning:
        await owner.reckon(MON)


async def test_a_holiday_added_later_moves_what_is_open(shard: OneShard) -> None:
    owner = await owned(shard, due_at=FRI.isoformat())
    assert await shard.due() == {"deadline/c0": to_ms(FRI - timedelta(days=1))}

    shard.worlds.replace(a_world("after", off=frozenset({date(2026, 3, 5)})))
    await reckoned(owner)

    assert await shard.due() == {"deadline/c0": to_ms(FRI - timedelta(days=2))}
    assert owner.next_due_ms == to_ms(FRI - timedelta(days=2))
    *_, entry = await shard.history()
    assert [reason.code for reason in entry.reasons] == [Code.RECKONED]
    assert (entry.subject, entry.graph) == ("deadline/c0", "after")


async def test_a_day_without_a_time_ends_where_its_owner_works_now(shard: OneShard) -> None:
    owner = await owned(shard, due_on="2026-03-06")

    shard.worlds.replace(a_world("after", zone="Asia/Tokyo"))
    await reckoned(owner)

    assert await shard.due() == {"deadline/c0": to_ms(datetime(2026, 3, 5, 8, 0, tzinfo=UTC))}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """A zone `Test/Place` on this machine; called again it has the rules of another one, as after an update."""
    before = zoneinfo.TZPATH

    def rules_of(zone: str) -> None:
        found = next((at for base in before if (at := Path(base) / zone).is_file()), None)
        raw = found.read_bytes() if found else files("tzdata.zoneinfo").joinpath(zone).read_bytes()
        (tmp_path / "Test").mkdir(exist_ok=True)
        (tmp_path / "Test/Place").write_bytes(raw)
        zoneinfo.reset_tzpath([str(tmp_path), *before])
        zoneinfo.ZoneInfo.clear_cache(only_keys=["Test/Place"])
        directory._calendar.cache_clear()  # a process that starts has looked at no zone yet

    yield rules_of
    zoneinfo.reset_tzpath(before)
    directory._calendar.cache_clear()


async def test_a_zone_with_other_rules_moves_what_is_open_there_once_a_worker_starts_with_them(
    shard: OneShard, place: Callable[[str], None]
) -> None:
    place("Europe/Madrid")
    shard.worlds.replace(a_world("same", zone="Test/Place"))
    await owned(shard, due_on="2026-07-03")  # a Friday
    assert await shard.due() == {"deadline/c0": to_ms(datetime(2026, 7, 2, 15, 0, tzinfo=UTC))}

    place("Africa/Lagos")  # as if summer time were no more
    shard.worlds.replace(a_world("same", zone="Test/Place"))
    await reckoned(await shard.own())

    assert await shard.due() == {"deadline/c0": to_ms(datetime(2026, 7, 2, 16, 0, tzinfo=UTC))}


async def test_what_is_due_already_by_the_new_reckoning_fires_in_its_turn(shard: OneShard) -> None:
    owner = await owned(shard, due_at=FRI.isoformat())
    now = FRI - timedelta(days=1, hours=12)

    shard.worlds.replace(a_world("after", off=frozenset({date(2026, 3, 5)})))
    await owner.reckon(now)
    assert await shard.emits() == []

    assert await shard.fire(owner, now) == 1
    assert [emit.subject for emit in await shard.emits()] == ["inbox/ana"]


async def test_the_next_owner_of_a_shard_reckons_what_the_last_one_could_not(shard: OneShard) -> None:
    await owned(shard, due_at=FRI.isoformat())
    shard.worlds.replace(a_world("after", off=frozenset({date(2026, 3, 5)})))

    owner = await shard.own()
    assert owner.needs_reckoning
    await reckoned(owner)

    assert (await shard.own()).offsets[GRAPH].startswith("after ")
    assert await shard.due() == {"deadline/c0": to_ms(FRI - timedelta(days=2))}


async def test_the_same_directory_is_reckoned_once_and_changes_nothing(shard: OneShard) -> None:
    owner = await owned(shard, due_at=FRI.isoformat())
    seq = owner.seq

    shard.worlds.replace(a_world("before"))
    assert not owner.needs_reckoning
    shard.worlds.replace(a_world("after"))
    await reckoned(owner)

    assert owner.seq == seq + 1  # the mark alone
    assert await shard.due() == {"deadline/c0": to_ms(FRI - timedelta(days=1))}


async def test_more_than_one_page_is_reckoned_whole(shard: OneShard) -> None:
    owner = await owned(shard, many=450, due_at=FRI.isoformat())

    shard.worlds.replace(a_world("after", off=frozenset({date(2026, 3, 5)})))
    await reckoned(owner)

    due = await shard.due()
    assert len(due) == 450
    assert set(due.values()) == {to_ms(FRI - timedelta(days=2))}


async def test_a_directory_that_comes_back_while_half_is_reckoned_is_reckoned_whole(shard: OneShard) -> None:
    owner = await owned(shard, many=450, due_at=FRI.isoformat())

    shard.worlds.replace(a_world("after", off=frozenset({date(2026, 3, 5)})))
    await owner.reckon(MON)
    # Some of them; all, where a store has one page.
    assert to_ms(FRI - timedelta(days=2)) in (await shard.due()).values()
    shard.worlds.replace(a_world("before"))
    owner = await shard.own()  # whoever owns the shard next knows of it as well
    assert owner.needs_reckoning
    await reckoned(owner)

    assert set((await shard.due()).values()) == {to_ms(FRI - timedelta(days=1))}
