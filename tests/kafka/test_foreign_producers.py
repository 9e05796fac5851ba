"""Three programs that are not ours send events about the same subjects at once, each with its own hash of the key.

librdkafka's default is CRC32 of the key, aiokafka's is murmur2 as Java's; the console producer is given no key at all.
"""

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Message, Producer

from service.core.ids import partition_of
from service.core.model import Commitment
from service.store.contract import Shard
from tests.kafka.conftest import PARTITIONS, Installation, as_json, promise, until
from tests.kafka_server import JARS

pytestmark = [pytest.mark.server, pytest.mark.kafka]

SUBJECTS = [f"c{number}" for number in range(8)]
TOPIC = "deadlines"
Event = dict[str, object]


async def test_nothing_splits_or_is_lost_or_doubled_whoever_sends_it(installation: Installation):
    await installation.worker()
    opened = {name: promise(name) | {"time": ago(3)} for name in SUBJECTS}
    halfway = {name: progress(name, "sheet", 40, ago(2)) for name in SUBJECTS}
    nearly = {name: progress(name, "app", 70, ago(1)) for name in SUBJECTS}

    # Each sends something of its own, and something that another one sends too.
    partitions, _, _ = await asyncio.gather(
        asyncio.to_thread(by_librdkafka, installation, [*opened.values(), *nearly.values()]),
        by_console(installation, [*halfway.values(), *opened.values()]),
        in_binary_mode(installation, [*nearly.values(), *halfway.values()]),
    )

    for name in SUBJECTS:
        await until(lambda name=name: has_arrived(installation, name, 6))
    assert {name: await installation.applied(name) for name in SUBJECTS} == dict.fromkeys(SUBJECTS, 3)
    for name in SUBJECTS:
        assert await shards_with(installation, name) == [installation.shard(name)]
        state = await installation.state(name)
        assert isinstance(state, Commitment)
        assert (state.status, state.title, state.progress) == ("open", f"Promise {name}", 70)
    assert await installation.dead() == []
    assert any(at != partition_of(name, PARTITIONS) for name, at in partitions.items()), "CRC32 is no murmur2"


def ago(hours: int) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def progress(name: str, source: str, percent: int, time: str) -> Event:
    data = {"commitment_id": name, "percent": percent}
    named = {"id": f"{percent}-{name}", "source": source, "type": "deadline.progress"}
    return {"specversion": "1.0", **named, "time": time, "data": data}


def key_of(event: Event) -> bytes:
    data = event["data"]
    assert isinstance(data, dict)
    return str(data["commitment_id"]).encode()


# -- the three programs ---------------------------------------------------------------------------------------------
def by_librdkafka(installation: Installation, events: Iterable[Event]) -> dict[str, int]:
    """Returns the partition that its hash gave to each subject."""
    found: dict[str, int] = {}

    def note(error: object, message: Message) -> None:
        assert error is None, error
        key, partition = message.key(), message.partition()
        assert isinstance(key, bytes)
        assert partition is not None
        found[key.decode()] = partition

    producer = Producer({"bootstrap.servers": ",".join(installation.access.servers)})
    for event in events:
        place = installation.access.topic(TOPIC)
        producer.produce(place, as_json(event), key_of(event), on_delivery=note)
    assert producer.flush(30) == 0
    return found


async def by_console(installation: Installation, events: Iterable[Event]) -> None:
    tool = ["java", "-cp", f"{JARS}/*", "org.apache.kafka.tools.ConsoleProducer"]
    where = ["--bootstrap-server", ",".join(installation.access.servers)]
    process = await asyncio.create_subprocess_exec(
        *tool,
        *where,
        *("--topic", installation.access.topic(TOPIC)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate(b"".join(as_json(event) + b"\n" for event in events))
    assert process.returncode == 0, said.decode()


async def in_binary_mode(installation: Installation, events: Iterable[Event]) -> None:
    async with AIOKafkaProducer(**installation.access.client()) as producer:
        for event in events:
            attributes = {name: value for name, value in event.items() if name != "data"}
            headers = [(f"ce_{name}", str(value).encode()) for name, value in attributes.items()]
            headers.append(("content-type", b"application/json"))
            data = json.dumps(event["data"]).encode()
            await producer.send_and_wait(
                installation.access.topic(TOPIC), data, key_of(event), headers=headers
            )


# -- what became of it -------------------------------------------------------------------------------------------------
async def has_arrived(installation: Installation, name: str, times: int) -> bool:
    """Whether its own shard has decided as many records about it; the way there is no decision."""
    entries = await installation.entries(name)
    return sum(not any(why.code == "forwarded" for why in one.reasons) for one in entries) >= times


async def shards_with(installation: Installation, name: str) -> list[Shard]:
    shards = [Shard(TOPIC, partition) for partition in range(PARTITIONS)]
    return [
        shard for shard in shards if (await installation.store.load(shard, [f"deadline/{name}"])) != [None]
    ]
