"""Real servers for tests: started here, in a temporary folder, killed and restarted at will.

`valkey_server` and `redis_server` live as long as the session; a test keeps to itself by its own `prefix`.
"""

import itertools
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from service.store.files import find_server

REDIS = shutil.which("redis-server")
NO_REDIS = "no redis-server on this machine's PATH"
START_TIMEOUT_S = 15.0


class Server:
    """One server process on a unix socket. `settings` are the server's own, underscores for hyphens."""

    def __init__(self, binary: Path | str, **settings: str) -> None:
        # Not pytest's folder: its paths are too long for a unix socket on some systems.
        self.folder = Path(tempfile.mkdtemp(prefix="ft-"))
        self.socket, self.log = self.folder / "s", self.folder / "log"
        self.url = f"unix://{self.socket}"
        defaults = {"port": "0", "appendonly": "yes", "appendfsync": "always", "save": "", "dir": self.folder}
        defaults |= {"unixsocket": self.socket, "logfile": self.log, "maxmemory-policy": "noeviction"}
        self._settings = defaults | {name.replace("_", "-"): value for name, value in settings.items()}
        self._binary = binary
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Server":
        arguments = [str(part) for name, value in self._settings.items() for part in (f"--{name}", value)]
        self.process = subprocess.Popen([self._binary, *arguments], start_new_session=True)
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.ask("PING") != "+PONG":
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.005)
        return self

    def tell(self, command: str) -> str:
        """The answer to an inline command, as it came; empty when nobody answers."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(5)
            wire.connect(str(self.socket))
            wire.sendall(f"{command}\r\n".encode())
            return wire.recv(1 << 16).decode()
        return ""

    def ask(self, command: str) -> str:
        """The first line of the answer to an inline command; empty when nobody answers."""
        return self.tell(command).partition("\r\n")[0]

    def kill(self) -> None:
        """As by `kill -9`."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(START_TIMEOUT_S)
            self.process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def keep_disk(self, name: str) -> None:
        """Remember what is on disk now, and nothing older under this name."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        shutil.copytree(self.folder / "appendonlydir", self.folder / name)

    def restore_disk(self, name: str) -> None:
        """Kill the server and start it on what was remembered, as after a power cut."""
        self.kill()
        shutil.rmtree(self.folder / "appendonlydir")
        shutil.copytree(self.folder / name, self.folder / "appendonlydir")
        self.start()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Server]:
    server = Server(find_server()).start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    if REDIS is None:
        pytest.skip(NO_REDIS)
    server = Server(REDIS).start()
    yield server
    server.close()


@pytest.fixture
def make_server() -> Iterator[Callable[..., Server]]:
    """A server of the test's own: `make_server(binary=…, maxmemory="8mb")`."""
    made: list[Server] = []

    def make(binary: Path | str | None = None, **settings: str) -> Server:
        server = Server(binary or find_server(), **settings)
        made.append(server)
        return server.start()

    yield make
    for server in made:
        server.close()


_numbers = itertools.count()


@pytest.fixture
def prefix() -> str:
    """A key prefix nobody else uses in this session."""
    return f"t{next(_numbers)}"
