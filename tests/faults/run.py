"""One fault run: a burst of commitments into the real service, while something is killed or cut on a seeded schedule.

Producer and sink keep the books (books.py); the services are processes of their own (service.py). On one machine, or
on Kafka with two of them. `python -m tests.faults.run --help`.
"""

import argparse
import asyncio
import contextlib
import json
import math
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from service.broker import Broker
from service.store.files import find_server
from tests.channels.sink import Sink
from tests.faults.books import ALLOWED_OPEN, Accepted, Received, Verdict, judge, read_mail
from tests.faults.harm import HARMS, LOUD, ON_A_SERVER, SLOW
from tests.faults.service import Service
from tests.kafka_server import KafkaServer
from tests.proxy import Proxy, proxy_to
from tests.servers import Server

REPS, MANAGERS = [f"rep{n}" for n in range(8)], {f"rep{n}": f"boss{n % 2}" for n in range(8)}
BATCH = 200
# For faults that take longer: nothing is accepted too late for the books.
AHEAD_SLOW_S = (25.0, 40.0)
# On a busy machine a broker, or four services at once, need as long to start.
AHEAD_LONG_S = (45.0, 60.0)
# A `met` accepted this long before the moment must win; nearer, the books do not say which came first.
SURE_BEFORE_S = 0.5
QUIET_S, GIVE_UP_S = 8.0, 240.0
CLAIMED_WITHIN_S = 130.0
# Between two batches of events, where one harm is done under load.
PACE_S = 0.4
ONCE = (*LOUD, "gone")


@dataclass
class Plan:
    """What to do: `fault` is one of HARMS, or none; `times` times, every U(0.2, 3) s. `is_split`: roles run apart."""

    fault: str = "service"
    events: int = 600
    times: int = 4
    seed: int = 1
    met_share: float = 0.3
    is_split: bool = False
    # Deadlines lie so many seconds ahead of the event that sets them: some fall due while the service is down.
    ahead: tuple[float, float] = (6.0, 20.0)


@dataclass
class Run:
    """One run's processes and books."""

    plan: Plan
    folder: Path
    sink: Sink
    services: list[Service]
    proxy: Proxy | None = None
    kafka: KafkaServer | None = None
    store: Server | None = None
    guest: Service | None = None  # joins and leaves
    accepted: dict[str, Accepted] = field(default_factory=dict)
    faults_done: int = 0
    faulted: asyncio.Event = field(default_factory=asyncio.Event)
    named: set[str] = field(default_factory=set)  # commitments whose loss was announced, and accepted
    mails_while_stopped: int = 0
    gone_at: float = 0.0
    handed_over_s: float = 0.0
    partitions: int = 8

    def __post_init__(self) -> None:
        # Of its own, so that the harm done does not depend on how often the producer had to ask.
        self.random, self.chaos = random.Random(self.plan.seed), random.Random(f"harm {self.plan.seed}")

    @property
    def shards(self) -> int:
        return len(Broker.topics) * self.partitions

    @property
    def recoveries(self) -> list[float]:
        """Seconds from a start to ready, of every start."""
        return sorted(s for service in self.services for s in service.recoveries)

    def topic(self, name: str) -> str:
        return f"{self.folder.name}.{name}"

    async def do_faults(self) -> None:
        while self.faults_done < self.plan.times and self.plan.fault in HARMS:
            await asyncio.sleep(self.chaos.uniform(0.2, 3.0))
            await HARMS[self.plan.fault](self)
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
                await self._keep_pace(first / sets)
                await self._produce_batch(http, range(first, min(first + BATCH, sets)))

    async def produce_more(self) -> None:
        """A batch beside the plan, for a harm that wants something to have happened meanwhile."""
        first = 1_000_000 + self.faults_done * BATCH
        async with aiohttp.ClientSession() as http:
            await self._produce_batch(http, range(first, first + BATCH))

    async def _keep_pace(self, share: float) -> None:
        if self.plan.fault in ONCE:  # the load goes on meanwhile
            await asyncio.sleep(PACE_S)
            return
        while self.plan.fault != "none" and self.faults_done < share * self.plan.times:
            self.faulted.clear()
            await self.faulted.wait()

    async def _produce_batch(self, http: aiohttp.ClientSession, numbers: range) -> None:
        now, ahead = time.time(), self.plan.ahead
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
                verdict = self._judge()
                # What a dead worker held is another's after two minutes: late is not lost.
                if not verdict.lost or time.time() > max(latest_due, self.gone_at) + CLAIMED_WITHIN_S:
                    return verdict
            await asyncio.sleep(0.2)
        return self._judge()

    def in_flight_s(self) -> float:
        """When the last mail came, after a worker's death, that was due before it."""
        due = {one.id: one.due_at for one in self.accepted.values()}
        first: dict[tuple[str, str], float] = {}
        for mail in self.received():
            if due[mail.commitment] + ALLOWED_OPEN.get(mail.template, math.inf) < self.gone_at:
                name = mail.commitment, mail.template
                first[name] = min(mail.at, first.get(name, math.inf))
        return max(first.values(), default=self.gone_at) - self.gone_at

    def _judge(self) -> Verdict:
        accepted = [one for one in self.accepted.values() if one.id not in self.named]
        received = [one for one in self.received() if one.commitment not in self.named]
        return judge(accepted, received, MANAGERS)


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
    plan: Plan, folder: Path, store: Server | None = None, kafka: KafkaServer | None = None
) -> tuple[Run, Verdict]:
    """The whole run in `folder`. `store`: a server outside the service, reached through the cutting proxy.
    With `kafka` there are two services, each doing all; or, where roles are split, two workers and two that deliver."""
    async with contextlib.AsyncExitStack() as stack:
        sink = await stack.enter_async_context(Sink())
        settings, proxy = {"SINK_PORT": str(sink.port)}, None
        if store is not None:
            proxy, settings["REDIS_URL"] = await stack.enter_async_context(proxy_to(store.socket))
        if kafka is not None:
            settings |= _on_kafka(kafka, folder)
        services = [Service(folder, f"w{n}", settings) for n in range(2 if kafka else 1)]
        if plan.is_split:
            roles = ("worker", "worker", "deliver", "deliver")
            services = [Service(folder, f"{role}{n}", settings, role) for n, role in enumerate(roles)]
        guest = Service(folder, "guest", settings, services[0].role)
        this = Run(plan, folder, sink, services, proxy, kafka, store, guest)
        try:
            await asyncio.gather(*(service.start() for service in services))
            await asyncio.gather(this.produce(), this.do_faults())
            verdict = await this.settle()
        finally:
            await asyncio.gather(*(service.stop() for service in this.services))
        return this, verdict


