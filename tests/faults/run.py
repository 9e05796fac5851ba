"""One fault run: a burst of commitments into the real service, while something is killed or cut on a seeded schedule.

Producer and sink keep the books (books.py); the services are processes of their own (service.py). On one machine, or
on Kafka with two of them. `python -m tests.faults.run --help`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from service.store.files import Files
from tests.channels.sink import Sink
from tests.faults.books import Accepted, Received, Verdict, judge, read_mail
from tests.faults.service import Service
from tests.kafka_server import KafkaServer
from tests.proxy import Proxy, proxy_to

REPS, MANAGERS = [f"rep{n}" for n in range(8)], {f"rep{n}": f"boss{n % 2}" for n in range(8)}
BATCH = 200
# Deadlines lie this far ahead of the event that sets them: some fall due while the service is down.
AHEAD_S = (6.0, 20.0)
# A broker is away for longer, and a frozen member is noticed after the group's session of 10 s.
AHEAD_SLOW_S = (25.0, 40.0)
SLOW = ("broker", "frozen")
FROZEN_S = 14.0
# A `met` accepted this long before the moment must win; nearer, the books do not say which came first.
SURE_BEFORE_S = 0.5
QUIET_S, GIVE_UP_S = 8.0, 240.0


@dataclass
class Plan:
    """What to do: `fault` is service | store | replies | frozen | broker | none, `times` times, every U(0.2, 3) s."""

    fault: str = "service"
    events: int = 600
    times: int = 4
    seed: int = 1
    met_share: float = 0.3


@dataclass
class Run:
    """One run's processes and books."""

    plan: Plan
    folder: Path
    sink: Sink
    services: list[Service]
    proxy: Proxy | None = None
    kafka: KafkaServer | None = None
    accepted: dict[str, Accepted] = field(default_factory=dict)
    faults_done: int = 0
    faulted: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.random = random.Random(self.plan.seed)

    @property
    def recoveries(self) -> list[float]:
        """Seconds from a start to ready, of every start."""
        return sorted(s for service in self.services for s in service.recoveries)

    # -- faults ---------------------------------------------------------------------------------------------------
    async def kill_service(self) -> None:
        service = self.random.choice(self.services)
        await service.kill()
        await service.start()

    async def freeze_service(self) -> None:
        """Past its session: its shards go to the other, and it wakes as a zombie."""
        service = self.random.choice(self.services)
        service.freeze()
        await asyncio.sleep(FROZEN_S)
        service.thaw()

    async def kill_broker(self) -> None:
        assert self.kafka is not None
        self.kafka.kill_broker()
        await asyncio.sleep(self.random.uniform(0, 2))
        self.kafka.start_broker(1)

    async def kill_store(self) -> None:
        pid = ""
        while not pid.isdigit():  # the service may just be starting it again
            pid = Files(self.folder / "data").pid_text()
            await asyncio.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)

    async def cut_replies(self) -> None:
        assert self.proxy is not None
        self.proxy.cut = self.random.randint(1, 5)

    async def do_faults(self) -> None:
        faults: dict[str, Callable[[], Awaitable[None]]] = {
            "service": self.kill_service,
            "store": self.kill_store,
            "replies": self.cut_replies,
            "frozen": self.freeze_service,
            "broker": self.kill_broker,
        }
        while self.faults_done < self.plan.times and self.plan.fault in faults:
            await asyncio.sleep(self.random.uniform(0.2, 3.0))
            await faults[self.plan.fault]()
            self.faults_done += 1
            self.faulted.set()

    # -- the producer ---------------------------------------------------------------------------------------------
    async def produce(self) -> None:
        """Post everything until it is accepted; what is accepted goes into the books, with the time of the 202.

        Events keep pace with the faults: without that, a fast service is idle when the later faults come.
        """
        sets = round(self.plan.events / (1 + self.plan.met_share))
        async with aiohttp.ClientSession() as http:
            for first in range(0, sets, BATCH):
                while self.plan.fault != "none" and self.faults_done * sets < first * self.plan.times:
                    self.faulted.clear()
                    await self.faulted.wait()
                await self._produce_batch(http, range(first, min(first + BATCH, sets)))

    async def _produce_batch(self, http: aiohttp.ClientSession, numbers: range) -> None:
        now, ahead = time.time(), AHEAD_SLOW_S if self.plan.fault in SLOW else AHEAD_S
        entries = [
            Accepted(
                f"c{n}", self.random.choice(REPS), round(now + self.random.uniform(*ahead), 3), is_met=False
            )
            for n in numbers
        ]
        met = [entry for entry in entries if self.random.random() < self.plan.met_share]
        accepted_at = await self._post(http, [_set(entry) for entry in entries])
        for entry in entries:
            # Accepted only after its moment: whether it was late when recorded is not for the books to say.
            late = accepted_at > entry.due_at - SURE_BEFORE_S
            assert not late, (
                "the service was away for longer than the deadlines lie ahead; choose a gentler plan"
            )
            self._book(entry)
        if met:
            accepted_at = await self._post(http, [_met(entry) for entry in met])
            for entry in met:
                sure = True if accepted_at < entry.due_at - SURE_BEFORE_S else None
                self._book(Accepted(entry.id, entry.owner, entry.due_at, sure))

    def _book(self, entry: Accepted) -> None:
        self.accepted[entry.id] = entry

    async def _post(self, http: aiohttp.ClientSession, events: list[dict[str, object]]) -> float:
        headers = {"content-type": "application/cloudevents-batch+json"}
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with http.post(
                    f"{self.random.choice(self.services).url}/v1/events",
                    data=json.dumps(events),
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(total=5),
                ) as response:
                    if response.status == 202:
                        return time.time()
                    assert response.status == 503, (response.status, await response.text())
            await asyncio.sleep(0.05)

    # -- the end --------------------------------------------------------------------------------------------------
    def received(self) -> list[Received]:
        return [read_mail(mail.body, mail.to.partition("@")[0], mail.at) for mail in self.sink.mails]

    async def settle(self) -> Verdict:
        """Wait until nothing more comes, then compare the books."""
        deadline = time.monotonic() + GIVE_UP_S
        last, since = -1, time.monotonic()
        latest_due = max(entry.due_at for entry in self.accepted.values()) + 6
        while time.monotonic() < deadline:
            if len(self.sink.mails) != last:
                last, since = len(self.sink.mails), time.monotonic()
            if time.monotonic() - since > QUIET_S and time.time() > latest_due:
                break
            await asyncio.sleep(0.2)
        return judge(list(self.accepted.values()), self.received(), MANAGERS)


