"""keys.py is the whole truth about what lies on a server."""

import pytest

from service.store.contract import Settled, Shard
from service.store.keys import KEYS, Keys
from service.store.wire import open_client
from tests.servers import Server
from tests.store.homes import DEADLINES, INBOX, ServerHome, batch


@pytest.mark.server
async def test_a_used_server_has_exactly_the_keys_of_the_page(valkey_server: Server, prefix: str) -> None:
    home = ServerHome(valkey_server, prefix)
    store = home.open()
    await store.append([(DEADLINES, b"event")])
    owned = await store.acquire(DEADLINES, 4)
    everything = batch(
        owned,
        offset=("ev", "0", "1-0"),
        states={"deadline/a: {odd} \n": b"A"},
        due={"deadline/a": 1},
        emits=[b"e"],
        log=[b"l"],
        dead=[b"d"],
        seen={"effect": 1},
    )
    await store.commit(DEADLINES, everything)
    owned = await store.acquire(INBOX)
    await store.commit(INBOX, batch(owned, owed=[("k1", b"1"), ("k2", b"2"), ("k3", b"3")]))
    sent, again, _ = await store.claim([INBOX], "w", 10, 0, 0)
    await store.settle(sent, Settled("sent", b""))
    await store.settle(again, Settled("retry", b"", retry_at_ms=5, again=b"2"))
    for kind in ("policy", "graph", "template"):
        await store.put_pinned(kind, "abc", b"pinned")
    await store.catch(b"caught")
    await store.note("integration hubspot", "seen", b"{}")
    await store.keep("slack abc", b"{}", 60)
    await store.lease("holder", 60_000)
    await store.lease("holder", 60_000, "w1")

    client = open_client(valkey_server.url)
    found = [key.decode() async for key in client.scan_iter(match=f"{prefix}:*")]
    await client.aclose()
    await client.connection_pool.aclose()
    rows = {Keys(prefix).row_of(key) for key in found}

    assert rows == set(KEYS)
    await home.close()


@pytest.mark.server
async def test_a_key_that_is_not_on_the_page_is_noticed(valkey_server: Server, prefix: str) -> None:
    home = ServerHome(valkey_server, prefix)
    assert valkey_server.ask(f"SET {prefix}:surprise 1") == "+OK"

    with pytest.raises(AssertionError, match=r"surprise is not in keys\.py"):
        await home.check_keys()


def test_all_keys_of_a_shard_share_its_hash_tag() -> None:
    shard = Keys("acme").of(Shard("deadlines", 2))

    built = [value for name, value in vars(shard).items() if name != "_base"]
    built += [shard.state("deadline/{c1}"), shard.sent("abc")]

    assert len(built) == 13
    for key in built:
        assert key.startswith("acme:{deadlines.2}:")
        assert key.index("}") == len("acme:{deadlines.2")


def test_no_shape_of_the_page_is_taken_for_another() -> None:
    page = Keys("ft")
    for row in KEYS:
        key = "ft:" + row.shape.replace("{s}", "{deadlines.2}").replace("<subject>", "deadline/c1:due")
        assert page.row_of(key.replace("<key>", "k").replace("<hash>", "h")) == row
    assert (
        page.row_of("other:caught")
        is page.row_of("ft:{deadlines.2}:nothing")
        is page.row_of("caught")
        is None
    )