def _on_kafka(kafka: KafkaServer, folder: Path) -> dict[str, str]:
    return {
        "FOLLOWTHROUGH_EVENT_LOG": kafka.url,
        "FOLLOWTHROUGH_KAFKA__TOPIC_PREFIX": f"{folder.name}.",
        "FOLLOWTHROUGH_KAFKA__REPLICATION_FACTOR": str(min(3, len(kafka.servers))),
        # One installation: whichever of them sends a message, it is the same message.
        "FOLLOWTHROUGH_WEB__PUBLIC_URL": "https://ft.example.com",
        "FOLLOWTHROUGH_SIGNING_KEYS": "k" * 32,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", choices=("none", *HARMS), default="service")
    parser.add_argument("--kafka", action="store_true", help="two services on a Kafka of this run's own")
    parser.add_argument("--split", action="store_true", help="two workers and two that deliver, instead")
    parser.add_argument("--brokers", type=int, default=1)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    plan = Plan(given.fault, given.events, given.times, given.seed, is_split=given.split)
    if plan.fault in SLOW or plan.is_split:
        plan.ahead = AHEAD_LONG_S
    with tempfile.TemporaryDirectory(prefix="ft-faults-") as folder, contextlib.ExitStack() as stack:
        kafka = store = None
        if given.kafka:
            kafka = KafkaServer(given.brokers).start()
            stack.callback(kafka.close)
        if plan.fault in ON_A_SERVER:
            store = Server(find_server()).start()
            stack.callback(store.close)
        began = time.monotonic()
        this, verdict = asyncio.run(run(plan, Path(folder), store, kafka))
        report(this, verdict, time.monotonic() - began)
        sys.exit(0 if verdict.is_clean and not this.mails_while_stopped else 1)


def report(this: Run, verdict: Verdict, seconds: float) -> None:
    """What a person wants to read of a run."""
    print(f"seed {this.plan.seed}, {this.faults_done} × {this.plan.fault}, {seconds:.0f} s: {verdict}")
    starts = this.recoveries
    print(
        f"start to ready: median {starts[len(starts) // 2]:.2f} s, max {starts[-1]:.2f} s ({len(starts)} starts)"
    )
    if this.gone_at:
        print(f"what was due then and not sent: the last of it {this.in_flight_s():.1f} s after")
        print(f"all shards with the one worker left: {this.handed_over_s:.1f} s after the other's death")
    if this.plan.fault in LOUD:
        print(f"lost, named and accepted: {len(this.named)}; mails while stopped: {this.mails_while_stopped}")
    for name in ("lost", "early", "unexpected", "differing"):
        for line in getattr(verdict, name)[:5]:
            print(f"  {name}: {line}")
    lines = this.services[0].log().splitlines()
    print("\n".join(line for line in lines if '"level": "error"' in line)[:3000])


if __name__ == "__main__":
    main()
