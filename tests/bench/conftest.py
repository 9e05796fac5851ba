"""What every bench has: the table, a server with the settings of the embedded one, and quiet logs."""

import gc
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from service.store.files import find_server
from tests.bench.table import Table
from tests.servers import Server

_TABLE = pytest.StashKey[Table]()


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Table:
    found = request.config.stash.setdefault(_TABLE, Table())
    found.file = str(Path(str(request.node.fspath)).relative_to(request.config.rootpath))
    return found


@pytest.fixture
def server() -> Iterator[Server]:
    """A Valkey of the bench's own: `appendfsync always`, as in service on one machine."""
    server = Server(find_server()).start()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No log lines, and a garbage collector that does not walk through pytest's own objects."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    structlog.configure(**before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    config.stash.get(_TABLE, Table()).write(terminalreporter)
