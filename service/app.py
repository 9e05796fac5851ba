"""The only place that builds the clock, the store, the channels and the workers, and ends them in the right order.

`serve` is the whole process on one machine: web, engine and delivery in one event loop. What it must not hold is any
rule; it only wires.
"""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from service.cadences import announce
from service.channels import Channels, Outlets
from service.consumers.names import HeldName, NameLease
from service.consumers.worker import Worker
from service.core.effects import Owed
from service.core.events import TOPIC_OF_FAMILY
from service.core.fallback import nobody_left
from service.core.ids import split_subject
from service.core.message import Message, Reader
from service.core.people import Left
from service.delivery.worker import DeliveryWorker
from service.event_log import open_broker
from service.messages.links import Links, load_or_make_keys
from service.messages.render import render, render_plain
from service.messages.templates import Templates
from service.people import in_force, read_people
from service.reload import Reload, read
from service.settings.channels import STAYS
from service.settings.model import Settings
from service.settings.policies import compile_policy
from service.settings.watch import look
from service.store.clock import Clock
from service.store.connect import connect
from service.store.contract import Shard, Store, StoreDown
from service.store.embedded import Embedded
from service.store.fullness import Fullness
from service.telemetry.logs import get_log
from service.telemetry.metrics import Metrics
from service.web.app import make_app
from service.web.deps import WebDeps
from service.web.server import WebServer
from service.worlds import Worlds

if TYPE_CHECKING:
    from service.consumers.kafka import KafkaWorker

log = get_log()

# An engine that has not gone round for this long is stalled (safety: visible in under two minutes).
STALLED_AFTER_S = 30.0

# It costs one look a shard; an hour is far below the week of a cadence.
ANNOUNCE_EVERY_S = 3600.0


class NoSharedKey(Exception):
    """Roles run apart, and there is no signing key that they share."""


@dataclass(frozen=True)
class Info:
    """What a person who has just started the service wants to know."""

    url: str
    data_dir: Path
    config_dir: Path
    leaves_machine: tuple[str, ...]  # channels that really send
    open_commitments: int = 0


# One read of one key; as soon as a changed file is taken in.
PEOPLE_EVERY_S = 1.0

# A clock that was put back or forward is noticed after this.
CLOCK_EVERY_S = 1.0
# Words that do not count, named in the log after a change; `followthrough people` has all of them.
PEOPLE_NAMED_MAX = 20

OnReady = Callable[[Info], None]


