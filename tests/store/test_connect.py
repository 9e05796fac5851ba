"""A server that could lose what it acknowledged is refused, in words that say what to do."""

from collections.abc import Callable

import pytest

from service.store.connect import connect
from service.store.contract import Settled, StoreDown, Unfit
from tests.servers import NO_REDIS, REDIS, Server
from tests.store.homes import DEADLINES, INBOX, batch

pytestmark = pytest.mark.server


async def test_a_fit_server_is_taken(valkey_server: Server, prefix: str) -> None:
    for durability in ("everysec", "fsync"):
        store = await connect(valkey_server.url, prefix, durability)
        assert (await store.acquire(DEADLINES)).seq == 0
        await store.close()


async def test_everything_that_is_wrong_is_said_at_once(make_server: Callable[..., Server]) -> None:
    server = make_server(appendonly="no", maxmemory_policy="allkeys-lru")

    with pytest.raises(Unfit) as refusal:
        await connect(server.url)

    assert "set `appendonly yes`" in str(refusal.value)
    assert "maxmemory-policy is `allkeys-lru`" in str(refusal.value)


async def test_fsync_on_a_server_that_can_wait_for_its_disk(
    make_server: Callable[..., Server], prefix: str
) -> None:
    server = make_server(appendfsync="everysec")
    store = await connect(server.url, prefix, "fsync")

    owned = await store.acquire(DEADLINES)
    assert await store.commit(DEADLINES, batch(owned, states={"deadline/a": b"A"})) == 1
    assert len(await store.append([(DEADLINES, b"a"), (INBOX, b"b")])) == 2
    assert len(await store.append([(DEADLINES, b"a")])) == 1

    assert calls_of(server, "waitaof") >= 4, "every write waited"
    await store.close()


def calls_of(server: Server, command: str) -> int:
    [line] = [
        line
        for line in server.tell("INFO commandstats").splitlines()
        if line.startswith(f"cmdstat_{command}:")
    ]
    return int(line.split("calls=")[1].split(",")[0])


async def test_fsync_on_a_server_that_cannot_wait_is_refused(make_server: Callable[..., Server]) -> None:
    if REDIS is None:
        pytest.skip(NO_REDIS)
    server = make_server(REDIS, appendfsync="everysec")
    if version_of(server) >= (7, 2):
        pytest.skip("this redis-server knows WAITAOF")

    with pytest.raises(Unfit, match="appendfsync always"):
        await connect(server.url, durability="fsync")

    await (await connect(server.url)).close()


def version_of(server: Server) -> tuple[int, ...]:
    [line] = [line for line in server.tell("INFO server").splitlines() if line.startswith("redis_version:")]
    return tuple(map(int, line.split(":")[1].split(".")[:2]))


async def test_no_server_at_all_is_down() -> None:
    with pytest.raises(StoreDown):
        await connect("unix:///nowhere/at/all.sock")


async def test_commits_and_settlements_of_a_shard_stay_in_one_slot_of_a_cluster(
    make_server: Callable[..., Server], prefix: str
) -> None:
    server = make_server(cluster_enabled="yes")
    assert server.ask("CLUSTER ADDSLOTSRANGE 0 16383") == "+OK"
    while "cluster_state:ok" not in server.tell("CLUSTER INFO"):
        pass
    store = await connect(server.url, prefix)

    owned = await store.acquire(DEADLINES, 4)
    parts = {"states": {"deadline/a": b"A", "deadline/b": None}, "due": {"deadline/a": 1}, "seen": {"e": 1}}
    await store.commit(DEADLINES, batch(owned, offset=("k", "0", "1"), owed=[("k", b"v")], **parts))
    [entry] = await store.claim([DEADLINES], "w", 1, 10, 0)
    assert await store.settle(entry, Settled("sent", b"l", emits=(b"e",)))
    assert await store.load(DEADLINES, ["deadline/a", "deadline/b"]) == [b"A", None]
    await store.close()
