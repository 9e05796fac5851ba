"""Every promise of the store's contract is tested on all of these."""

from collections.abc import AsyncIterator

import pytest

from service.store.contract import Store
from tests.store.homes import Home, MemoryHome, ServerHome


@pytest.fixture(
    params=[
        "memory",
        pytest.param("valkey", marks=pytest.mark.server),
        pytest.param("redis", marks=pytest.mark.server),
    ]
)
async def home(request: pytest.FixtureRequest, prefix: str) -> AsyncIterator[Home]:
    found: Home
    if request.param == "memory":
        found = MemoryHome()
    else:
        found = ServerHome(request.getfixturevalue(f"{request.param}_server"), prefix)
    yield found
    await found.close()


@pytest.fixture
async def store(home: Home) -> Store:
    return home.open()
