"""What kills the process is found and set aside; a machine that was killed from outside accuses nobody."""

import asyncio
import multiprocessing
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.process import BaseProcess

import pytest

from service.core.effects import Dead, LogEntry, decode_dead, decode_log
from service.core.envelope import admit
from service.core.ids import partition_of
from service.engine import DEADLY_TIMER_AGAIN_AFTER
from service.settings.service import STREAMS as PARTITIONS
from service.store.clock import to_ms
from service.store.connect import connect
from service.store.contract import Shard, Store
from service.telemetry.faultpoint import KILLED
from tests.engine.doomed import DIED, run
from tests.servers import Server

pytestmark = [pytest.mark.server, pytest.mark.fault, pytest.mark.timeout(120)]

SHARD = Shard("deadlines", 1)
NEIGHBOURS = [name for n in range(200) if partition_of(name := f"c{n}", PARTITIONS) == SHARD.partition][:20]
KILLER = next(name for n in range(200) if partition_of(name := f"killer-{n}", PARTITIONS) == SHARD.partition)
DIES_MAX = 8
# Real processes, forked from one that has imported everything: a test needs half a dozen of them.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "tests.engine.doomed"])
FAR_MS = 1 << 50

Ask = Callable[[], Awaitable[bool]]


@dataclass
class Scene:
    """The server's shard, and the processes that tried to own it."""

    server: Server
    prefix: str
    store: Store
    folder: str
    deaths: int = 0
    appended: dict[str, bytes] = field(default_factory=dict)

    async def append(self, *names: str, due_in: timedelta = timedelta(days=3)) -> None:
        """One `deadline.set` each, into the log in one go."""
        now = await self.store.now()
        due_at = (now + due_in).isoformat()
        for name in names:
            event = {"specversion": "1.0", "id": f"set-{name}", "source": "t", "type": "deadline.set"}
            data = {"commitment_id": name, "title": name, "owner": "ana", "due_at": due_at}
            self.appended[name] = admit(event | {"data": data}, now)[1]
        await self.store.append([(SHARD, self.appended[name]) for name in names])

    @asynccontextmanager
    async def process(self, where: str, subject: str = "", fault: str = "") -> AsyncIterator[BaseProcess]:
        given = (self.server.url, self.prefix, self.folder, where, subject, fault)
        process = PROCESSES.Process(target=run, args=given, daemon=True)
        process.start()
        try:
            yield process
        finally:
            process.terminate()
            await asyncio.to_thread(process.join)

    async def dies(self, where: str = "nowhere", fault: str = "") -> None:
        async with self.process(where, fault=fault) as process:
            await asyncio.to_thread(process.join)
            assert process.exitcode in (DIED, KILLED)

    async def runs_until_read(self, where: str = "nowhere", subject: str = "") -> None:
        async def is_read() -> bool:
            return len(await self.decided()) >= len(self.appended)

        await self.runs_until(is_read, where, subject)

    async def runs_until(self, is_done: Ask, where: str, subject: str) -> None:
        """Start it again each time it dies, as a supervisor does."""
        while not await is_done():
            async with self.process(where, subject) as process:
                while process.is_alive() and not await is_done():
                    await asyncio.to_thread(process.join, 0.05)  # Until it died, or it is time to look again.
                self.deaths += not process.is_alive()
            assert self.deaths <= DIES_MAX

    async def logged(self) -> list[LogEntry]:
        return [decode_log(entry.value) for entry in await self.store.log(SHARD)]

    async def decided(self) -> list[LogEntry]:
        return [entry for entry in await self.logged() if entry.input in ("deadline.set", "dead_letter")]

    async def buried(self) -> list[Dead]:
        return [decode_dead(record.value) for record in await self.store.dead_letters(SHARD, 99)]


@pytest.fixture
async def scene(valkey_server: Server, prefix: str) -> AsyncIterator[Scene]:
    store = await connect(valkey_server.url, prefix)
    with tempfile.TemporaryDirectory(prefix="ft-") as folder:
        yield Scene(valkey_server, prefix, store, folder)
    await store.close()


