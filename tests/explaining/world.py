"""The engine with its inboxes over a store in memory, its clock given; deliveries are settled as sent, or refused."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from service.broker import Broker, Placed, Publication
from service.channels.contract import ChannelError
from service.consumers.reading import publication, read
from service.core.directory import World
from service.core.effects import Owed, decode_owed, encode_effect
from service.core.envelope import admit
from service.core.events import CheckinScheduled
from service.core.model import Commitment, decode_state
from service.core.roster import changes
from service.core.still_owed import left_of, still_owed, subjects_of
from service.delivery import outcome
from service.engine import Owner
from service.explaining.ask import Asking
from service.explaining.record import shard_of
from service.messages.links import Links
from service.settings.load import load
from service.settings.model import Settings
from service.settings.policies import compile_policy
from service.store.clock import Clock, to_ms
from service.store.contract import Shard
from service.store.memory import MemoryStore
from service.telemetry.metrics import Metrics
from service.web.deps import WebDeps
from service.worlds import Worlds

CONFIG = Path(__file__).parents[2] / "config"
MON_9 = datetime(2026, 4, 27, 7, tzinfo=UTC)  # 09:00 in Madrid
TOPICS = ("deadlines", "deals", "checkins", "inbox")
LADDER = "deadline-follow-through"
DAY = timedelta(days=1)


@cache
def _shipped() -> Settings:
    return load(CONFIG, {})


class Company:
    """The shipped configuration, changed by `edit(folder)`; `refuses(owed)` says which delivery fails, and how."""

    def __init__(self, folder: Path, edit: Callable[[Path], object] | None = None) -> None:
        self.config = Path(shutil.copytree(CONFIG, folder / "config"))
        self.at = MON_9
        self.store = MemoryStore(lambda: self.at)
        self.broker = Broker(self._append)
        if edit is not None:
            edit(self.config)
        self.settings = load(self.config, {}) if edit else _shipped()
        self.refuses: Callable[[Owed], ChannelError | None] = lambda _: None
        self._worlds = Worlds(self._world(), self.store, compile_policy)
        self._owners: dict[Shard, Owner] = {}
        self._events = 0
        self._metrics = Metrics()

    async def start(self) -> "Company":
        for shard in (Shard(topic, number) for topic in TOPICS for number in range(self.broker.partitions)):
            self._owners[shard] = Owner(
                self.store, await self.store.acquire(shard), self._worlds, self._metrics
            )
        await self._pin()
        return self

    async def reload(self, edit: Callable[[Path], object]) -> None:
        """Another configuration is in force from now on."""
        edit(self.config)
        self.settings = load(self.config, {})
        await self._pin()
        self._worlds.replace(self._world())

    def _world(self) -> World:
        settings = self.settings
        return World(settings.policies, settings.graph, {}, frozenset(settings.channels), "role:ops")

    async def _pin(self) -> None:
        for content_hash, raw in self.settings.pinned_policies.items():
            await self.store.put_pinned("policy", content_hash, raw)
        await self.store.put_pinned("graph", self.settings.graph.hash, self.settings.pinned_graph)

    # -- what happens -------------------------------------------------------------------------------------------------
    async def emit(self, type_: str, *, imported: bool = False, **data: Any) -> None:
        self._events += 1
        attributes = {
            "specversion": "1.0",
            "id": f"e{self._events}",
            "source": "crm",
            "type": type_,
            "data": data,
        }
        event, raw = admit(attributes | ({"import": True} if imported else {}), self.at)
        await self.broker.publish([Publication(event.topic, event.subject, raw)])
        await self._work()

    async def schedule(self, *series: CheckinScheduled) -> None:
        """Check-ins as the configuration announces them."""
        for emit in changes(series, {}, self.at):
            await self.broker.publish([publication(encode_effect(emit))])
        await self._work()

    async def promise(self, due_at: str = "2026-05-04T17:00:00+02:00", **more: Any) -> None:
        fields = {"commitment_id": "c1", "title": "Send the proposal", "owner": "ana", "due_at": due_at}
        await self.emit("deadline.set", **fields | more)

    async def until(self, at: datetime) -> None:
        """Time passes, and every timer fires at its own time."""
        while True:
            due = [ms for shard in self._owners if (ms := await self.store.next_due(shard)) is not None]
            if not due or min(due) > to_ms(at):
                break
            self.at = max(self.at, datetime.fromtimestamp(min(due) / 1000, UTC))
            for owner in self._owners.values():
                await owner.fire(to_ms(self.at), self.at, 200)
            await self._work()
        self.at = max(self.at, at)

    async def _append(self, placed: list[Placed]) -> None:
        await self.store.append([(Shard(one.topic, one.partition), one.value) for one in placed])

    async def _work(self) -> None:
        """Until nothing is left to read, to publish or to deliver."""
        is_busy = True
        while is_busy:
            is_busy = False
            for shard, owner in self._owners.items():
                is_busy |= await self._read(shard, owner)
                is_busy |= await self._publish(shard)
            is_busy |= await self._deliver()

    async def _read(self, shard: Shard, owner: Owner) -> bool:
        records = (await self.store.read({shard: owner.position}, 500, 0)).get(shard, [])
        if records:
            await owner.take([read(one, self.at, lambda _: None) for one in records], owner.position, self.at)
        return bool(records)

    async def _publish(self, shard: Shard) -> bool:
        records = await self.store.emits(shard, 500)
        for record in records:
            await self.broker.publish([publication(record.value)])
            await self.store.published(shard, record.position)
        return bool(records)

    async def _deliver(self) -> bool:
        inboxes = [shard for shard in self._owners if shard.topic == "inbox"]
        entries = await self.store.claim(inboxes, "worker", 100, 0, to_ms(self.at))
        for entry in entries:
            done = await self._attempt(decode_owed(entry.value))
            await self.store.settle(entry, done.settled)
        return bool(entries)

    async def _attempt(self, owed: Owed) -> outcome.Outcome:
        """As the delivery does: what has waited is checked, then sent or refused."""
        if owed.parts and not owed.is_final:
            states = {subject: await self._state(subject) for subject in subjects_of(owed)}
            return outcome.checked(owed, left_of(owed, states), self.at)
        if owed.asked_at and (untrue := still_owed(owed, await self._state(owed.subject))):
            return outcome.cancelled(owed, untrue, self.at)
        error = self.refuses(owed)
        return (
            outcome.failed(owed, error, self.at)
            if error
            else outcome.sent(owed, self.at, is_fallback_text=False)
        )

    async def _state(self, subject: str) -> Commitment | None:
        [raw] = await self.store.load(shard_of(subject, self.broker.partitions), [subject])
        state = decode_state(raw) if raw else None
        return state if isinstance(state, Commitment) else None

    # -- asking -------------------------------------------------------------------------------------------------------
    @property
    def asking(self) -> Asking:
        return Asking(self.store, self.broker.partitions, self.settings)

    async def keys(self, to: str, subject: str = "deadline/c1") -> list[str]:
        """The notifications to somebody, the oldest first."""
        record, _ = await self.asking.about_subject(subject)
        return [
            key
            for one in record.decided
            for what, key, who in one.entry.effects
            if (what, who) == ("notify", to)
        ]

    async def said(self, key: str) -> dict[str, str]:
        """The sentences of an explanation by what they are about; several about one thing stand in one."""
        found: dict[str, str] = {}
        for about, text in (await self.asking.about_notification(key)).sentences:
            found[about] = f"{found[about]}; {text}" if about in found else text
        return found

    async def why_not(
        self, person: str, at: datetime | None = None, subject: str = "deadline/c1"
    ) -> dict[str, str]:
        """The reasons by their code."""
        untold = await self.asking.about_person(person, subject, at or self.at)
        return {str(one.code): one.text for one in untold.reasons}

    def deps(self) -> WebDeps:
        return WebDeps(
            settings=lambda: self.settings,
            store=self.store,
            broker=self.broker,
            clock=Clock(self.store),
            links=lambda: Links(["a-signing-key-of-the-tests-0123456789abcdef"], "http://127.0.0.1"),
            readiness=lambda: {"reasons": []},
            metrics=self._metrics,
        )


def replaced(name: str, old: str, new: str) -> Callable[[Path], object]:
    """An edit of one file of the configuration."""

    def edit(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text, old
        path.write_text(text.replace(old, new))

    return edit
