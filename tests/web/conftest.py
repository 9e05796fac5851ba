"""The pages of one company, and a browser's client on them; a test of one page may begin with another world."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from service.web import answers
from service.web.buckets import Buckets
from tests.web.pages_world import PagesWorld, serving


@pytest.fixture
def world() -> PagesWorld:
    return PagesWorld()


@pytest.fixture
async def web(world: PagesWorld, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[aiohttp.ClientSession]:
    # Of its own, so that what other tests have asked for does not count.
    monkeypatch.setattr(answers, "_buckets", Buckets(capacity=150, per_s=2))
    async with serving(world.app()) as url, aiohttp.ClientSession(url) as client:
        yield client
