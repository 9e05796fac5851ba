"""The server got the request, the reply was lost: nothing is written twice and the caller learns the outcome."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from redis.asyncio import Redis

from service.store import redis as redis_store
from service.store import wire
from service.store.contract import Gap, Settled, Store, StoreDown
from service.store.redis import RedisStore
from service.store.wire import open_client
from tests.proxy import Proxy, proxy_to
from tests.servers import Server
from tests.store.homes import DEADLINES, INBOX, INBOX_1, batch, owe

pytestmark = [pytest.mark.server, pytest.mark.fault]


@pytest.fixture(params=["valkey_server", "redis_server"])
async def proxied(request: pytest.FixtureRequest, prefix: str) -> AsyncIterator[tuple[Proxy, Store]]:
    server: Server = request.getfixturevalue(request.param)
    async with proxy_to(server.socket) as (proxy, url):
        store = RedisStore(open_client(url), prefix)
        yield proxy, store
        await store.close()


@pytest.mark.parametrize("offset", [("ev", "0", "5-0"), None], ids=["events", "timers"])
@pytest.mark.parametrize("cuts", [1, 2, 3])
async def test_a_commit_whose_reply_is_lost_is_written_once(
    proxied: tuple[Proxy, Store],
    offset: tuple[str, str, str] | None,
    cuts: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_store, "_RESEND_AFTER_S", (0.0, 0.001, 0.001))
    proxy, store = proxied
    owned = await store.acquire(DEADLINES)
    await store.commit(DEADLINES, batch(owned, 0, log=[b"before"]))
    proxy.cut = cuts

    seq = await store.commit(
        DEADLINES, batch(owned, 1, offset=offset, log=[b"l"], emits=[b"e"], owed=[("k", b"v")], dead=[b"d"])
    )

    assert (seq, proxy.replies_cut) == (2, cuts)
    assert [entry.value for entry in await store.log(DEADLINES)] == [b"before", b"l"]
    assert len(await store.emits(DEADLINES, 9)) == len(await store.dead_letters(DEADLINES, 9)) == 1
    assert len(await store.claim([DEADLINES], "w", 9, 0, 0)) == 1
    assert await store.commit(DEADLINES, batch(owned, seq, log=[b"next"])) == 3


async def test_a_commit_that_gets_no_reply_at_all_may_be_sent_again_later(
    proxied: tuple[Proxy, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_store, "_RESEND_AFTER_S", (0.0,))
    proxy, store = proxied
    owned = await store.acquire(DEADLINES)
    commit = batch(owned, log=[b"l"])
    proxy.cut = 2

    with pytest.raises(StoreDown):
        await store.commit(DEADLINES, commit)

    assert await store.commit(DEADLINES, commit) == 1
    assert len(await store.log(DEADLINES)) == 1
    with pytest.raises(Gap):
        await store.commit(DEADLINES, batch(owned, 0, log=[b"something else"]))


async def test_a_silent_server_is_down_and_not_waited_for_without_end(
    proxied: tuple[Proxy, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "TIMEOUT_S", 0.05)
    monkeypatch.setattr(wire, "BLOCK_MS_MAX", 20)
    proxy, store = proxied
    proxy.is_silent = True

    with pytest.raises(StoreDown, match="did not answer within"):
        await store.now()
    with pytest.raises(StoreDown, match="did not answer within"):
        await store.append([(DEADLINES, b"a"), (INBOX, b"b")])
    with pytest.raises(StoreDown, match="did not answer within"):
        await store.read({DEADLINES: "0"}, 1, 10_000)

    proxy.is_silent = False
    assert await store.head(DEADLINES) == "0"


async def test_an_append_whose_reply_is_lost_is_not_repeated_by_us(proxied: tuple[Proxy, Store]) -> None:
    proxy, store = proxied
    await store.now()
    proxy.cut = 1

    with pytest.raises(StoreDown):
        await store.append([(DEADLINES, b"a"), (INBOX, b"b")])

    assert {s: len(r) for s, r in (await store.read({DEADLINES: "0", INBOX: "0"}, 9, 0)).items()} == {
        DEADLINES: 1,
        INBOX: 1,
    }


async def test_a_settlement_whose_reply_is_lost_is_recorded_once(proxied: tuple[Proxy, Store]) -> None:
    proxy, store = proxied
    await owe(store, "k0", "k1")
    [known, entry] = await store.claim([INBOX], "w", 2, 0, 0)
    assert await store.settle(known, Settled("cancelled", b"the server knows the script from now on"))
    proxy.cut = 1

    with pytest.raises(StoreDown):
        await store.settle(entry, Settled("sent", b"sent"))

    assert not await store.settle(entry, Settled("sent", b"sent"))
    assert await store.was_sent(INBOX, "k1")
    assert len(await store.log(INBOX)) == 2


async def test_deliveries_of_a_lost_claim_are_handed_out_by_the_next(proxied: tuple[Proxy, Store]) -> None:
    """Whichever of a claim's replies is lost, before or after the ones with deliveries."""
    proxy, store = proxied
    for spare in range(20):
        await owe(store, f"a{spare}")
        await owe(store, f"b{spare}", shard=INBOX_1)
        proxy.spare, proxy.cut = spare, 1
        claimed: list[str] = []
        with suppress(StoreDown):
            # A second later each time: retries are looked for as well.
            claimed += [entry.key for entry in await store.claim([INBOX, INBOX_1], "w", 9, 0, 1_000 * spare)]
        was_clean, proxy.cut, proxy.spare = proxy.cut == 1, 0, 0
        for _ in range(2):
            claimed += [entry.key for entry in await store.claim([INBOX, INBOX_1], "w", 9, 0, 0)]
        assert sorted(claimed) == [f"a{spare}", f"b{spare}"]
        if was_clean:
            assert spare >= 2
            return
    raise AssertionError("no run was clean")


async def test_an_append_that_is_cut_on_its_way_is_there_whole_or_not_at_all(
    proxied: tuple[Proxy, Store],
) -> None:
    proxy, store = proxied
    for pass_bytes in range(0, 400, 7):
        await store.now()
        proxy.pass_bytes = pass_bytes
        with suppress(StoreDown):
            await store.append([(DEADLINES, b"a" * 50), (INBOX, b"b" * 50)])
        proxy.pass_bytes = None
        with suppress(StoreDown):
            await store.now()
        found = await store.read({DEADLINES: "0", INBOX: "0"}, 100, 0)
        assert len(found.get(DEADLINES, [])) == len(found.get(INBOX, [])), pass_bytes
    assert found, "the last ones passed whole"


async def test_redis_py_does_resend_a_script_unless_told_not_to(valkey_server: Server) -> None:
    """Why the store insists on its own client: one cut reply, and the library itself writes again."""
    async with proxy_to(valkey_server.socket) as (proxy, url):
        careless = Redis(unix_socket_path=url.removeprefix("unix://"))
        await careless.delete("resent")
        proxy.cut = 1
        await careless.eval("return redis.call('INCR', KEYS[1])", 1, "resent")
        assert await careless.get("resent") == b"2"
        with pytest.raises(AssertionError, match="must not resend"):
            RedisStore(careless)
        await careless.delete("resent")
        await careless.aclose()
