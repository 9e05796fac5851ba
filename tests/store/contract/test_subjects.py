"""Every subject that has a state is found by a scan, whatever shard it is on and whether or not it has a timer."""

from service.store.contract import Shard, Store
from tests.store.homes import DEADLINES, Home, batch

DEALS = Shard("deals", 11)


async def found(store: Store) -> set[tuple[Shard, str]]:
    return {place async for page in store.subjects() for place in page}


async def test_a_scan_finds_every_state_of_every_shard(store: Store) -> None:
    many = {(DEADLINES, f"deadline/{number}") for number in range(2_500)}
    odd = {(DEALS, "deal/a:c:b {x} ü\n*"), (DEALS, "deal/1")}
    for shard, places in ((DEADLINES, many), (DEALS, odd)):
        owned = await store.acquire(shard)
        await store.commit(shard, batch(owned, states={subject: b"x" for _, subject in places}))

    assert await found(store) == many | odd


async def test_what_is_no_state_or_was_forgotten_is_not_found(store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    states = {"deadline/a": b"A", "deadline/b": b"B"}
    seq = await store.commit(DEADLINES, batch(owned, states=states, due={"deadline/a": 5}, log=[b"why"]))
    await store.commit(DEADLINES, batch(owned, seq, states={"deadline/a": None}, seen={"c:x": 1}))
    await store.put_pinned("policy", "c", b"{}")

    assert await found(store) == {(DEADLINES, "deadline/b")}


async def test_an_empty_store_has_no_subject(home: Home) -> None:
    assert await found(home.open()) == set()
