"""A worker's name is stable over restarts, so that it finishes what it held when it died; and never two bear it.

The name is held by a file lock in the data folder, which the kernel frees whatever way the process ends. The file
says which holder wrote it last: once we have the lock that one is dead, and its lease need not be waited for.
"""

import fcntl
import os
import secrets
import socket
import time
from pathlib import Path

# A process that is being replaced may still be ending.
WAIT_S = 4.0
_POLL_S = 0.1
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
