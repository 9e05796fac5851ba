"""A real worker on a real server in a process of its own, which ends when it meets what it was told to die of."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from service import engine
from service.broker import Broker, Placed
from service.consumers import streams
from service.consumers.names import HeldName
from service.consumers.worker import Worker
from service.core.directory import World
from service.core.events import Event, Timer
from service.messages.templates import Templates
from service.settings.load import load
from service.settings.policies import compile_policy
from service.store.clock import Clock
from service.store.connect import connect
from service.store.contract import Record, Shard
from service.telemetry import faultpoint
from service.telemetry.metrics import Metrics
from service.worlds import Worlds

CONFIG = Path(__file__).parents[2] / "config"
DIED = 9


def run(url: str, prefix: str, folder: str, where: str, subject: str, fault: str) -> None:
    """Until SIGTERM or its death. `where`: read, decide, timer (of `subject`), publish, or nowhere; `fault` as in the
    variable FAULT."""
    faultpoint._left.update(faultpoint._armed(fault))
    doom(where, subject)
    asyncio.run(main(url, prefix, folder, where))


def doom(where: str, subject: str) -> None:
    """Have the process die the way a fault in native code does: at once, without a word."""
    decide, read = engine.decide, streams.read

    def deadly_decide(before: bytes | None, given: Event | Timer, world: World) -> Any:
        kind = "timer" if isinstance(given, Timer) else "decide"
        if (kind, given.subject) == (where, subject):
            os._exit(DIED)
        return decide(before, given, world)

    def deadly_read(record: Record, *rest: Any) -> Any:
        if where == "read" and subject.partition("/")[2].encode() in record.value:
            os._exit(DIED)
        return read(record, *rest)

    engine.decide, streams.read = deadly_decide, deadly_read  # type: ignore[attr-defined]


async def main(url: str, prefix: str, folder: str, where: str) -> None:
    store, templates = await connect(url, prefix), Templates.load()
    settings = load(CONFIG, os.environ, templates.hashes)
    contact = settings.service.fallback_contact
    hashes, channels = dict(templates.hashes), frozenset(settings.channels)
    world = World(settings.policies, settings.graph, hashes, channels, contact)

    async def append(placed: list[Placed]) -> None:
        if where == "publish":
            os._exit(DIED)
        await store.append([(Shard(one.topic, one.partition), one.value) for one in placed])

    worker = Worker(
        HeldName(Path(folder), "doomed"),
        store,
        Broker(append),
        Worlds(world, store, compile_policy),
        Clock(store),
        Metrics(),
        settings.book.id_of_email,
    )
    running = asyncio.create_task(worker.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        await store.close()
