"""One installation of the service for one scenario, as `service/app.py` wires it: it opens, works, ends, opens again.

Only its clock is moved. Requests go straight to the web application; it has a port where a channel of ours leads to it.
"""

import asyncio
import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from service.app import App
from service.consumers.names import HeldName
from service.consumers.worker import Worker
from service.messages.templates import Templates
from service.plans import apply_plans, find_plans
from service.settings.hooks import HookSettings
from service.settings.model import Settings
from service.settings.policies import compile_policy
from service.simulator.play import world_of
from service.simulator.post import leading_back
from service.simulator.refusal import Refusal, refused
from service.store.contract import Entry, Store
from service.worlds import Worlds

NAME = "scenario"
RETRY_MS = 20


class Refusing(App):
    """The service with channels that refuse."""

    refusals: Sequence[Refusal] = ()

    async def _open_store(self) -> Store:
        store = await super()._open_store()
        keep, claim = store.catch, store.claim

        async def catch(raw: bytes) -> None:
            channel = msgspec.json.decode(raw)["channel"]
            refusal = refused(self.refusals, channel, await self.clock.now())
            if refusal is not None:
                raise refusal
            await keep(raw)

        async def claim_soon(*given: Any) -> list[Entry]:
            *others, block_ms, now_ms = given
            # A retry is looked for when a claim has waited for something new, and the clock jumps from one to the next.
            return await claim(*others, min(block_ms, RETRY_MS) if self.refusals else block_ms, now_ms)

        # Every channel of a scenario keeps its messages by this, and none is opened yet.
        store.catch, store.claim = catch, claim_soon  # type: ignore[method-assign]  # this store alone has them
        return store


class Installation:
    """`open` for requests, `work` for the engine and delivery too, `end` for neither; its data stays on the server."""

    def __init__(
        self, settings: Settings, templates: Templates, url: str, prefix: str, folder: Path, now: datetime
    ) -> None:
        self.settings, self._templates = settings, templates
        self._place: dict[str, object] = {
            "redis_url": SecretStr(url),
            "key_prefix": prefix,
            "data_dir": folder,
        }
        self._offset = now - _real_now()
        self._app: Refusing | None = None
        self.refusals: list[Refusal] = []
        self._name: HeldName | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def store(self) -> Store:
        assert self._app is not None, "the installation is not open"
        return self._app.store

    @property
    def is_working(self) -> bool:
        return bool(self._tasks)

    async def open(self) -> None:
        """Take requests; nothing is read, fired or delivered yet."""
        if self._app is not None:
            return
        service = self.settings.service.model_copy(update=self._place)
        self._name = HeldName(service.data_dir, NAME)
        settings = replace(self.settings, service=service)
        self._has_port = bool(leading_back(settings))
        self._app = Refusing(on_a_port(settings) if self._has_port else settings, self._templates, self._name)
        self._app.refusals = self.refusals
        await self._app.start(self._offset)

    async def work(self) -> None:
        """Read, fire and deliver."""
        await self.open()
        if not self._tasks and self._app is not None:
            if self._has_port:
                is_open = asyncio.Event()
                self._app.web.on_ready = is_open.set
                self._tasks = [asyncio.create_task(self._app.web.run())]
                await is_open.wait()
            parts = (self._app.worker.run(), self._app.delivery.run())
            self._tasks += [asyncio.create_task(part) for part in parts]

    async def end(self) -> None:
        """Nothing works any more; what was not finished lies on the server."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        if self._app is not None and self._name is not None:
            await self._app.close()
            self._name.release()
            self._app = None

    @property
    def reckoning(self) -> str:
        """What all timers must be reckoned by."""
        return self._app._worlds.reckoning if self._app is not None else ""

    async def look_at_people(self) -> str:
        """Take in what events said of people, as the service does each second; the reckoning that is in force then."""
        if self._app is not None:
            await self._app.look_at_people()
        return self.reckoning

    def raise_what_broke(self) -> None:
        """The error of a part that ended by itself."""
        for task in self._tasks:
            if task.done():
                task.result()
                raise AssertionError("a part of the service ended by itself")

    async def move_clock(self, to: datetime) -> None:
        """It is `to` now, and time goes on from there; this never sets the clock back."""
        if self._app is None:
            self._offset += max(to - (_real_now() + self._offset), timedelta())
            return
        clock = self._app.clock
        clock.offset += max(to - await clock.now(), timedelta())
        self._offset = clock.offset
        self._wake()

    def set_back(self, span: timedelta) -> None:
        """The clock is so much behind when it opens again; while it is open it never goes back."""
        assert self._app is None, "the installation is open"
        self._offset -= span

    def _wake(self) -> None:
        """The timers look at the clock again, now."""
        assert self._app is not None
        assert isinstance(self._app.worker, Worker)
        self._app.worker.wake()

    async def apply_plan(self) -> None:
        """As the command does it: what is open is looked up, and moved by events in the log."""
        app = self._app
        assert app is not None, "the installation is not open"
        now, worlds = await app.clock.now(), Worlds(world_of(self.settings), app.store, compile_policy)
        plans = [planned async for planned in find_plans(app.store, worlds, now)]
        await apply_plans(plans, app.broker, now)

    async def post(self, event: Mapping[str, object]) -> None:
        """One structured CloudEvent through the door, which must take it."""
        assert self._app is not None, "the installation is not open"
        body = json.dumps(event).encode()
        headers = {"host": "127.0.0.1:8080", "content-type": "application/cloudevents+json"}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/events",
            "raw_path": b"/v1/events",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 40_000),
            "server": ("127.0.0.1", 8080),
        }
        said: list[Mapping[str, object]] = []

        async def receive() -> Mapping[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Mapping[str, object]) -> None:
            said.append(message)

        await self._app.web.app(scope, receive, send)
        assert said[0]["status"] == 202, f"the door refused {event}: {said[1:]}"


def on_a_port(settings: Settings) -> Settings:
    """The same on a port of this machine that is free, with the channels that lead back to us leading there."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    before, url = settings.service.web.public_url, f"http://{listen}"
    channels = dict(settings.channels)
    for name in leading_back(settings):
        hook = channels[name]
        assert isinstance(hook, HookSettings)
        moved = SecretStr(hook.url.get_secret_value().replace(before, url))
        channels[name] = type(hook).model_validate(hook.model_dump() | {"url": moved})
    web = settings.service.web.model_copy(update={"listen": listen, "public_url": url})
    return replace(settings, service=settings.service.model_copy(update={"web": web}), channels=channels)


def _real_now() -> datetime:
    """This machine's time as its store tells it: cut to milliseconds."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
