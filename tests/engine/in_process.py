"""The whole service as `run` wires it, in this process: the shipped configuration, a server of the test's own."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from service.app import App
from service.consumers.names import HeldName
from service.messages.templates import Templates
from service.settings.load import load
from tests.servers import Server

CONFIG = Path(__file__).parents[2] / "config"
CLOUD_EVENT = {"Content-Type": "application/cloudevents+json"}


class Running:
    """The service and a client of it."""

    def __init__(self, app: App, client: aiohttp.ClientSession) -> None:
        self.app, self.client = app, client

    async def post(self, type_: str, **data: Any) -> tuple[int, Any, str]:
        """Status, body and Retry-After of one event's POST."""
        event = {"specversion": "1.0", "id": os.urandom(8).hex(), "source": "t", "type": type_, "data": data}
        async with self.client.post("/v1/events", data=json.dumps(event), headers=CLOUD_EVENT) as answer:
            return answer.status, json.loads(await answer.read()), answer.headers.get("Retry-After", "")

    async def ready(self) -> tuple[int, Any]:
        async with self.client.get("/health/ready") as answer:
            return answer.status, json.loads(await answer.read())

    async def caught(self) -> list[tuple[str, str]]:
        """(subject, template) of every caught message."""
        async with self.client.get("/v1/caught") as answer:
            return [(message["subject"], message["template"]) for message in json.loads(await answer.read())]

    async def metrics(self) -> str:
        async with self.client.get("/metrics") as answer:
            return await answer.text()


async def until(ask: Callable[[], Awaitable[bool]]) -> None:
    """The test's own timeout ends a vain wait."""
    while True:
        if await ask():
            return
        await asyncio.sleep(0.05)


@asynccontextmanager
async def running(server: Server, data_dir: Path) -> AsyncIterator[Running]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    env = {
        "REDIS_URL": server.url,
        "FOLLOWTHROUGH_DATA_DIR": str(data_dir),
        "FOLLOWTHROUGH_WEB__LISTEN": listen,
        "FOLLOWTHROUGH_WEB__PUBLIC_URL": f"http://{listen}",
    }
    templates = Templates.load()
    app = App(load(CONFIG, env, templates.hashes), templates, HeldName(data_dir, None))
    await app.start()
    serving = asyncio.create_task(app.run())
    async with aiohttp.ClientSession(f"http://{listen}") as client:
        it = Running(app, client)

        async def is_owner() -> bool:
            assert not serving.done(), serving
            try:
                return bool((await it.ready())[1]["role"] == "owner")
            except aiohttp.ClientConnectionError:
                return False

        await until(is_owner)
        try:
            yield it
        finally:
            app.stop.set()
            await serving
            await app.close()
            app.name.release()
