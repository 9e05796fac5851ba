"""A worker's name is stable over restarts, so that it finishes what it held when it died; and never two bear it.

On one host it is held by a file lock in the data folder, which the kernel frees whatever way the process ends. The file
says which holder wrote it last: once we have the lock that one is dead, and its lease need not be waited for. Between
hosts it is held by a lease in the store, which a dead process stops renewing.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
import socket
import time
from pathlib import Path

from service.store.contract import Store, StoreDown
from service.telemetry.logs import get_log

log = get_log()

# A process that is being replaced may still be ending.
WAIT_S = 4.0
_POLL_S = 0.1
# A name is free so long after its bearer was last heard of; renewed four times as often.
NAME_LEASE_MS = 4000
RENEW_EVERY_S = 1.0
# Who still holds it after a whole lease and a renewal lives: a rollback of the store may bring a dead one back.
_LIVES_AFTER_S = NAME_LEASE_MS / 1000 + RENEW_EVERY_S
SLOTS_MAX = 64


class NameTaken(Exception):
    """Another live process bears the name."""


class HeldName:
    """`value` is ours until `release`; by default the first free slot of this host, `host.0`, `host.1`, and so on.

    `holder` names this very process where a lease is taken, `predecessor` the dead one before it ("" for none).
    """

    def __init__(self, data_dir: Path, wanted: str | None) -> None:
        self._folder = data_dir / "workers"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = -1
        self.holder = self.predecessor = ""
        self.value = self._wait_for(wanted) if wanted else self._first_free()

    def release(self) -> None:
        os.close(self._descriptor)

    def _first_free(self) -> str:
        for slot in range(SLOTS_MAX):
            name = f"{socket.gethostname()}.{slot}"
            if self._hold(name):
                return name
        raise NameTaken(f"{SLOTS_MAX} workers run here already")

    def _wait_for(self, name: str) -> str:
        deadline = time.monotonic() + WAIT_S
        while not self._hold(name):
            if time.monotonic() > deadline:
                raise NameTaken(f"another live process is called {name}; give this one another --name")
            time.sleep(_POLL_S)
        return name

    def _hold(self, name: str) -> bool:
        descriptor = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self.predecessor = os.read(descriptor, 1000).decode(errors="replace").strip()
        self.holder = f"{name}#{os.getpid()}.{secrets.token_hex(4)}"
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{self.holder}\n".encode(), 0)
        self._descriptor = descriptor
        return True


class NameLease:
    """The name in the store: `take` it, `keep` it until cancelled, then `release` it."""

    def __init__(self, store: Store, name: HeldName) -> None:
        self._store, self._name = store, name

    async def take(self) -> None:
        """Wait for the lease of a bearer that died elsewhere; NameTaken when that one lives."""
        if self._name.predecessor:
            await self._store.release(self._name.predecessor, self._name.value)
        await self._renewed(_POLL_S)

    async def keep(self) -> None:
        """Raises NameTaken when another process bears the name: we slept past our lease."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                await self._renewed(RENEW_EVERY_S)
            except StoreDown as error:
                log.warning("store_down", error=str(error))

    async def release(self) -> None:
        with contextlib.suppress(StoreDown):  # it ends by itself
            await self._store.release(self._name.holder, self._name.value)

    async def _renewed(self, again_after_s: float) -> None:
        name, deadline = self._name, time.monotonic() + _LIVES_AFTER_S
        while not await self._store.lease(name.holder, NAME_LEASE_MS, name.value):
            if time.monotonic() > deadline:
                raise NameTaken(
                    f"a live process elsewhere is called {name.value}; give this one another --name"
                )
            await asyncio.sleep(again_after_s)


def running(data_dir: Path) -> dict[str, int]:
    """The live workers of this data folder: name -> pid. The lock tells who lives, so an old pid is never believed."""
    found = {}
    for lock in sorted((data_dir / "workers").glob("*.lock")):
        descriptor = os.open(lock, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 1000).decode(errors="replace")
            pid = holder.rpartition("#")[2].partition(".")[0]
            if pid.isdigit():
                found[lock.stem] = int(pid)
        finally:
            os.close(descriptor)
    return found
