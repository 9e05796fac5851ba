"""Every page for every reader: a small phone, a dark room, a screen reader. Screenshots lie in build/pages."""

from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.e2e.conftest import OpenPage
from tests.e2e.service_process import RunningService
from tests.e2e.test_first_thread import promise

pytestmark = [pytest.mark.browser, pytest.mark.server]

Axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="no axe-playwright-python").Axe

SHOTS = Path("build/pages")
SHAPES = [(320, 640, "light"), (320, 640, "dark"), (1024, 720, "light"), (1024, 720, "dark")]


@pytest.fixture(scope="module")
async def paths(running_service: RunningService) -> dict[str, str]:
    """Every page of ours by name, each with something to show."""
    await promise(
        running_service,
        "with-a-name-so-long-that-it-must-break-somewhere-on-a-small-phone",
        description="Pricing for 240 seats.\nLegal wants the new terms attached.",
        url="https://crm.example.com/deals/0123456789012345678901234567890123456789",
    )
    subject = "deadline/with-a-name-so-long-that-it-must-break-somewhere-on-a-small-phone"
    reminder = await running_service.caught(subject=subject, template="reminder")
    link = reminder["links"][0]["url"].removeprefix(running_service.url)
    async with running_service.client.get("/caught") as response:
        rows = (await response.text()).split('class="item" href="')[1:]
    message = next(row.partition('"')[0] for row in rows if "so-long" in row)
    return {
        "home": "/",
        "docs": "/docs",
        "policies": "/policies",
        "policy": "/policies/deadline-follow-through",
        "caught": "/caught",
        "message": message,
        "text": f"{message}?view=text",
        "why": f"{message}?view=why",
        "details": f"{message}?view=details",
        "explain": f"/explain/{reminder['key']}?subject={subject}",
        "answer": link.partition("?")[0],
        "answer-new-date": f"{link.partition('?')[0]}?do=new_date",
        "answer-help": f"{link.partition('?')[0]}?do=help",
    }


PAGES = [
    *(
        "home",
        "docs",
        "policies",
        "policy",
        "caught",
        "message",
        "text",
        "why",
        "details",
        "explain",
        "answer",
        "answer-new-date",
        "answer-help",
    )
]


async def is_too_wide(page: Page) -> bool:
    return bool(
        await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


@pytest.mark.parametrize("name", PAGES)
async def test_page_fits_and_is_accessible(name: str, paths: dict[str, str], open_page: OpenPage) -> None:
    for width, height, scheme in SHAPES:
        page = await open_page(paths[name], width, height, color_scheme=scheme)
        await page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png", full_page=True)
        assert not await is_too_wide(page), f"{name} scrolls sideways at {width} px"

        # The mail inside the frame is a template's; its own test looks at it.
        found = await Axe().run(page, context={"exclude": [["iframe"]]})
        assert found.violations_count == 0, f"{name} {width} {scheme}: {found.generate_report()}"


async def test_the_mail_in_its_frame_fits_a_small_phone(paths: dict[str, str], open_page: OpenPage) -> None:
    page = await open_page(f"{paths['message'].partition('?')[0]}/html", 320, 640)

    assert not await is_too_wide(page)


async def test_nothing_moves_for_who_asks_for_less_motion(paths: dict[str, str], open_page: OpenPage) -> None:
    # `paths`: a message must have been caught, whichever test runs first.
    page = await open_page("/caught", reduced_motion="reduce")

    await page.evaluate("document.querySelector('#rows li').classList.add('new')")

    assert await page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_policy_leads_back_to_all_of_them_on_every_screen(open_page: OpenPage, width: int) -> None:
    page = await open_page("/policies/deadline-follow-through", width, 720)

    assert await page.get_by_role("link", name="All policies").is_visible()
