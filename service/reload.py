"""A changed configuration taken into the running service, or refused: then the old one stays in force, and is named.

Watches the files, and looks at once when told to (SIGHUP). Must not know what takes the settings: `app.py` gives it.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from service.messages.templates import Templates
from service.settings.load import load
from service.settings.model import Settings
from service.settings.problems import ConfigError
from service.settings.service import is_open_door
from service.settings.watch import Look, look
from service.store.contract import StoreDown
from service.telemetry.logs import get_log
from service.telemetry.metrics import Metrics

log = get_log()

# Some thirty `stat`s. A change is taken in when two looks agree, so that half a copied folder is not read.
LOOK_EVERY_S = 1.0
# Problems named in a log line and on the readiness page; `validate` has all of them.
NAMED_MAX = 5
# What of followthrough.yaml takes effect at once. All else was used to open something, and needs a restart.
AT_ONCE = ("fallback_contact", "time_zone", "api_keys")

Take = Callable[[Settings, Templates], Awaitable[None]]


class Reload:
    """`watch()` for ever; `now()` from a signal handler. `warnings` says what is not in force, and why."""

    def __init__(
        self,
        config_dir: Path,
        env: Mapping[str, str],
        settings: Settings,
        seen: Look,
        take: Take,
        metrics: Metrics,
    ) -> None:
        """`settings` are in force, and `seen` is how the files looked before they were read."""
        self._dir, self._env, self._take, self._metrics = config_dir, env, take, metrics
        self._settings, self._taken = settings, seen
        self._asked = asyncio.Event()
        self.warnings: list[str] = []

    def now(self) -> None:
        """Look at once, whether or not a file seems to have changed."""
        self._asked.set()

    async def watch(self) -> None:
        before = self._taken
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._asked.wait()
            seen, is_asked = self._look(), self._asked.is_set()
            self._asked.clear()
            if is_asked or (seen == before and seen != self._taken):
                await self._load(seen)
            before = seen

    def _look(self) -> Look:
        return look(self._dir, self._settings.people_file)

    async def _load(self, seen: Look) -> None:
        """Read all of it in a thread: it takes half a second, in which events are decided."""
        try:
            read_now, templates = await asyncio.to_thread(read, self._dir, self._env)
        except Exception as error:  # noqa: BLE001 - Whatever is wrong with a file, it must not end the service.
            self._taken = seen
            self._refuse(error)
            return
        waits, settings = with_what_is_open(read_now, self._settings)
        try:
            await self._take(settings, templates)
        except StoreDown as error:
            log.warning("store_down", error=str(error))  # taken at the next look
            return
        self._settings, self._taken = settings, seen
        self._count("applied")
        log.info("reloaded", policies=len(settings.policies.live), people=len(settings.graph.people))
        if waits:
            log.warning("restart_needed", changed=waits)
        self.warnings = [f"{what} has changed: it needs a restart to take effect" for what in waits]

    def _refuse(self, error: Exception) -> None:
        problems = error.problems if isinstance(error, ConfigError) else []
        named = [f"{one.place}: {one.message}" for one in problems[:NAMED_MAX]] or [repr(error)]
        more = max(0, len(problems) - NAMED_MAX)
        self._count("refused")
        log.error("reload_refused", problems=named, more=more)
        self.warnings = [
            f"the changed configuration is refused, the old one is in force: {one}" for one in named
        ]
        if more:
            self.warnings.append(f"the changed configuration has {more} more problems: `validate` shows them")

    def _count(self, outcome: str) -> None:
        self._metrics.reloads.labels(outcome).inc()


def read(config_dir: Path, env: Mapping[str, str]) -> tuple[Settings, Templates]:
    """Settings and templates together, as a start reads them; ConfigError has every problem of either."""
    templates = Templates.load(overrides=config_dir / "templates")
    return load(config_dir, env, templates.hashes), templates


def with_what_is_open(new: Settings, running: Settings) -> tuple[list[str], Settings]:
    """What of `new` needs a restart, and `new` with that as it is running."""
    names = [name for name in type(new.service).model_fields if name not in AT_ONCE]
    if is_open_door(running.service.web.host, new.service.api_keys):
        names.append("api_keys")  # meant for another address than the one where it listens
    changed = [name for name in names if getattr(new.service, name) != getattr(running.service, name)]
    waits = [f"`{name}` of followthrough.yaml" for name in changed]
    if new.channels != running.channels:
        waits.append("channels.yaml")
    service = new.service.model_copy(update={name: getattr(running.service, name) for name in changed})
    return waits, dataclasses.replace(new, service=service, channels=running.channels)
