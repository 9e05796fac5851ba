"""The embedded server: one for all processes of a folder, there when needed, gone when the last one leaves."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from service.store import embedded, files
from service.store.connect import connect
from service.store.contract import Unfit
from service.store.embedded import Embedded, EmbeddedFailed, FolderGone
from service.store.files import Files, _make_private
from tests.store.homes import DEADLINES, batch

pytestmark = pytest.mark.server

JOIN = """
import asyncio, pathlib, signal, sys
from service.store.embedded import Embedded

async def main():
    embedded = Embedded(pathlib.Path(sys.argv[1]))
    url = await embedded.start()
    leave = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, leave.set)
    print(url, flush=True)
    await leave.wait()
    await embedded.stop()

asyncio.run(main())
"""


class Joiner:
    """Another process that uses the server."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", JOIN, str(data_dir)], stdout=subprocess.PIPE, start_new_session=True
        )

    def url(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()

    def signal(self, number: int) -> int:
        """To its whole group, as the terminal does; returns its exit code."""
        os.killpg(self.process.pid, number)
        code = self.process.wait(15)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def alive(files: Files) -> dict[int, str]:
    """Servers of this folder, whoever started them. A Valkey server shows its socket as its command line."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            title = " ".join(process.cmdline())
            if "valkey-server" in title and (str(files.socket) in title or f"{files.folder}/" in title):
                found[process.pid] = title
    return found


def assert_nothing_left(files: Files) -> None:
    assert alive(files) == {}
    assert not files.server_runs()
    left = {path.name for path in files.folder.iterdir()}
    assert left <= {"appendonlydir", "server.log", "server.lock", "joined.lock", "starting.lock"}
    assert not files.socket.exists()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ft-") as folder:
        yield Path(folder)
        for pid in alive(Files(Path(folder))):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
async def start(data_dir: Path) -> AsyncIterator[Callable[[], Embedded]]:
    made: list[Embedded] = []

    def make() -> Embedded:
        made.append(Embedded(data_dir))
        return made[-1]

    yield make
    for one in made:
        await one.stop()


async def write(url: str, value: bytes) -> None:
    store = await connect(url)
    owned = await store.acquire(DEADLINES)
    await store.commit(DEADLINES, batch(owned, states={"deadline/a": value}))
    await store.close()


async def read(url: str) -> bytes | None:
    store = await connect(url)
    [value] = await store.load(DEADLINES, ["deadline/a"])
    await store.close()
    return value


async def test_it_starts_keeps_what_was_written_and_leaves_nothing_behind(
    start: Callable[[], Embedded],
) -> None:
    first = start()
    await write(await first.start(), b"kept")
    await first.stop()
    assert_nothing_left(first.files)

    second = start()

    assert await read(await second.start()) == b"kept"
    await second.stop()
    assert_nothing_left(second.files)


def test_a_containers_limit_counts_when_it_is_lower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    v2, v1 = tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes"
    monkeypatch.setattr(files, "_CGROUP_LIMITS", (v2, v1))
    machine = files.half_of_memory()

    v2.write_text("max\n")
    assert files.half_of_memory() == machine
    v1.write_text(f"{1 << 62}\n")
    assert files.half_of_memory() == machine
    v2.write_text("1000000\n")
    assert files.half_of_memory() == 500_000


async def test_it_loses_nothing_that_was_acknowledged_and_never_evicts(start: Callable[[], Embedded]) -> None:
    one = start()
    store = await connect(await one.start(), durability="fsync")

    about = await store.server()

    assert about["appendfsync"] == "always"
    assert about["maxmemory_policy"] == "noeviction"
    assert 0 < int(about["maxmemory"]) <= psutil.virtual_memory().total // 2
    assert about["tcp_port"] == "0"
    await store.close()


async def test_starting_and_stopping_twice_is_fine(start: Callable[[], Embedded]) -> None:
    one = start()
    assert await one.start() == await one.start()
    await one.stop()
    await one.stop()
    assert_nothing_left(one.files)


async def test_a_second_process_joins_and_the_last_one_out_stops_the_server(
    start: Callable[[], Embedded], data_dir: Path
) -> None:
    first = start()
    url = await first.start()
    await write(url, b"kept")
    second = Joiner(data_dir)
    assert second.url() == url
    assert len(alive(first.files)) == 1

    await first.stop()
    assert await read(url) == b"kept"

    assert second.signal(signal.SIGTERM) == 0
    assert_nothing_left(first.files)


async def test_ctrl_c_reaches_the_service_and_not_its_server(data_dir: Path) -> None:
    one = Joiner(data_dir)
    await write(one.url(), b"kept")

    assert one.signal(signal.SIGINT) == 0

    assert_nothing_left(Files(data_dir))


async def test_after_kill_9_of_the_service_the_next_start_joins_the_orphan(
    start: Callable[[], Embedded], data_dir: Path
) -> None:
    killed = Joiner(data_dir)
    await write(killed.url(), b"kept")
    killed.signal(signal.SIGKILL)
    [orphan] = alive(Files(data_dir))

    next_one = start()
    assert await read(await next_one.start()) == b"kept"

    assert alive(next_one.files).keys() == {orphan}
    await next_one.stop()
    assert_nothing_left(next_one.files)


async def test_after_kill_9_of_everything_the_next_start_begins_anew(
    start: Callable[[], Embedded], data_dir: Path
) -> None:
    killed = Joiner(data_dir)
    await write(killed.url(), b"kept")
    files = Files(data_dir)
    for pid in alive(files):
        os.kill(pid, signal.SIGKILL)
    killed.signal(signal.SIGKILL)
    assert files.socket.exists(), "a stale socket is in the way"
    files.pid.write_text("1\n")

    next_one = start()

    assert await read(await next_one.start()) == b"kept"


async def test_many_that_start_at_once_share_one_server(start: Callable[[], Embedded]) -> None:
    several = [start() for _ in range(8)]

    urls = await asyncio.gather(*(one.start() for one in several))

    assert len(set(urls)) == 1
    assert len(alive(several[0].files)) == 1
    await asyncio.gather(*(one.stop() for one in several))
    assert_nothing_left(several[0].files)


async def test_a_server_that_dies_is_started_again(start: Callable[[], Embedded]) -> None:
    one = start()
    url = await one.start()
    await write(url, b"kept")
    said: list[str] = []
    tending = asyncio.create_task(one.tend(said.append, every_s=0.01))
    [pid] = alive(one.files)

    os.kill(pid, signal.SIGKILL)
    while not said:  # noqa: ASYNC110 - The list is filled by a callback.
        await asyncio.sleep(0.01)

    assert "started again" in said[0]
    assert await read(url) == b"kept"
    tending.cancel()
    await asyncio.wait([tending])


async def test_a_start_that_is_given_up_leaves_no_server(data_dir: Path) -> None:
    one = Embedded(data_dir)
    starting = asyncio.create_task(one.start())
    while not one.files.server_runs():  # noqa: ASYNC110 - The server is another process.
        await asyncio.sleep(0.001)

    starting.cancel()
    await asyncio.wait([starting])

    assert starting.cancelled()
    assert alive(one.files) == {}


async def test_a_folder_that_is_taken_away_is_told_and_its_server_goes(
    start: Callable[[], Embedded], data_dir: Path, tmp_path: Path
) -> None:
    one = start()
    await write(await one.start(), b"kept")
    one.files.folder.rename(tmp_path / "away")

    with pytest.raises(FolderGone, match="was taken away while in use"):
        await one.tend(print, every_s=0.01)

    await one.stop()
    assert alive(one.files) == {}


async def test_a_folder_that_is_replaced_is_not_taken_for_its_own(
    start: Callable[[], Embedded], data_dir: Path, tmp_path: Path
) -> None:
    one = start()
    await one.start()
    one.files.folder.rename(tmp_path / "away")
    other = Joiner(data_dir)
    assert other.url()

    with pytest.raises(FolderGone):
        await one.tend(print, every_s=0.01)

    await one.stop()
    assert len(alive(one.files)) == 1, "the other's server is left alone"
    assert other.signal(signal.SIGTERM) == 0


def test_a_process_that_leaves_its_server_to_others_ends_without_a_word(data_dir: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-W", "always", "-c", JOIN, str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert first.stdout is not None
    first.stdout.readline()  # it has started the server
    other = Joiner(data_dir)
    other.url()

    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=15)

    assert (first.returncode, said) == (0, b"")
    assert alive(Files(data_dir))
    assert other.signal(signal.SIGINT) == 0
    assert_nothing_left(Files(data_dir))


async def test_a_half_written_last_record_is_cut_off(start: Callable[[], Embedded]) -> None:
    one = start()
    await write(await one.start(), b"kept")
    await one.stop()
    [tail] = (one.files.folder / "appendonlydir").glob("*.incr.aof")
    tail.write_bytes(tail.read_bytes() + b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1000\r\nhalf")

    assert await read(await start().start()) == b"kept"


async def test_a_broken_file_is_an_error_with_the_end_of_the_servers_log(
    start: Callable[[], Embedded],
) -> None:
    one = start()
    await write(await one.start(), b"kept")
    await one.stop()
    [tail] = (one.files.folder / "appendonlydir").glob("*.incr.aof")
    tail.write_bytes(b"nonsense\r\n" + tail.read_bytes())

    with pytest.raises(EmbeddedFailed, match=r"(?s)stopped while it started.*Bad file format"):
        await start().start()


async def test_a_server_that_hangs_is_an_error_after_a_while(
    start: Callable[[], Embedded], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = start()
    await one.start()
    [pid] = alive(one.files)
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(embedded, "START_TIMEOUT_S", 0.05)
    monkeypatch.setattr(embedded, "STOP_TIMEOUT_S", 0.05)

    with pytest.raises(EmbeddedFailed, match=f"pid {pid}.*does not answer"):
        await start().start()

    os.kill(pid, signal.SIGCONT)
    monkeypatch.undo()


async def test_a_folder_with_a_long_path_has_its_socket_elsewhere(data_dir: Path) -> None:
    deep = data_dir / ("long" * 30)
    one, other = Embedded(deep), Embedded(deep)

    url = await one.start()
    await write(url, b"kept")

    assert one.files.socket.parent != one.files.folder
    assert (one.files.folder / "socket.path").read_text() == str(one.files.socket)
    assert await other.start() == url
    await one.stop()
    await other.stop()
    assert_nothing_left(one.files)


async def test_a_joiner_with_another_temporary_folder_finds_the_socket(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = data_dir / ("long" * 30)
    one, other = Embedded(deep), Embedded(deep)
    url = await one.start()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(data_dir / "t"))

    assert await other.start() == url

    await other.stop()
    await one.stop()


def test_a_folder_for_sockets_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(Unfit, match="open to others"):
        _make_private(tmp_path)
