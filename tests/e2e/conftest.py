"""A running service and a browser that is watched: an error in its console or a request to elsewhere fails the test."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route

from tests.e2e.service_process import RunningService, running

OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
async def running_service() -> AsyncIterator[RunningService]:
    """`followthrough run`, once for all tests of this folder; each uses commitments of its own."""
    async with running() as service:
        yield service


@pytest.fixture
async def open_page(browser: Browser, running_service: RunningService) -> AsyncIterator[OpenPage]:
    """Opens a watched page: `await open_page("/caught", width=320, color_scheme="dark")`."""
    troubles: list[str] = []
    contexts = []

    async def elsewhere(route: Route) -> None:
        troubles.append(f"asked another host: {route.request.url}")
        await route.abort()

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: troubles.append(f"script failed: {error}"))
        page.on(
            "console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None
        )

    async def open_(path: str, width: int = 1024, height: int = 720, **more: Any) -> Page:
        viewport = {"width": width, "height": height}
        context = await browser.new_context(base_url=running_service.url, viewport=viewport, **more)
        contexts.append(context)
        await context.route(re.compile(rf"^(?!{re.escape(running_service.url)}/)https?:"), elsewhere)
        context.on("page", watch)
        page = await context.new_page()
        await page.goto(path)
        return page

    yield open_
    for context in contexts:
        await context.close()
    assert not troubles