class App:
    """One process. `start`, then `run` until its `stop` event is set; `close` ends what is left, in reverse order."""

    def __init__(
        self,
        settings: Settings,
        templates: Templates,
        name: HeldName,
        role: str = "all",
        *,
        accepts_state_loss: bool = False,
    ) -> None:
        self.settings, self.templates, self.name, self.role = settings, templates, name, role
        self._files = settings  # `settings` has what events say of people as well
        self._said: bytes | None = None
        self._changing = asyncio.Lock()
        self.accepts_state_loss = accepts_state_loss
        self.metrics = Metrics()
        self.stop = asyncio.Event()
        self._ends = AsyncExitStack()
        self.reload: Reload | None = None  # `serve` has one; without it the configuration stays what it is
        self._tend: Callable[[], Coroutine[None, None, object]] = asyncio.Event().wait  # for ever

    async def start(self, offset: timedelta = timedelta()) -> None:
        """Open the store, pin what is in force, wire the parts. What cannot be started ends the rest, then raises."""
        try:
            self.store = await self._open_store()
            self._name_lease = NameLease(self.store, self.name)
            await self._name_lease.take()
            self._ends.push_async_callback(self._name_lease.release)
            self.clock = Clock(self.store, offset, CLOCK_EVERY_S)
            self.fullness = Fullness(self.store, self.metrics)
            await self.fullness.look()
            self.broker = await self._ends.enter_async_context(open_broker(self.settings.service, self.store))
            self.links = Links(self._keys(), self.settings.service.web.public_url)
            self._said = await read_people(self.store, self.broker.partitions)
            self.settings, _ = await in_force(self._files, self._said)
            await self._pin(self.settings, self.templates)
            self._wire()
            if self.role in ("all", "worker"):
                await self._announce_cadences()
        except BaseException:
            await self.close()
            raise

    async def run(self) -> None:
        """What the role says until `stop` is set; then stop taking in, finish what is in hand, and return.

        The web runs in every role: it answers for the process's health and figures.
        """
        async with asyncio.TaskGroup() as group:
            tending = group.create_task(self._tend())
            bearing = group.create_task(self._name_lease.keep())
            web = group.create_task(self.web.run())
            engine = group.create_task(self.worker.run()) if self.role in ("all", "worker") else None
            delivery = group.create_task(self._deliver()) if self.role in ("all", "deliver") else None
            watching = group.create_task(self.fullness.watch())
            repeating = group.create_task(self._repeat_cadences()) if engine is not None else None
            reloading = group.create_task(self.reload.watch()) if self.reload is not None else None
            listening = group.create_task(self._listen())
            await self.stop.wait()
            log.info("stopping", worker=self.name.value)
            self.web.stop()
            await web
            if engine is not None:
                engine.cancel()
            watching.cancel()
            listening.cancel()
            if reloading is not None:
                reloading.cancel()
            if repeating is not None:
                repeating.cancel()
            self.delivery.stop()
            if delivery is not None:
                await delivery
            bearing.cancel()
            tending.cancel()

    async def _deliver(self) -> None:
        """Not before the engine has begun: a delivery that ends the process must not look like an event that does."""
        if self.role == "all":
            await self.worker.begun.wait()
        await self.delivery.run()

    async def _announce_cadences(self) -> None:
        await announce(self.settings.series, self.store, self.broker, self.clock)

    async def _repeat_cadences(self) -> None:
        """What another configuration had still in the log when ours was announced is put right."""
        while True:
            await asyncio.sleep(ANNOUNCE_EVERY_S)
            with contextlib.suppress(StoreDown):
                await self._announce_cadences()

    async def replace(self, settings: Settings, templates: Templates) -> None:
        """Another configuration is in force from now on, whole; what is open keeps its policies and its timers.

        Raises StoreDown; then it is to be called again.
        """
        async with self._changing:
            await self._put_in_force(settings, templates, self._said)

    async def look_at_people(self) -> None:
        """Take in what events have said of people since the last look. Raises StoreDown."""
        said = await read_people(self.store, self.broker.partitions)
        if said == self._said:
            return
        async with self._changing:
            left = await self._put_in_force(self._files, self.templates, said)
        log.info("people_changed", people=len(self.settings.graph.people), graph=self.settings.graph.hash)
        for one in left[:PEOPLE_NAMED_MAX]:
            log.warning("people_left_out", person=one.person, field=one.field, why=one.why)

    async def _listen(self) -> None:
        while True:
            await asyncio.sleep(PEOPLE_EVERY_S)
            with contextlib.suppress(StoreDown):
                await self.look_at_people()

    async def _put_in_force(self, files: Settings, templates: Templates, said: bytes | None) -> list[Left]:
        settings, left = await in_force(files, said)
        await self._pin(settings, templates)
        self._files, self._said = files, said
        self.settings, self.templates = settings, templates
        self._worlds.replace(settings.world(templates.hashes))
        if self.role in ("all", "worker"):
            await self._announce_cadences()
        return left

    async def close(self) -> None:
        await self._ends.aclose()

    # -- wiring ---------------------------------------------------------------------------------------------------
    async def _open_store(self) -> Store:
        service = self.settings.service
        if service.redis_url is not None:
            store = await connect(
                service.redis_url.get_secret_value(), service.key_prefix, service.durability
            )
        else:
            embedded = Embedded(service.data_dir)
            url = await embedded.start()
            self._ends.push_async_callback(embedded.stop)
            store = await connect(url, service.key_prefix)
            self._tend = lambda: embedded.tend(lambda text: log.warning("store_started", text=text))
        self._ends.push_async_callback(store.close)
        return store

    def _keys(self) -> list[str]:
        given = self.settings.service.signing_keys
        if given:
            return [key.get_secret_value() for key in given]
        return load_or_make_keys(self.settings.service.data_dir / "signing.keys")

    async def _pin(self, settings: Settings, templates: Templates) -> None:
        """Keep what decisions of today refer to by hash, so that they can be explained and replayed for 400 days."""
        for content_hash, raw in settings.pinned_policies.items():
            await self.store.put_pinned("policy", content_hash, raw)
        await self.store.put_pinned("graph", settings.graph.hash, settings.pinned_graph)
        for name, content_hash in templates.hashes.items():
            await self.store.put_pinned("template", content_hash, templates.bundle(name))

    def _wire(self) -> None:
        settings = self.settings
        self._worlds = Worlds(settings.world(self.templates.hashes), self.store, compile_policy)
        self.worker = self._worker(self._worlds)
        outlets = Outlets(self.store.catch, self.clock.now, self._keep, self.store.kept)
        channels = Channels(settings.channels, outlets)
        self._ends.push_async_callback(channels.close)
        self.delivery = DeliveryWorker(
            self.store,
            [shard for shard in self.worker.shards if shard.topic == "inbox"],
            self.name.value,
            channels,
            clock=self.clock,
            read=self._reader,
            render=self._render,
            shard_of=self._shard_of,
            metrics=self.metrics,
        )
        deps = WebDeps(
            settings=lambda: self.settings,
            store=self.store,
            broker=self.broker,
            clock=self.clock,
            links=lambda: self.links,
            readiness=self.readiness,
            metrics=self.metrics,
            is_full=self.fullness.is_full,
            channels=channels,
        )
        self.web = WebServer(make_app(deps), settings.service.web.host, settings.service.web.port)

    def _worker(self, worlds: Worlds) -> "Worker | KafkaWorker":
        given = (
            *(self.store, self.broker, worlds, self.clock, self.metrics),
            *(self._id_of_email, self.fullness.is_full),
        )
        if not self.settings.service.kafka_servers:
            return Worker(self.name, *given)
        from service.broker.kafka import Access
        from service.consumers.kafka import KafkaWorker
        from service.consumers.kafka_shard import Parts

        parts = Parts(*given, accepts_state_loss=self.accepts_state_loss)
        return KafkaWorker(self.name.value, Access.of(self.settings.service), parts)

    # -- what the parts ask for -------------------------------------------------------------------------------------
    # By way of `self.settings`, which a reload replaces.
    def _reader(self, who: str) -> Reader:
        return self.settings.book.reader(who)

    def _id_of_email(self, email: str) -> str | None:
        return self.settings.book.id_of_email(email)

    async def _keep(self, name: str, value: bytes, for_s: int) -> None:
        """A message has left, and must not leave again because this could not be noted."""
        with contextlib.suppress(StoreDown):
            await self.store.keep(name, value, for_s)

    def _shard_of(self, subject: str) -> Shard:
        family, _ = split_subject(subject)
        return Shard(TOPIC_OF_FAMILY[family], self.broker.partition(subject))

    async def _render(self, owed: Owed, reader: Reader) -> Message:
        """The message in the version of its template that was in force at the decision."""
        if owed.template_hash not in self.templates:
            raw = await self.store.get_pinned("template", owed.template_hash)
            if raw is None:
                log.error("template_lost", template=owed.template, template_hash=owed.template_hash)
                return render_plain(owed, reader, self.settings.book.name, self.links)
            try:
                self.templates.add_pinned(owed.template_hash, raw)
            except Exception as error:  # noqa: BLE001 - Damaged, or refused by today's rules: the facts go out plain.
                log.error("template_lost", template_hash=owed.template_hash, error=str(error))  # noqa: TRY400
                return render_plain(owed, reader, self.settings.book.name, self.links)
        return render(owed, reader, self.settings.book.name, self.templates, self.links)

    def readiness(self) -> Mapping[str, object]:
        """What the engine knows of itself; `reasons` says in plain words what keeps it from its work, `warnings` what
        soon may."""
        said = [] if self.reload is None else list(self.reload.warnings)
        if nobody := nobody_left(self.settings.service.fallback_contact, self.settings.graph):
            said.append(nobody)
        if self.role not in ("all", "worker"):
            return {"reasons": [], "warnings": said, "role": self.role, "worker": self.name.value}
        age = round(self.worker.age_s, 1)
        self.metrics.engine_age_seconds.set(age)
        reasons = list(self.worker.reasons)
        if age > STALLED_AFTER_S:
            reasons.append(f"the engine has not gone round for {age:.0f} s")
        warnings = said
        if told := self.fullness.sentence():
            (reasons if self.fullness.is_full() else warnings).append(told)
        role = "owner" if self.worker.is_owner else "standby"
        return {
            "reasons": reasons,
            "warnings": warnings,
            "role": role,
            "engine_age_s": age,
            "store_memory": round(self.fullness.ratio, 3),
            "worker": self.name.value,
        }


