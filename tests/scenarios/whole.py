"""The whole service as a stage of scenarios: a real server, store, engine, delivery and renderer; only time is moved.

The clock jumps to whatever is due next, and goes on only when all that follows from it is done. The driver knows no
event log: a depth on another one brings its own installation and its own look at what is unfinished.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from service.core.effects import decode_log
from service.core.events import TOPICS
from service.messages.templates import Templates
from service.settings.model import Settings
from service.settings.service import STREAMS as PARTITIONS
from service.simulator.judge import Message, Silence, Story
from service.simulator.play import Build, Stage
from service.simulator.refusal import Refusal
from service.store.contract import Shard, Store
from service.store.keys import CAUGHT_MAX
from tests.scenarios.installation import Installation
from tests.scenarios.unfinished import Unfinished

SHARDS = [Shard(topic, partition) for topic in TOPICS for partition in range(PARTITIONS)]
# Real time goes on while something is done; a step takes some 30 ms, and far more on a machine that is busy.
SLACK = timedelta(seconds=5)
# A step that takes longer than this will never end.
STEP_S_MAX = 20.0
LOOK_EVERY_S = 0.002
# As in the simulator: a history longer than this does not end.
STEPS_MAX = 2_000


class WholeStage:
    """Time passes only while the service has nothing left to do."""

    slack = SLACK

    def __init__(
        self,
        installation: Installation,
        unfinished: Unfinished,
        now: datetime,
        shards: Sequence[Shard] = SHARDS,
    ) -> None:
        self._installation, self._unfinished, self._now = installation, unfinished, now
        self._shards = shards
        self._unfinished.reckoning = installation.reckoning

    async def run_until(self, until: datetime) -> None:
        for _ in range(STEPS_MAX):
            look = await self._unfinished.look()
            if look.is_quiet(until):
                return
            # What a timer some milliseconds ahead fired by itself is done first: it belongs to the time before.
            if not look.undone and look.next_due is not None and look.next_due <= until:
                self._now = max(self._now, look.next_due)
            await self._installation.work()
            await self._installation.move_clock(self._now)
            await self._finish()
        raise AssertionError(f"the clock jumped {STEPS_MAX} times, and more is due: the history does not end")

    async def jump_to(self, until: datetime) -> None:
        if self._installation.is_working:
            await (
                self._finish()
            )  # a timer some milliseconds ahead fires by itself, and belongs to the time before
        due = (await self._unfinished.look()).next_due
        if due is not None and due <= until:
            await self._installation.end()  # or it would fire when it sees the new time
        self._now = max(self._now, until)
        await self._installation.move_clock(self._now)

    async def give(self, event: Mapping[str, object]) -> None:
        await self._begin(lambda: self._installation.post(event))

    async def refuse(self, refusal: Refusal) -> None:
        self._installation.refusals.append(refusal)

    async def set_back(self, to: datetime) -> None:
        await self._installation.end()
        self._installation.set_back(self._now - to)
        self._now = to

    async def apply_plan(self) -> None:
        await self._begin(self._installation.apply_plan)

    async def _begin(self, give: Callable[[], Awaitable[None]] | None = None) -> None:
        """What is in the log from now on is read, unless a timer is due as well."""
        due = (await self._unfinished.look()).next_due
        await self._installation.open()
        self._unfinished.reckoning = await self._installation.look_at_people()
        if give is not None:
            await give()
        if due is None or due > self._now:
            await self._installation.work()
            await self._finish()
        # Else it lies in the log, and the engine is not started before `run_until`: it reads before it fires.

    async def replace(self, settings: Settings) -> None:
        await self._installation.end()
        self._installation.settings = settings
        await self._begin()  # who is in which cadence is said when the service starts

    async def story(self) -> Story:
        await self._installation.open()
        store = self._installation.store
        messages = [_message(record.value) for record in await store.caught(count=CAUGHT_MAX)]
        silences = [said for shard in self._shards for said in await _silences(store, shard)]
        return Story(messages, sorted(silences, key=lambda said: said.at))

    async def _finish(self) -> None:
        """Wait until everything is read, published and delivered, and no timer up to now is left."""
        give_up_at = time.monotonic() + STEP_S_MAX
        await self._come_to_rest(give_up_at)
        reckoning = await self._installation.look_at_people()
        if reckoning != self._unfinished.reckoning:
            self._unfinished.reckoning = reckoning
            await self._come_to_rest(give_up_at)

    async def _come_to_rest(self, give_up_at: float) -> None:
        while not (look := await self._unfinished.look()).is_quiet(self._now):
            self._installation.raise_what_broke()
            if time.monotonic() > give_up_at:
                raise AssertionError(f"at {self._now} the service does not come to rest: {look}")
            await asyncio.sleep(LOOK_EVERY_S)


def whole(url: str, prefix: str, templates: Templates) -> Build:
    """The stage on the server at `url`, where nobody else has the keys under `prefix`."""

    @asynccontextmanager
    async def build(settings: Settings, now: datetime) -> AsyncIterator[Stage]:
        with tempfile.TemporaryDirectory() as folder:
            unfinished = Unfinished(url, prefix, SHARDS)
            installation = Installation(settings, templates, url, prefix, Path(folder), now)
            try:
                await installation.open()
                yield WholeStage(installation, unfinished, now)
            finally:
                await installation.end()
                await unfinished.close()

    return build


def _message(raw: bytes) -> Message:
    shown = msgspec.json.decode(raw)
    names = ("to", "template", "channel", "policy", "step", "subject", "kind", "urgency")
    return Message(
        at=datetime.fromisoformat(shown["at"]),
        **{name: shown[name] for name in names},
        reason="; ".join(shown["reasons"]),
        text=f"{shown['title']}\n\n{shown['text']}",
        address=shown["address"],
    )


async def _silences(store: Store, shard: Shard) -> list[Silence]:
    found: list[Silence] = []
    after = "0"
    while logged := await store.log(shard, after):
        entries = [decode_log(one.value) for one in logged]
        found += [Silence(e.at, e.subject, why.code, why.text) for e in entries for why in e.reasons]
        after = logged[-1].id
    return found
