"""The engine is tested on the store in memory and on a real server."""

from collections.abc import AsyncIterator

import pytest

from tests.store.homes import Home, MemoryHome, ServerHome


@pytest.fixture(params=["memory", pytest.param("valkey", marks=pytest.mark.server)])
async def home(request: pytest.FixtureRequest, prefix: str) -> AsyncIterator[Home]:
    found: Home = MemoryHome()
    if request.param == "valkey":
        found = ServerHome(request.getfixturevalue("valkey_server"), prefix)
    yield found
    await found.close()
