"""A real Kafka for tests: the project's own jars, KRaft, started once a run on free ports in a temporary folder."""

import asyncio
import base64
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

JARS = Path(__file__).parents[1] / ".tools" / "kafka"
NO_KAFKA = "no Kafka in .tools/kafka, or no java (`make kafka` says what is missing)"
START_TIMEOUT_S = 90.0
USER, PASSWORD = "followthrough", "right"
# A broker for tests: small, and quick to start rather than quick to run.
_JAVA = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")


class KafkaServer:
    """`brokers` combined brokers and controllers; `url` is what `event_log` takes."""

    def __init__(self, brokers: int = 1, pem: Path | None = None, **settings: str) -> None:
        """`pem` holds a key and its certificate: then there are a TLS door and one that asks for a password as well."""
        self.folder = Path(tempfile.mkdtemp(prefix="ft-kafka-"))
        # Its first letter is ours: one id in 64 begins with a hyphen, and is taken for an option.
        self._cluster = "F" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        self._ports = _free_ports(2 * brokers + (2 if pem else 0))
        if pem is not None:
            self.tls, self.sasl = (f"127.0.0.1:{port}" for port in self._ports[-2:])
            settings = _secured(pem, self._ports[:2], *self._ports[-2:]) | settings
        self._settings, self.processes = settings, dict[int, subprocess.Popen[bytes]]()
        self.servers = tuple(f"127.0.0.1:{port}" for port in self._ports[:brokers])
        self.url = f"kafka://{','.join(self.servers)}"
        for node in range(1, brokers + 1):
            self._write(node, brokers)
            users = ["-S", f"SCRAM-SHA-256=[name={USER},password={PASSWORD}]"] if pem else []
            tool = "kafka.tools.StorageTool", "format"
            formatting = self._java(node, *tool, "-t", self._cluster, *users, "-c")
            assert formatting.wait(60) == 0, self.log()

    def start(self) -> "KafkaServer":
        for node in range(1, len(self.servers) + 1):
            self.start_broker(node)
        asyncio.run(self._answers())
        return self

    def start_broker(self, node: int) -> None:
        self.processes[node] = self._java(node, "kafka.Kafka")

    def kill_broker(self, node: int = 1) -> None:
        """As by `kill -9`."""
        process = self.processes.pop(node)
        process.kill()
        process.wait(30)

    def freeze(self, node: int = 1) -> None:
        """When it returns, it answers nothing: a signal takes its time on a busy machine."""
        self.processes[node].send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.processes[node].pid, os.WSTOPPED)

    def thaw(self, node: int = 1) -> None:
        self.processes[node].send_signal(signal.SIGCONT)

    def close(self) -> None:
        for node in list(self.processes):
            self.kill_broker(node)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.log"))

    def _java(self, node: int, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{node}.log").open("ab") as out:
            return subprocess.Popen(
                ["java", *_JAVA, "-cp", f"{JARS}/*", *words, str(self.folder / f"{node}.properties")],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ | {"LC_ALL": "C"},
            )

    def _write(self, node: int, brokers: int) -> None:
        broker, controller = self._ports[node - 1], self._ports[brokers + node - 1]
        voters = ",".join(f"{n}@127.0.0.1:{self._ports[brokers + n - 1]}" for n in range(1, brokers + 1))
        copies = str(min(3, brokers))
        settings = {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "listeners": f"PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{broker}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": voters,
            "log.dirs": str(self.folder / f"data{node}"),
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": "2",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "2",
            "group.initial.rebalance.delay.ms": "0",
            "auto.create.topics.enable": "false",
            "log.retention.check.interval.ms": "1000",
        }
        settings |= {name.replace("_", "."): value for name, value in self._settings.items()}
        lines = "\n".join(f"{name}={value}" for name, value in settings.items())
        (self.folder / f"{node}.properties").write_text(lines + "\n")

    async def in_sync(self) -> None:
        """Wait until every broker is there, and every copy of every partition up to date: while the others have not
        noticed yet that one had died, they say that its copies are."""
        await self._are_open(time.monotonic() + START_TIMEOUT_S)
        admin = AIOKafkaAdminClient(bootstrap_servers=list(self.servers))
        try:
            await admin.start()
            while True:
                with suppress(KafkaError, OSError):
                    topics = await admin.describe_topics()
                    parts = [part for topic in topics for part in topic["partitions"]]
                    if parts and all(len(part["isr"]) == len(part["replicas"]) for part in parts):
                        return
                await asyncio.sleep(0.1)
        finally:
            await admin.close()

    async def _are_open(self, deadline: float) -> None:
        while not all(map(_is_open, self._ports[: len(self.servers)])):
            self._check(deadline)
            await asyncio.sleep(0.05)

    async def _answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        await self._are_open(deadline)
        while True:
            admin = AIOKafkaAdminClient(bootstrap_servers=list(self.servers))
            try:
                await admin.start()
                if len((await admin.describe_cluster())["brokers"]) == len(self.servers):
                    return
            except (KafkaError, OSError):
                pass
            finally:
                await admin.close()
            self._check(deadline)
            await asyncio.sleep(0.1)

    def _check(self, deadline: float) -> None:
        dead = [node for node, process in self.processes.items() if process.poll() is not None]
        if dead or time.monotonic() > deadline:
            raise AssertionError(f"Kafka did not start:\n{self.log()}")


def _secured(pem: Path, plain: list[int], tls: int, sasl: int) -> dict[str, str]:
    broker, controller = plain
    sasl_of, module = "listener.name.door.", "org.apache.kafka.common.security"
    return {
        "listeners": ",".join(
            [
                f"PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
                f"SSL://127.0.0.1:{tls},DOOR://127.0.0.1:{sasl}",
            ]
        ),
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{broker},SSL://127.0.0.1:{tls},DOOR://127.0.0.1:{sasl}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,DOOR:SASL_SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(pem),
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        f"{sasl_of}plain.sasl.jaas.config": (
            f'{module}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        ),
        f"{sasl_of}scram-sha-256.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
    }


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def has_kafka() -> bool:
    return any(JARS.glob("kafka_2.13-*.jar")) and shutil.which("java") is not None


@contextmanager
def broker(**given: Any) -> Iterator[KafkaServer]:
    """A broker while it is needed; the test is skipped where this machine cannot run one."""
    if not has_kafka():
        pytest.skip(NO_KAFKA)
    server = KafkaServer(**given).start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[KafkaServer]:
    with broker() as server:
        yield server