def applied_once(entries: list[LogEntry], names: list[str]) -> bool:
    subjects = sorted(entry.subject for entry in entries if entry.input == "deadline.set")
    return subjects == sorted(f"deadline/{name}" for name in names)


@pytest.mark.parametrize("where", ["read", "decide"])
async def test_the_event_that_kills_is_buried_and_its_neighbours_are_applied_once(
    scene: Scene, where: str
) -> None:
    await scene.append(*NEIGHBOURS[:10], KILLER, *NEIGHBOURS[10:])

    await scene.runs_until_read(where, f"deadline/{KILLER}")

    assert scene.deaths == 4  # two with the whole batch, two on the culprit alone
    assert applied_once(await scene.decided(), NEIGHBOURS)
    [dead] = await scene.buried()
    assert (dead.reason, dead.raw) == ("deadly", scene.appended[KILLER])
    assert dead.source.startswith(f"{SHARD}@")


async def test_an_event_that_kills_an_owner_with_a_past_is_found_all_the_same(scene: Scene) -> None:
    await scene.append(*NEIGHBOURS[:10])
    await scene.runs_until_read()

    await scene.append(KILLER, *NEIGHBOURS[10:])
    await scene.runs_until_read("decide", f"deadline/{KILLER}")

    assert applied_once(await scene.decided(), NEIGHBOURS)
    assert [dead.raw for dead in await scene.buried()] == [scene.appended[KILLER]]


async def test_kills_from_outside_bury_nothing(scene: Scene) -> None:
    await scene.append(*NEIGHBOURS)

    for fault in (
        "before_commit:1",
        "before_commit:1",
        "before_commit:1",
        "before_commit:3",
        "after_commit:2",
    ):
        await scene.dies(fault=fault)
    await scene.runs_until_read()

    assert await scene.buried() == []
    assert applied_once(await scene.decided(), NEIGHBOURS)


async def test_restarts_of_an_idle_service_bury_nothing(scene: Scene) -> None:
    for _ in range(10):
        await scene.store.acquire(SHARD)
    await scene.append(*NEIGHBOURS)

    await scene.dies(fault="before_commit:1")
    await scene.runs_until_read()

    assert await scene.buried() == []
    assert applied_once(await scene.decided(), NEIGHBOURS)


async def test_another_cause_of_death_does_not_accuse_events_that_wait(scene: Scene) -> None:
    """Publishing kills. When earlier owners died, the events that wait are decided before anything is published."""
    await scene.append(
        *NEIGHBOURS[:5], due_in=timedelta(days=-1)
    )  # already late: each tells its owner at once
    await scene.dies("publish")
    await scene.append(*NEIGHBOURS[5:])

    for _ in range(4):
        await scene.dies("publish")

    assert applied_once(await scene.decided(), NEIGHBOURS)
    assert await scene.buried() == []


async def test_a_timer_that_kills_is_put_off_and_the_others_fire(scene: Scene) -> None:
    killer = f"deadline/{KILLER}"
    everybody = {f"deadline/{name}" for name in (*NEIGHBOURS[:10], KILLER)}
    await scene.append(*NEIGHBOURS[:5], KILLER, *NEIGHBOURS[5:10], due_in=timedelta(seconds=1))

    async def have_fired() -> bool:
        return {entry.subject for entry in await scene.logged() if entry.input == "timer"} >= everybody

    await scene.runs_until(have_fired, "timer", killer)

    assert scene.deaths >= 4
    [put_off] = [entry for entry in await scene.logged() if (entry.input, entry.subject) == ("timer", killer)]
    assert [reason.code for reason in put_off.reasons] == ["deadly"]
    assert dict(await scene.store.due(SHARD, FAR_MS, 99))[killer] == to_ms(
        put_off.at + DEADLY_TIMER_AGAIN_AFTER
    )
    assert await scene.buried() == []
