"""The whole service as a person starts it: `followthrough run` in a process of its own, spoken to over HTTP only."""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).parents[2]
START_WITHIN_S = 30.0
STOP_WITHIN_S = 20.0
CAUGHT_WITHIN_S = 30.0


class RunningService:
    """One running service: its address, and the few requests a test makes beside the browser's."""

    def __init__(self, url: str, client: aiohttp.ClientSession) -> None:
        self.url, self.client = url, client

    async def publish(self, type_: str, **data: Any) -> None:
        event = {
            "specversion": "1.0",
            "id": os.urandom(8).hex(),
            "source": "e2e",
            "type": type_,
            "data": data,
        }
        headers = {"Content-Type": "application/cloudevents+json"}
        async with self.client.post("/v1/events", data=json.dumps(event), headers=headers) as response:
            assert response.status == 202, await response.text()

    async def commitment(self, bare_id: str) -> dict[str, Any]:
        async with self.client.get(f"/v1/commitments/deadline/{bare_id}") as response:
            assert response.status == 200, await response.text()
            found: dict[str, Any] = await response.json()
            return found

    async def caught(self, **conditions: str) -> dict[str, Any]:
        """The first caught message with these fields, waited for."""
        async with asyncio.timeout(CAUGHT_WITHIN_S):
            return await self._caught(conditions)

    async def _caught(self, conditions: dict[str, str]) -> dict[str, Any]:
        while True:
            async with self.client.get("/v1/caught") as response:
                messages = await response.json()
            for message in messages:
                if all(message[name] == value for name, value in conditions.items()):
                    found: dict[str, Any] = message
                    return found
            await asyncio.sleep(0.1)


@asynccontextmanager
async def running() -> AsyncIterator[RunningService]:
    """Started with the shipped configuration in folders of its own; at the end it must stop by itself, with 0."""
    # Not pytest's folder: the embedded server's socket lies in it, and paths of sockets are short.
    folder = Path(tempfile.mkdtemp(prefix="ft-"))
    shutil.copytree(ROOT / "config", folder / "config")
    url = f"http://127.0.0.1:{_free_port()}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FOLLOWTHROUGH_")},
        "FOLLOWTHROUGH_DATA_DIR": str(folder / "data"),
        "FOLLOWTHROUGH_WEB__LISTEN": url.removeprefix("http://"),
        "FOLLOWTHROUGH_WEB__PUBLIC_URL": url,
    }
    environment.pop("REDIS_URL", None)
    said = (folder / "log").read_text
    with (folder / "log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "run", "--json", "--config", str(folder / "config")),
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        async with aiohttp.ClientSession(url) as client:
            await asyncio.wait_for(_ready(client, process), START_WITHIN_S)
            assert process.returncode is None, said()
            yield RunningService(url, client)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), STOP_WITHIN_S) == 0, said()
        assert '"level": "error"' not in said(), said()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _ready(client: aiohttp.ClientSession, process: asyncio.subprocess.Process) -> None:
    while process.returncode is None:
        try:
            async with client.get("/health/ready") as response:
                if response.status == 200 and (await response.json())["role"] == "owner":
                    return
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
