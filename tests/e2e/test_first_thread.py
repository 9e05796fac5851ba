"""What a newcomer sees: a message arrives while they look, its button works, the new state is told."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.e2e.service_process import RunningService

pytestmark = [pytest.mark.browser, pytest.mark.server]


async def promise(service: RunningService, bare_id: str, in_s: float = 10.5, **more: Any) -> None:
    """A promise of Ana's under the tour's policy: she is reminded ten seconds before."""
    due_at = at(in_s)
    title = f"Send the proposal {bare_id}"
    fields = {"commitment_id": bare_id, "title": title, "owner": "ana", "kind": "tour", "due_at": due_at}
    await service.publish("deadline.set", **fields, **more)


def at(in_s: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=in_s)).isoformat()


def inputs(commitment: dict[str, Any], kind: str, code: str) -> int:
    """How many decisions about an input of this kind have this reason."""
    return sum(
        decision["input"] == kind and any(reason["code"] == code for reason in decision["reasons"])
        for decision in commitment["decisions"]
    )


def events(commitment: dict[str, Any]) -> list[dict[str, Any]]:
    """What came of events: all but what the clock and deliveries do meanwhile."""
    return [one for one in commitment["decisions"] if one["input"] not in ("timer", "delivery")]


async def page_of(page: Page) -> Page:
    """The page that the message's own button opens, from inside its frame."""
    frame = page.frame_locator("iframe")
    async with page.context.expect_page() as opened:
        await frame.get_by_role("link", name="Done", exact=True).click()
    answer = await opened.value
    await answer.wait_for_load_state()
    return answer


async def test_a_message_arrives_while_one_looks_and_its_button_closes_the_commitment(
    running_service, open_page
):
    page = await open_page("/caught")
    await expect(page.locator("#live")).to_be_visible()
    await promise(running_service, "live", importance="high")

    row = page.get_by_role("link", name="Send the proposal live")
    await expect(row).to_be_visible(timeout=10_000)
    await expect(page.get_by_role("status")).to_contain_text("newest to Ana Ruiz")
    await row.click()
    answer = await page_of(page)

    await expect(answer.get_by_role("heading", name="Send the proposal live")).to_be_visible()
    assert (await running_service.commitment("live"))["status"] == "open"  # opening it did nothing
    await answer.get_by_role("button", name="Done").click()
    await expect(answer.get_by_role("heading", name="Done. Thank you.")).to_be_visible()
    await expect(answer.get_by_text("on time")).to_be_visible()
    assert (await running_service.commitment("live"))["status"] == "met"
    kept = page.get_by_role("link", name="wins").filter(has_text="Send the proposal live")
    await expect(kept).to_be_visible(timeout=10_000)  # the team hears of it, on the page that is still open


async def test_a_double_click_is_one_effect(running_service, open_page):
    await promise(running_service, "twice")
    reminder = await running_service.caught(subject="deadline/twice", template="reminder")
    link = next(link["url"] for link in reminder["links"] if link["name"] == "done")
    tabs = [await open_page(link) for _ in range(2)]

    await asyncio.gather(*(tab.get_by_role("button", name="Done").dblclick() for tab in tabs))

    for tab in tabs:
        await expect(tab.get_by_role("heading", name="Done. Thank you.")).to_be_visible()
    commitment = await running_service.commitment("twice")
    assert commitment["status"] == "met"
    assert inputs(commitment, "deadline.met", "recorded") == 1


async def test_done_by_mistake_is_undone(running_service, open_page):
    await promise(running_service, "undo")
    reminder = await running_service.caught(subject="deadline/undo", template="reminder")
    page = await open_page(reminder["links"][0]["url"])
    await page.get_by_role("button", name="Done").click()

    await page.get_by_role("button", name="Undo: reopen it").click()

    await expect(page.get_by_role("heading", name="It is open again")).to_be_visible()
    assert (await running_service.commitment("undo"))["status"] == "open"


async def test_i_am_on_it_stops_the_step_that_would_tell_the_manager(running_service, open_page):
    await promise(running_service, "seen", in_s=0.5)
    missed = await running_service.caught(subject="deadline/seen", template="missed")
    link = next(link["url"] for link in missed["links"] if link["name"] == "acknowledge")
    page = await open_page(link)

    await page.get_by_role("button", name="I’m on it").click()

    await expect(page.get_by_role("heading", name="You’re on it")).to_be_visible()
    await expect(page.get_by_text("are on hold until").first).to_be_visible()
    commitment = await running_service.commitment("seen")
    assert [told["to"] for told in commitment["told"]] == ["ana"]
    assert commitment["next_timer_at"] > at(3600)


async def test_a_new_date_is_given_on_the_page(running_service, open_page):
    await promise(running_service, "moved")
    reminder = await running_service.caught(subject="deadline/moved", template="reminder")
    link = next(link["url"] for link in reminder["links"] if link["name"] == "new_date")
    page = await open_page(link)

    day = at(5 * 86_400)[:10]
    await page.get_by_label("Date").fill(day)
    await page.get_by_label("Time").fill("16:30")
    await page.get_by_role("button", name="Set the new date").click()

    await expect(page.get_by_role("heading", name="The new date is")).to_be_visible()
    assert (await running_service.commitment("moved"))["due_at"].startswith(day)


async def test_a_hundred_looks_at_every_link_change_nothing(running_service):
    await promise(running_service, "scan")
    reminder = await running_service.caught(subject="deadline/scan", template="reminder")
    before = await running_service.commitment("scan")

    for number in range(100):
        link = reminder["links"][number % len(reminder["links"])]["url"]
        for method in ("GET", "HEAD"):
            async with running_service.client.request(method, link) as response:
                assert response.status in (200, 429)

    after = await running_service.commitment("scan")
    assert events(after) == events(before)
    assert len(events(after)) == 1
    assert inputs(after, "timer", "step") >= inputs(before, "timer", "step") >= 1  # the ladder goes on
    assert {name: after[name] for name in ("status", "cycle", "due_at")} == {
        name: before[name] for name in ("status", "cycle", "due_at")
    }


async def test_everything_works_without_script(running_service, open_page: OpenPage):
    await promise(running_service, "plain")
    await running_service.caught(subject="deadline/plain", template="reminder")
    page = await open_page("/caught", java_script_enabled=False)

    await page.get_by_role("link", name="Send the proposal plain").click()
    await page.get_by_role("navigation", name="Views of the message").get_by_role("link", name="Text").click()
    async with page.context.expect_page() as opened:
        await page.get_by_role("link", name="Done", exact=True).click()
    answer = await opened.value
    await answer.get_by_role("button", name="Done").click()

    await expect(answer.get_by_role("heading", name="Done. Thank you.")).to_be_visible()


async def test_a_keyboard_is_enough(running_service, open_page: OpenPage):
    await promise(running_service, "keys")
    await running_service.caught(subject="deadline/keys", template="reminder")
    page = await open_page("/caught")

    for _ in range(30):
        await page.keyboard.press("Tab")
        if "Send the proposal keys" in (await page.evaluate("document.activeElement.textContent")):
            break
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", name="Send the proposal keys")).to_be_visible()
