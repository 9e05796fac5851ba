"""One fault run: a burst of commitments into the real service, while something is killed or cut on a seeded schedule.

Producer and sink keep the books (books.py); the service is a process of its own. `python -m tests.faults.run --help`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
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
from tests.proxy import Proxy, proxy_to

CONFIG = Path(__file__).parent / "config"
REPS, MANAGERS = [f"rep{n}" for n in range(8)], {f"rep{n}": f"boss{n % 2}" for n in range(8)}
BATCH = 200
# Deadlines lie this far ahead of the event that sets them: some fall due while the service is down.
AHEAD_S = (6.0, 20.0)
# A `met` accepted this long before the moment must win; nearer, the books do not say which came first.
SURE_BEFORE_S = 0.5
QUIET_S, GIVE_UP_S = 8.0, 240.0


@dataclass
class Plan:
    """What to do: `fault` is service | store | replies | none, done `times` times, every U(0.2, 3) seconds."""

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
    proxy: Proxy | None = None
    redis_url: str = ""
    accepted: dict[str, Accepted] = field(default_factory=dict)
    faults_done: int = 0
    faulted: asyncio.Event = field(default_factory=asyncio.Event)
    recoveries: list[float] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None

    def __post_init__(self) -> None:
        self.random = random.Random(self.plan.seed)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def start(self, role: str = "owner") -> None:
        """Start the service and wait until it answers ready, in this role."""
        env = os.environ | {
            "SINK_PORT": str(self.sink.port),
            "FOLLOWTHROUGH_DATA_DIR": str(self.folder / "data"),
            "FOLLOWTHROUGH_WEB__LISTEN": f"127.0.0.1:{self.port}",
            "FOLLOWTHROUGH_WEB__PUBLIC_URL": self.url,
        }
        if self.redis_url:
            env["REDIS_URL"] = self.redis_url
        arguments = ("-m", "service", "run", "--config", str(CONFIG), "--log-level", "warning")
        began = time.monotonic()
        with (self.folder / "service.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, env=env, stdout=log, stderr=log
            )
        await self.is_now(role)
        self.recoveries.append(time.monotonic() - began)

    async def is_now(self, role: str) -> None:
        """Wait until the service answers ready in this role."""
        assert self.process is not None
        async with aiohttp.ClientSession() as http:
            while not await self._is_ready(http, role):
                assert self.process.returncode is None, (self.folder / "service.log").read_text()[-3000:]
                await asyncio.sleep(0.02)

    async def _is_ready(self, http: aiohttp.ClientSession, role: str) -> bool:
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with http.get(
                f"{self.url}/health/ready", timeout=aiohttp.ClientTimeout(total=1)
            ) as response:
                return response.status == 200 and (await response.json())["role"] == role
        return False

    async def stop(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        await asyncio.wait_for(self.process.wait(), 30)

    # -- faults ---------------------------------------------------------------------------------------------------
    async def kill_service(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        await self.start()

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
        now = time.time()
        entries = [
            Accepted(
                f"c{n}", self.random.choice(REPS), round(now + self.random.uniform(*AHEAD_S), 3), is_met=False
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
                    f"{self.url}/v1/events",
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


async def run(plan: Plan, folder: Path, redis_socket: Path | None = None) -> tuple[Run, Verdict]:
    """The whole run in `folder`. `redis_socket`: a server outside the service, reached through the cutting proxy."""
    async with contextlib.AsyncExitStack() as stack:
        sink = await stack.enter_async_context(Sink())
        this = Run(plan, folder, sink)
        if redis_socket is not None:
            this.proxy, this.redis_url = await stack.enter_async_context(proxy_to(redis_socket))
        await this.start()
        try:
            await asyncio.gather(this.produce(), this.do_faults())
            verdict = await this.settle()
        finally:
            await this.stop()
        return this, verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", choices=("none", "service", "store"), default="service")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    plan = Plan(given.fault, given.events, given.times, given.seed)
    with tempfile.TemporaryDirectory(prefix="ft-faults-") as folder:
        began = time.monotonic()
        this, verdict = asyncio.run(run(plan, Path(folder)))
        print(
            f"seed {plan.seed}, {this.faults_done} × {plan.fault}, {time.monotonic() - began:.0f} s: {verdict}"
        )
        middle = sorted(this.recoveries)[len(this.recoveries) // 2]
        print(f"start to ready: median {middle:.2f} s, max {max(this.recoveries):.2f} s")
        for name in ("lost", "early", "unexpected", "differing"):
            for line in getattr(verdict, name)[:5]:
                print(f"  {name}: {line}")
        log = (Path(folder) / "service.log").read_text()
        print("\n".join(line for line in log.splitlines() if '"level": "error"' in line)[:3000])
        sys.exit(0 if verdict.is_clean else 1)


if __name__ == "__main__":
    main()
