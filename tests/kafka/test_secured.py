"""Kafka behind TLS and a password: the worker, the door's producer and `doctor`, each by the settings alone."""

import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from service.broker.kafka import Access, KafkaLog, KafkaRefused, KafkaUnfit
from service.cli.checks.kafka import kafka
from service.settings.load import Settings, load
from service.store.connect import connect
from tests.kafka.conftest import CONFIG, PARTITIONS, Installation, promise
from tests.kafka_server import PASSWORD, USER, KafkaServer, broker
from tests.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.kafka]

# Self-signed, for localhost and 127.0.0.1: its own authority.
PEM = Path(__file__).parents[1] / "channels" / "localhost.pem"


@pytest.fixture(scope="module")
def secured() -> Iterator[KafkaServer]:
    with broker(pem=PEM) as server:
        yield server


def settings_of(server: KafkaServer, sasl: str = "", prefix: str = "", **kafka_settings: str) -> Settings:
    given = {"tls": "true", "ca_path": str(PEM), "partitions": str(PARTITIONS), "topic_prefix": prefix}
    if sasl:
        given |= {"sasl": sasl, "username": USER, "password": PASSWORD}
    env = {f"FOLLOWTHROUGH_KAFKA__{k.upper()}": v for k, v in (given | kafka_settings).items() if v}
    where = server.sasl if sasl else server.tls
    return load(CONFIG, os.environ | env | {"SINK_PORT": "25", "FOLLOWTHROUGH_EVENT_LOG": f"kafka://{where}"})


@pytest.mark.parametrize("sasl", ["", "PLAIN", "SCRAM-SHA-256"])
async def test_the_worker_the_producer_and_doctor_speak_tls_and_show_a_password(
    secured: KafkaServer, valkey_server: Server, prefix: str, sasl: str
):
    settings = settings_of(secured, sasl, f"{prefix}-{os.getpid()}.")
    store = await connect(valkey_server.url, prefix)
    async with AsyncExitStack() as ends:
        ends.push_async_callback(store.close)
        installation = Installation(secured, store, f"{prefix}-{os.getpid()}", ends)
        installation.use(Access.of(settings.service))
        await installation.start()
        await installation.worker()
        await installation.publish(promise("c1"))
        await installation.has("c1")

        found = await kafka(settings)

    assert [one.mark for one in found] == ["✓", "✓"]


@pytest.mark.parametrize(
    ("sasl", "wrong", "named"),
    [
        ("PLAIN", {"password": "wrong"}, "kafka.username, kafka.password: it does not accept them"),
        ("SCRAM-SHA-256", {"password": "wrong"}, "kafka.username, kafka.password: it does not accept them"),
        ("SCRAM-SHA-512", {}, "kafka.sasl: it does not offer SCRAM-SHA-512"),
        ("", {"ca_path": ""}, "kafka.ca_path: its certificate is not trusted"),
    ],
)
async def test_what_is_refused_is_named_by_its_setting(
    secured: KafkaServer, sasl: str, wrong: dict[str, str], named: str
):
    settings = settings_of(secured, sasl, **wrong)

    with pytest.raises(KafkaRefused, match=named):
        await KafkaLog(Access.of(settings.service)).start(["deadlines"])
    [found] = await kafka(settings)
    assert named in found.text
    assert found.mark == "✗"


async def test_a_file_of_authorities_that_is_none_is_named(secured: KafkaServer, tmp_path: Path):
    settings = settings_of(secured, ca_path=str(tmp_path / "nowhere.pem"))

    with pytest.raises(KafkaUnfit, match=r"kafka\.ca_path: .*nowhere\.pem cannot be used"):
        Access.of(settings.service)
    [found] = await kafka(settings)
    assert "kafka.ca_path" in found.text
