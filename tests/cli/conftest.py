"""A shell of its own for every test of the command line."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store.embedded import Embedded
from service.store.files import Files
from tests.cli.shell import Shell, on_thread


async def join_and_leave(data_dir: Path) -> bool:
    """The last one out shuts the server down."""
    embedded = Embedded(data_dir)
    await embedded.start()
    await embedded.stop()
    return True


@pytest.fixture
def shell() -> Iterator[Shell]:
    # Not pytest's folder: the embedded server's socket lies in it, and paths of sockets are short.
    folder = Path(tempfile.mkdtemp(prefix="ft-"))
    shell = Shell(folder)
    yield shell
    if Files(shell.data).server_runs():  # A test failed in the middle; nothing of it may stay.
        on_thread(lambda: join_and_leave(shell.data))
    shutil.rmtree(folder)
