"""What arrives on a topic, from whomever: decided once, in its own shard, or kept with its reason."""

import asyncio
from typing import Any

import pytest

from service.engine import Input, Owner
from tests.kafka.conftest import Installation, as_json, elsewhere, promise, until

pytestmark = [pytest.mark.server, pytest.mark.kafka]


async def test_an_event_is_decided_and_its_place_is_stored_beside_its_state(installation: Installation):
    await installation.worker()

    await installation.publish(promise("c1"))

    await installation.has("c1")
    shard = installation.shard("c1")
    assert (await installation.store.acquire(shard)).offsets["kafka"] == "1"


async def test_a_notification_takes_the_way_over_the_inbox_topic(installation: Installation):
    await installation.worker()

    await installation.publish(promise("c1", days=-1))

    await until(lambda: _any(installation.entries(topic="inbox")))
    (entry,) = [one for one in await installation.entries(topic="inbox") if one.effects]
    assert entry.subject == "inbox/rep1"


async def test_an_event_on_a_wrong_partition_is_forwarded_and_decided_once(installation: Installation):
    await installation.worker()

    await installation.produce(as_json(promise("c1")), partition=elsewhere("c1"))
    await installation.has("c1")
    await installation.produce(as_json(promise("c2")), partition=elsewhere("c2"))
    await installation.has("c2")

    assert [await installation.applied(name) for name in ("c1", "c2")] == [1, 1]
    owned = await installation.store.acquire(installation.shard("c1"))
    assert any("deadlines." in source for source in owned.offsets)


async def test_a_forwarded_event_that_is_published_twice_is_decided_once(installation: Installation):
    """The owner died between publishing and trimming."""
    published = installation.store.published
    calls = []

    async def dies_once(*given: object) -> None:
        calls.append(given)
        if len(calls) > 1:
            await published(*given)  # type: ignore[arg-type]

    installation.store.published = dies_once  # type: ignore[method-assign]
    await installation.worker()

    await installation.produce(as_json(promise("c1")), partition=elsewhere("c1"))

    await until(lambda: _has_code(installation, "c1", "already_decided"))
    assert await installation.applied("c1") == 1


async def test_the_binary_mode_of_cloudevents_is_read(installation: Installation):
    await installation.worker()
    event = promise("c1")
    headers = [(f"ce_{name}", str(event[name]).encode()) for name in ("specversion", "id", "source", "type")]
    headers.append(("content-type", b"application/json"))

    await installation.produce(as_json(event["data"]), partition=0, headers=headers)  # type: ignore[arg-type]

    await installation.has("c1")


async def test_what_cannot_be_read_is_kept_with_its_reason_and_stops_nobody(installation: Installation):
    await installation.worker()
    bad = [b"{", b"\xff\xfe", b"[]", b'{"specversion": "1.0"}', None]

    for value in bad:
        await installation.produce(value, partition=1)
    await installation.produce(b"{}", partition=1, headers=[("ce_id", b"\xff")])
    await installation.produce(b"x", partition=1, headers=[("any", b"\xff")])
    await installation.produce(as_json(promise("c1")), partition=1)

    await installation.has("c1")
    letters = await installation.dead()
    assert sorted(letter.raw for letter in letters) == sorted([*(value or b"" for value in bad), b"{}", b"x"])
    assert all(letter.reason and letter.source.startswith("deadlines.1@") for letter in letters)


async def test_an_internal_event_from_outside_is_refused(installation: Installation):
    """Only what bears our mark is believed; the door's check of internal types holds on topics too."""
    await installation.worker()
    forged = promise("c1") | {"type": "notification.requested", "effectkey": "0" * 32}

    await installation.produce(as_json(forged), partition=0, topic="inbox")

    await until(lambda: _any(installation.dead("inbox")))
    assert [letter.reason for letter in await installation.dead("inbox")] == ["internal_type"]


async def test_the_same_event_sent_twice_counts_once(installation: Installation):
    await installation.worker()
    event = promise("c1")

    await installation.publish(event)
    await installation.publish(event, promise("c2"))

    await installation.has("c1", "c2")
    assert await installation.applied("c1") == 1


async def _any(found: object) -> bool:
    return bool(await found)  # type: ignore[misc]


async def _has_code(installation: Installation, bare_id: str, code: str) -> bool:
    return any(r.code == code for one in await installation.entries(bare_id) for r in one.reasons)


async def test_what_comes_one_by_one_while_a_batch_is_decided_is_decided_together(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    await installation.worker()
    reader, gate, sizes = installation.reader("c1"), asyncio.Event(), list[int]()
    names, take = installation.beside("c1", 5), Owner.take

    async def slow(self: Owner, inputs: list[Input], *given: Any) -> None:
        if self is reader.owner:
            sizes.append(len(inputs))
            await gate.wait()
        await take(self, inputs, *given)

    monkeypatch.setattr(Owner, "take", slow)
    for number, name in enumerate(names, 1):
        await installation.publish(promise(name))
        await until(lambda number=number: reader._next == number)
    gate.set()

    await installation.has(*names)
    assert sizes == [1, 4]
