"""A server that is full, read-only or half-broken refuses before anything was written, and it is called down."""

from collections.abc import Callable

import pytest

from service.store.contract import Settled, Store, StoreDown
from service.store.files import find_server
from service.store.redis import RedisStore
from service.store.wire import open_client
from tests.servers import NO_REDIS, REDIS, Server
from tests.store.homes import DEADLINES, INBOX, batch, owe

pytestmark = [pytest.mark.server, pytest.mark.fault]


@pytest.fixture(params=["valkey", "redis"])
def small_server(request: pytest.FixtureRequest, make_server: Callable[..., Server]) -> Server:
    if request.param == "redis" and REDIS is None:
        pytest.skip(NO_REDIS)
    return make_server(find_server() if request.param == "valkey" else REDIS)


@pytest.fixture
async def store(small_server: Server, prefix: str) -> Store:
    store = RedisStore(open_client(small_server.url), prefix)
    yield store
    await store.close()


def fill(server: Server) -> None:
    assert server.ask("CONFIG SET maxmemory 1") == "+OK"


async def test_it_tells_how_much_memory_it_uses_and_may_use(small_server: Server, store: Store) -> None:
    used, limit = await store.memory()
    assert used > 100_000
    assert limit == 0

    assert small_server.ask("CONFIG SET maxmemory 64mb") == "+OK"

    assert (await store.memory())[1] == 64 << 20


async def test_a_full_server_takes_no_part_of_a_batch(small_server: Server, store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    seq = await store.commit(DEADLINES, batch(owned, states={"deadline/a": b"A"}, due={"deadline/a": 1}))
    fill(small_server)

    # Its first write frees memory and would be let through: the script must be refused as a whole.
    commit = batch(owned, seq, states={"deadline/a": None}, due={"deadline/a": None}, log=[b"l"])
    with pytest.raises(StoreDown, match="maxmemory"):
        await store.commit(DEADLINES, commit)

    assert await store.load(DEADLINES, ["deadline/a"]) == [b"A"]
    assert await store.due(DEADLINES, 9, 9) == [("deadline/a", 1)]
    assert await store.log(DEADLINES) == []
    assert small_server.ask("CONFIG SET maxmemory 0") == "+OK"
    assert await store.commit(DEADLINES, commit) == 2


async def test_a_full_server_appends_all_or_nothing_and_gives_no_ownership(
    small_server: Server, store: Store
) -> None:
    fill(small_server)

    with pytest.raises(StoreDown):
        await store.append([(DEADLINES, b"a"), (INBOX, b"b")])
    with pytest.raises(StoreDown):
        await store.append([(DEADLINES, b"a")])
    with pytest.raises(StoreDown):
        await store.acquire(DEADLINES)
    with pytest.raises(StoreDown):
        await store.catch(b"caught")

    assert await store.read({DEADLINES: "0", INBOX: "0"}, 9, 0) == {}
    assert await store.caught() == []


async def test_a_delivery_that_left_can_be_settled_although_the_server_is_full(
    small_server: Server, store: Store
) -> None:
    await owe(store, "k1", "k2")
    one, two = await store.claim([INBOX], "w", 10, 0, 0)
    fill(small_server)

    assert await store.settle(one, Settled("sent", b"sent"))
    assert await store.settle(two, Settled("retry", b"later", retry_at_ms=5, again=b"again"))

    assert await store.was_sent(INBOX, "k1")
    assert [entry.value for entry in await store.claim([INBOX], "w", 10, 0, 5)] == [b"again"]


async def test_a_replica_is_down_for_writers(small_server: Server, store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    assert small_server.ask("REPLICAOF 127.0.0.1 1") == "+OK"

    with pytest.raises(StoreDown):
        await store.commit(DEADLINES, batch(owned, log=[b"l"]))
    with pytest.raises(StoreDown):
        await store.append([(DEADLINES, b"a")])


async def test_a_key_of_another_type_stops_the_batch_before_its_first_write(
    small_server: Server, store: Store, prefix: str
) -> None:
    owned = await store.acquire(DEADLINES)
    for name in ("due", "emit", "seen", "out", "dead", "log"):
        key = f"{prefix}:{{deadlines.2}}:{name}"
        assert small_server.ask(f"SET {key} wrong") == "+OK"
        with pytest.raises(Exception, match="WRONGTYPE"):
            await store.commit(DEADLINES, batch(owned, states={"deadline/a": b"A"}, log=[b"l"]))
        assert small_server.ask(f"DEL {key}") == ":1"
    assert await store.load(DEADLINES, ["deadline/a"]) == [None]
    assert await store.commit(DEADLINES, batch(owned, states={"deadline/a": b"A"}, log=[b"l"])) == 1


async def test_a_server_that_is_gone_is_down_and_is_found_again(small_server: Server, store: Store) -> None:
    owned = await store.acquire(DEADLINES)
    seq = await store.commit(DEADLINES, batch(owned, log=[b"l"]))
    small_server.kill()

    with pytest.raises(StoreDown):
        await store.now()
    with pytest.raises(StoreDown):
        await store.read({DEADLINES: "0"}, 1, 1_000)

    small_server.start()
    assert await store.commit(DEADLINES, batch(owned, seq, log=[b"again"])) == 2
    assert [entry.value for entry in await store.log(DEADLINES)] == [b"l", b"again"]
