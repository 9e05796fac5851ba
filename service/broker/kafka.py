"""Kafka as the event log: how to reach it, its topics, and our producer. Reading is in consumers/kafka.py.

A record we publish carries ADMITTED: its value passed the door and is canonical. Whatever lacks it came from another
producer and is checked like anything from outside.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from service.broker import Placed
from service.broker.refusal import why_refused
from service.settings.service import ServiceSettings

ADMITTED, ORIGIN = "ft-admitted", "ft-origin"
_CONTENT_TYPE = ("content-type", b"application/cloudevents+json")

# A leader election takes a few seconds; past this nobody waits for an answer any more (web: 15 s).
PUBLISH_WITHIN_S = 10.0
# One batch a partition is under way at a time. With the 16 kB it holds by default, what a burst of timers asked of the
# inboxes went 15 by 15, and took twice as long as the burst itself (measured 2026-11).
BATCH_BYTES_MAX = 256 * 1024
# A producer that is given up is not waited for any longer.
STOP_WITHIN_S = 1.0
# Every broker hears of a new topic within a second or two.
KNOWN_WITHIN_S = 10.0
# Internal topics are read within seconds; a week is for an operator's holiday (as the store keeps effect keys).
RETENTION_MS = 7 * 24 * 3600 * 1000


class KafkaDown(Exception):
    """Kafka cannot be reached, or did not take a record: it may be there all the same. Try again later."""


class KafkaRefused(KafkaDown):
    """Kafka is there and does not take us, or we do not trust it. The text names the setting."""


class KafkaUnfit(Exception):
    """A topic does not suit this program: an operator must act. The text says how."""


@dataclass(frozen=True)
class Access:
    """Where Kafka is and how we show who we are; `mechanism` "" is without a password."""

    servers: tuple[str, ...]
    topic_prefix: str = ""
    partitions: int = 8
    replication: int = 1
    tls: ssl.SSLContext | None = None
    mechanism: str = ""  # PLAIN | SCRAM-SHA-256 | SCRAM-SHA-512
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, service: ServiceSettings) -> "Access":
        kafka = service.kafka
        try:
            tls = ssl.create_default_context(cafile=kafka.ca_path) if kafka.tls else None
        except OSError as error:  # a file that holds no certificate is one, too
            raise KafkaUnfit(f"kafka.ca_path: {kafka.ca_path} cannot be used: {error}") from error
        return cls(
            service.kafka_servers,
            kafka.topic_prefix,
            kafka.partitions,
            kafka.replication_factor,
            tls,
            kafka.sasl or "",
            kafka.username,
            kafka.password.get_secret_value(),
        )

    def topic(self, name: str) -> str:
        return f"{self.topic_prefix}{name}"

    def client(self) -> dict[str, Any]:
        """What every aiokafka client is given."""
        words = ["SASL"] if self.mechanism else []
        words.append("SSL" if self.tls else "PLAINTEXT")
        given: dict[str, Any] = {
            "bootstrap_servers": list(self.servers),
            "security_protocol": "_".join(words),
            "ssl_context": self.tls,
        }
        if self.mechanism:
            given |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return given

    def security(self) -> BaseSecurity:
        """The same for FastStream."""
        kinds = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
        if not self.mechanism:
            return BaseSecurity(ssl_context=self.tls, use_ssl=self.tls is not None)
        return kinds[self.mechanism](self.username, self.password, self.tls, self.tls is not None)


class KafkaLog:
    """Our producer: idempotent, acknowledged by all replicas in sync, the partition always said."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._producer: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()

    async def start(self, topics: Sequence[str]) -> None:
        """Connect; create the topics that are missing, and refuse one whose partitions are not as configured."""
        async with _as_down(self.access):
            await ensure_topics(self.access, topics)
            await self._connected()

    async def append(self, placed: list[Placed]) -> None:
        """Returns when every record is durable. Raises KafkaDown; then some of them may be."""
        producer, sent = None, list[asyncio.Future[object]]()
        try:
            async with _as_down(self.access):
                async with asyncio.timeout(PUBLISH_WITHIN_S):
                    producer = await self._connected()
                    for one in placed:
                        sent.append(await self._send(producer, one))
                    await asyncio.gather(*sent)
        except KafkaDown:
            for future in sent:
                future.cancel()
            if producer is not None:
                await self._drop(producer)
            raise

    async def stop(self) -> None:
        if self._producer is not None:
            await self._drop(self._producer)

    async def _send(self, producer: AIOKafkaProducer, one: Placed) -> "asyncio.Future[object]":
        headers = [_CONTENT_TYPE, (ADMITTED, b"1")]
        if one.origin:
            headers.append((ORIGIN, one.origin.encode()))
        future: asyncio.Future[object] = await producer.send(
            self.access.topic(one.topic),
            one.value,
            key=one.key.encode(),
            partition=one.partition,
            headers=headers,
        )
        return future

    async def _connected(self) -> AIOKafkaProducer:
        async with self._making:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self.access.client(),
                    enable_idempotence=True,
                    acks="all",
                    max_batch_size=BATCH_BYTES_MAX,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def _drop(self, producer: AIOKafkaProducer) -> None:
        """After an error a new one is made: aiokafka's has then counted records that the broker never saw, and every
        later one to that partition would be refused as out of order."""
        if self._producer is producer:
            self._producer = None
        with contextlib.suppress(KafkaError, OSError):
            try:
                async with asyncio.timeout(STOP_WITHIN_S):
                    await producer.stop()
            except TimeoutError:
                # It is still flushing, and would go on with that for as long as Kafka is away. Its connections first:
                # its sender waits for the answers of requests under way.
                await producer.client.close()
                async with asyncio.timeout(STOP_WITHIN_S):
                    await producer._sender.close()  # noqa: SLF001 - Nothing public ends what `stop` waits for.


