"""The engine is tested on the store in memory and on a real server."""

from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs

from tests.store.homes import Home, MemoryHome, ServerHome


@pytest.fixture(params=["memory", pytest.param("valkey", marks=pytest.mark.server)])
async def home(request: pytest.FixtureRequest, prefix: str) -> AsyncIterator[Home]:
    found: Home = MemoryHome()
    if request.param == "valkey":
        found = ServerHome(request.getfixturevalue("valkey_server"), prefix)
    yield found
    await found.close()


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[dict[str, object]]]:
    """What was logged, unformatted: a traceback with its locals takes most of a second to print."""
    with capture_logs() as found:
        yield found