async def serve(
    config_dir: Path,
    name: str | None,
    on_ready: OnReady,
    role: str = "all",
    *,
    accepts_state_loss: bool = False,
) -> None:
    """The whole service until SIGINT or SIGTERM. Raises ConfigError or what the store says when it cannot start."""
    seen = look(config_dir)
    settings, templates = read(config_dir, os.environ)
    if role != "all" and not settings.service.signing_keys:
        raise NoSharedKey(
            "signing_keys are needed when roles run apart: one signs the links that another reads"
        )
    data_dir = settings.service.data_dir
    held = HeldName(data_dir, name)
    app = App(settings, templates, held, role, accepts_state_loss=accepts_state_loss)
    app.reload = Reload(config_dir, os.environ, settings, seen, app.replace, app.metrics)
    starting = asyncio.create_task(app.start())

    def stop() -> None:
        app.stop.set()
        starting.cancel()

    try:
        # Before anything is started, so that whatever is started is ended again.
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.reload.now)
        await asyncio.wait([starting])
        if starting.cancelled():
            return
        starting.result()
        # What was loaded stays: each full collection walked its 140,000 objects, some 0.1 s (measured 2026-11).
        gc.collect()
        gc.freeze()
        real = tuple(sorted(n for n, channel in settings.channels.items() if channel.kind not in STAYS))
        app.web.on_ready = lambda: on_ready(Info(app.web.url, data_dir, config_dir, real))
        await app.run()
    finally:
        await app.close()
        held.release()
        log.info("stopped", worker=held.value)
