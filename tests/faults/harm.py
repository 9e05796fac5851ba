"""What is done to a fault run: each function below does one harm, and returns when it is over.

Those in LOUD lose what was decided or what was never read. After them the workers must have stopped and must say why;
then a person accepts the loss, and the run goes on.
"""

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from service.consumers.kafka import TELL_KAFKA_EVERY_S
from service.core.strict_json import parse
from service.store.files import Files

if TYPE_CHECKING:
    from tests.faults.run import Run
    from tests.faults.service import Service

FROZEN_S = 14.0
# Kafka gives a member's partitions away after its session of 10 s (consumers/kafka_topic.py).
SESSION_S = 10.0
# Mails about what was missed that have left when a delivery worker is killed in the middle of them.
DELIVERING = 50
# A wiped shard is fenced first, and looked at again after a session; a loaded machine needs its time, too.
WITHIN_S = 120.0
# Long enough for a timer of each commitment to fall due meanwhile; nothing of it may leave.
SILENT_S = 6.0


async def kill_service(run: "Run") -> None:
    service = run.chaos.choice(run.services)
    await service.kill()
    await service.start()


async def lose_services(run: "Run") -> None:
    """Kill a worker and, where they run apart, a delivery worker, for good: the others must take all over."""

    async def is_delivering() -> bool:
        return sum(one.template == "missed" for one in run.received()) >= DELIVERING

    await until(is_delivering)
    for is_worker in (True, False):
        same = [one for one in run.services if one.is_worker is is_worker]
        if len(same) > 1:
            gone = run.chaos.choice(same)
            run.services.remove(gone)
            await gone.kill()
            run.gone_at = time.time()
    began, [left] = time.monotonic(), [one for one in run.services if one.is_worker]

    async def has_all() -> bool:
        return await left.shards_owned() == run.shards and not await left.reasons()

    await until(has_all)
    run.handed_over_s = time.monotonic() - began


async def freeze_service(run: "Run") -> None:
    """Past its session: its shards go to the other, and it wakes as a zombie."""
    service = run.chaos.choice(run.services)
    service.freeze()
    await asyncio.sleep(FROZEN_S)
    service.thaw()


async def rebalance(run: "Run") -> None:
    """A further worker joins, and leaves again: by a stop, or by its death."""
    assert run.guest is not None
    await run.guest.start()
    await asyncio.sleep(run.chaos.uniform(0, 2))
    await (run.guest.stop if run.chaos.random() < 0.5 else run.guest.kill)()


async def kill_broker(run: "Run") -> None:
    """One of them, where there are several: its partitions get another leader."""
    assert run.kafka is not None
    node = run.chaos.randint(1, len(run.kafka.servers))
    run.kafka.kill_broker(node)
    await asyncio.sleep(run.chaos.uniform(0, 2 if len(run.kafka.servers) == 1 else 6))
    run.kafka.start_broker(node)
    if len(run.kafka.servers) > 1:  # a second one down would be another promise
        async with asyncio.timeout(WITHIN_S):
            await run.kafka.in_sync()


async def kill_store(run: "Run") -> None:
    pid = ""
    while not pid.isdigit():  # the service may just be starting it again
        pid = Files(run.folder / "data").pid_text()
        await asyncio.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(pid), signal.SIGKILL)


async def roll_back(run: "Run") -> None:
    """The store comes back as it was some seconds before, without what was decided in them."""
    assert run.store is not None
    await asyncio.to_thread(run.store.keep_disk, "kept")
    await run.produce_more()
    await asyncio.sleep(run.chaos.uniform(0.3, 3))
    await asyncio.to_thread(run.store.restore_disk, "kept")


async def cut_replies(run: "Run") -> None:
    assert run.proxy is not None
    run.proxy.cut = run.chaos.randint(1, 5)


# -- what must stop loudly --------------------------------------------------------------------------------------
async def wipe(run: "Run") -> None:
    """Everything the store knew is gone."""
    assert run.store is not None
    await asyncio.sleep(TELL_KAFKA_EVERY_S + 1)  # without a word to Kafka, an empty store is a new one
    assert run.store.ask("FLUSHALL") == "+OK"
    await _stop_and_accept(run, "wiped")


async def cut_topic(run: "Run") -> None:
    """Retention takes records that no worker has read; which ones, the books are told."""
    workers = [one for one in run.services if one.is_worker]
    before = len(run.accepted)
    for worker in workers:
        worker.freeze()

    async def has_more() -> bool:
        return len(run.accepted) >= before + 200

    await until(has_more)
    subjects = await _delete_all(run)
    for worker in workers:
        worker.thaw()
    for reason in await _stop_and_accept(run, "are gone from the topic"):
        shard, first, last = re.match(r"deadlines\.(\d+): records (\d+) to (\d+)", reason).groups()  # type: ignore[union-attr]  # else it fails here
        run.named |= {subjects[int(shard), at] for at in range(int(first), int(last) + 1)}


async def _delete_all(run: "Run") -> dict[tuple[int, int], str]:
    """What was deleted: partition and offset -> the commitment."""
    assert run.kafka is not None
    found = {}
    async with AIOKafkaConsumer(bootstrap_servers=list(run.kafka.servers)) as reader:
        places = [TopicPartition(run.topic("deadlines"), p) for p in range(run.partitions)]
        reader.assign(places)
        await reader.seek_to_beginning(*places)
        ends = await reader.end_offsets(places)
        while any([await reader.position(one) < ends[one] for one in places]):
            for place, records in (await reader.getmany(timeout_ms=500)).items():
                for one in records:
                    data = parse(one.value or b"")
                    found[place.partition, one.offset] = data["data"]["commitment_id"]  # type: ignore[index]
    admin = AIOKafkaAdminClient(bootstrap_servers=list(run.kafka.servers))
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(before_offset=ends[place]) for place in places})
    finally:
        await admin.close()
    return found


async def _stop_and_accept(run: "Run", why: str) -> list[str]:
    """Every worker stops its shards and says why; no mail leaves; a person accepts; the reasons that were given."""
    workers, told = [one for one in run.services if one.is_worker], list[str]()
    for worker in workers:

        async def has_stopped(worker: "Service" = worker) -> bool:
            reasons = await worker.reasons()
            if not any(why in one for one in reasons) or any("loading" in one for one in reasons):
                return False
            told.extend(one for one in reasons if why in one)
            return True

        await until(has_stopped)
    await asyncio.sleep(1)  # what was in flight has left
    before = len(run.sink.mails)
    await asyncio.sleep(SILENT_S)
    run.mails_while_stopped = len(run.sink.mails) - before
    for worker in workers:
        await worker.stop()
    for worker in workers:
        await worker.start(accepts_loss=True)
    return told


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            if await is_so():
                return
            await asyncio.sleep(0.1)


HARMS: dict[str, Callable[["Run"], Awaitable[object]]] = {
    "service": kill_service,
    "gone": lose_services,
    "frozen": freeze_service,
    "storm": rebalance,
    "broker": kill_broker,
    "store": kill_store,
    "rollback": roll_back,
    "replies": cut_replies,
    "wipe": wipe,
    "cut": cut_topic,
}
LOUD = ("wipe", "cut")
# These need a store outside the service.
ON_A_SERVER = ("rollback", "replies", "wipe")
# A broker is away for longer, a frozen member is noticed after the group's session, and who stops waits for a person.
SLOW = ("broker", "frozen", "gone", "storm", "rollback", *LOUD)
