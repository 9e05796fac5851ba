"""The whole service in a process of its own, on the bench's configuration, with its embedded server beside it."""

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import psutil

from tests.bench.stage import LADDER

START_WITHIN_S = 30
STOP_WITHIN_S = 30


class RunningService:
    """Its address, and the processor time that it and its store have used."""

    def __init__(self, url: str, http: aiohttp.ClientSession, pid: int) -> None:
        self.url, self._http, self._pid = url, http, pid

    async def post(self, events: Sequence[dict[str, object]]) -> None:
        await post(self._http, self.url, events)

    def cpu_s(self) -> float:
        service = psutil.Process(self._pid)
        return sum(sum(one.cpu_times()[:2]) for one in (service, *service.children(recursive=True)))


async def post(http: aiohttp.ClientSession, url: str, events: Sequence[dict[str, object]]) -> None:
    """One event as such, several as a batch; returns when they are accepted."""
    is_batch = len(events) > 1
    kind = "application/cloudevents-batch+json" if is_batch else "application/cloudevents+json"
    body = json.dumps(events if is_batch else events[0])
    async with http.post(f"{url}/v1/events", data=body, headers={"content-type": kind}) as response:
        assert response.status == 202, await response.text()


def event(kind: str, number: str, **data: object) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"{kind}-{number}",
        "source": "bench",
        "type": kind,
        "time": datetime.now(UTC).isoformat(),
        "data": {"commitment_id": number} | data,
    }


@asynccontextmanager
async def running(smtp_port: int, **settings: str) -> AsyncIterator[RunningService]:
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        probe.close()
        env = {name: value for name, value in os.environ.items() if name != "REDIS_URL"} | {
            "SINK_PORT": str(smtp_port),
            "FOLLOWTHROUGH_DATA_DIR": f"{folder}/data",
            "FOLLOWTHROUGH_WEB__LISTEN": url.removeprefix("http://"),
            "FOLLOWTHROUGH_WEB__PUBLIC_URL": url,
            **settings,
        }
        command = ("-m", "service", "run", "--config", str(LADDER), "--log-level", "warning")
        with (Path(folder) / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, env=env, stdout=log, stderr=log
            )
        async with aiohttp.ClientSession() as http:
            try:
                async with asyncio.timeout(START_WITHIN_S):
                    await _ready(http, url, process, (Path(folder) / "log").read_text)
                yield RunningService(url, http, process.pid)
            finally:
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGINT)
                await asyncio.wait_for(process.wait(), STOP_WITHIN_S)


async def _ready(
    http: aiohttp.ClientSession, url: str, process: asyncio.subprocess.Process, said: Callable[[], str]
) -> None:
    while True:
        assert process.returncode is None, said()
        with suppress(aiohttp.ClientConnectionError):
            async with http.get(f"{url}/health/ready") as response:
                if response.status == 200 and (await response.json())["role"] == "owner":
                    return
        await asyncio.sleep(0.05)