@contextlib.asynccontextmanager
async def _as_down(access: Access) -> AsyncIterator[None]:
    try:
        yield
    except (KafkaError, OSError) as error:  # a timeout is an OSError, too
        where = f"Kafka at {', '.join(access.servers)}"
        if (access.tls or access.mechanism) and (why := await why_refused(access.client())):
            raise KafkaRefused(f"{where} and we do not agree: {why}") from error
        raise KafkaDown(f"{where} cannot be used: {error!r}") from error


async def ensure_topics(access: Access, topics: Sequence[str]) -> None:
    """Every topic with its fixed number of partitions; the log's own time is a record's receipt."""
    async with _admin(access) as admin:
        known = await _counts(admin)
        config = {"message.timestamp.type": "LogAppendTime", "retention.ms": str(RETENTION_MS)}
        if access.replication >= 3:
            config["min.insync.replicas"] = "2"  # else "all replicas in sync" may be one
        names = [access.topic(topic) for topic in topics]
        missing = [
            NewTopic(name, access.partitions, access.replication, topic_configs=config)
            for name in names
            if name not in known
        ]
        if missing:
            answer = await admin.create_topics(missing)
            for name, code, message in answer.topic_errors:
                if code and not issubclass(for_code(code), TopicAlreadyExistsError):
                    raise KafkaUnfit(
                        f"the topic {name} cannot be created: {message or for_code(code).__name__}"
                    )
            known = await _counts_of(admin, names)  # another worker may have made them, with another number
        for name in names:
            if known.get(name, access.partitions) != access.partitions:
                raise KafkaUnfit(
                    f"the topic {name} has {known[name]} partitions, and kafka.partitions says "
                    f"{access.partitions}: a subject must never change its partition; set it to {known[name]}"
                )


async def partition_counts(access: Access) -> dict[str, int]:
    """The number of partitions of every topic there is. Raises KafkaDown."""
    async with _as_down(access), _admin(access) as admin:
        return await _counts(admin)


async def _counts_of(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """The counts when all `names` are among them: a topic just made is not known to every broker at once."""
    async with asyncio.timeout(KNOWN_WITHIN_S):
        while not set(names) <= (known := await _counts(admin)).keys():  # noqa: ASYNC110  no event tells it
            await asyncio.sleep(0.05)
    return known


async def _counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    described = await admin.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}


@contextlib.asynccontextmanager
async def _admin(access: Access) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**access.client())
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