def _event(entry: Accepted, kind: str, data: dict[str, object]) -> dict[str, object]:
    now = datetime.now(UTC).isoformat()
    return {
        "specversion": "1.0",
        "id": f"{kind}-{entry.id}",
        "source": "faults",
        "type": kind,
        "time": now,
        "data": {"commitment_id": entry.id} | data,
    }


def _set(entry: Accepted) -> dict[str, object]:
    due_at = datetime.fromtimestamp(entry.due_at, UTC).isoformat()
    return _event(
        entry, "deadline.set", {"title": f"Promise {entry.id}", "owner": entry.owner, "due_at": due_at}
    )


def _met(entry: Accepted) -> dict[str, object]:
    return _event(entry, "deadline.met", {})


async def run(
    plan: Plan, folder: Path, redis_socket: Path | None = None, kafka: KafkaServer | None = None
) -> tuple[Run, Verdict]:
    """The whole run in `folder`. `redis_socket`: a server outside the service, reached through the cutting proxy.
    With `kafka` there are two services, each doing all."""
    async with contextlib.AsyncExitStack() as stack:
        sink = await stack.enter_async_context(Sink())
        settings, proxy = {"SINK_PORT": str(sink.port)}, None
        if redis_socket is not None:
            proxy, settings["REDIS_URL"] = await stack.enter_async_context(proxy_to(redis_socket))
        if kafka is not None:
            settings["FOLLOWTHROUGH_EVENT_LOG"] = kafka.url
            settings["FOLLOWTHROUGH_KAFKA__TOPIC_PREFIX"] = f"{folder.name}."
        services = [Service(folder, f"w{n}", settings) for n in range(2 if kafka else 1)]
        this = Run(plan, folder, sink, services, proxy, kafka)
        try:
            for service in services:
                await service.start()
            await asyncio.gather(this.produce(), this.do_faults())
            verdict = await this.settle()
        finally:
            for service in services:
                await service.stop()
        return this, verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", choices=("none", "service", "store", *SLOW), default="service")
    parser.add_argument("--kafka", action="store_true", help="two services on a Kafka of this run's own")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    plan = Plan(given.fault, given.events, given.times, given.seed)
    with tempfile.TemporaryDirectory(prefix="ft-faults-") as folder, contextlib.ExitStack() as stack:
        kafka = KafkaServer().start() if given.kafka else None
        if kafka is not None:
            stack.callback(kafka.close)
        began = time.monotonic()
        this, verdict = asyncio.run(run(plan, Path(folder), kafka=kafka))
        print(
            f"seed {plan.seed}, {this.faults_done} × {plan.fault}, {time.monotonic() - began:.0f} s: {verdict}"
        )
        middle = this.recoveries[len(this.recoveries) // 2]
        print(f"start to ready: median {middle:.2f} s, max {max(this.recoveries):.2f} s")
        for name in ("lost", "early", "unexpected", "differing"):
            for line in getattr(verdict, name)[:5]:
                print(f"  {name}: {line}")
        print(
            "\n".join(line for line in this.services[0].log().splitlines() if '"level": "error"' in line)[
                :3000
            ]
        )
        sys.exit(0 if verdict.is_clean else 1)


if __name__ == "__main__":
    main()
