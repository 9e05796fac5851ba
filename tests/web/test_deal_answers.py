"""The page behind a message about a deal: it speaks of one of its dates, and its answers are about that one."""

from datetime import timedelta

import msgspec
import pytest

from service.messages.actions import names
from tests.web.pages_world import PagesWorld, get, nth_cycle, owed, post

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
async def world() -> PagesWorld:
    world = PagesWorld()
    day = timedelta(days=1)
    await world.publish(
        "deal.created",
        deal_id="d1",
        title="Contoso",
        owner="ana",
        close_at=(world.at + 9 * day).isoformat(),
        next_step="Send the offer",
        next_step_at=(world.at + day).isoformat(),
    )
    return world


def link(world: PagesWorld, moment: str, template: str = "reminder") -> str:
    """The token of a message to the deal's owner about this moment, with the buttons it has."""
    facts = {"owner": "ana", "moment": moment, "status": "open"}
    about = msgspec.structs.replace(
        owed("ana", nth_cycle(1), world.at), subject="deal/d1", template=template, facts=facts
    )
    return world.links.token(about, names(about, "ana"))


async def test_done_on_a_next_step_ends_it_and_the_deal_goes_on(world, web):
    token = link(world, "next_step")

    _, before = await get(web, f"/a/{token}")
    _, after = await post(web, token, do="done")

    assert "Send the offer (Contoso)" in before
    assert "Done. Thank you." in after
    state = await world.state("deal/d1")
    assert (state.status, state.moments["next_step"].at) == ("open", None)
    assert state.moments["close"].at is not None
    assert state.deal is not None
    assert state.deal.next_step == ""


async def test_after_done_the_page_of_the_next_step_asks_nothing_more(world, web):
    token = link(world, "next_step")
    await post(web, token, do="done")

    _, text = await get(web, f"/a/{token}")

    assert "This next step is done" in text
    assert "<form" not in text


@pytest.mark.parametrize("template", ["reminder", "missed", "escalated"])
async def test_a_close_date_has_no_done_button(world, web, template):
    token = link(world, "close", template)

    _, text = await get(web, f"/a/{token}")
    status, _ = await post(web, token, do="done")

    assert 'value="done"' not in text
    assert "Closes" in text
    assert status == 422
    assert (await world.state("deal/d1")).status == "open"


async def test_a_new_date_moves_the_date_the_message_spoke_of_and_no_other(world, web):
    before = await world.state("deal/d1")

    _, text = await post(web, link(world, "close"), do="new_date", date="2026-12-18", time="17:00")

    assert "The new date is" in text
    after = await world.state("deal/d1")
    assert f"{after.moments['close'].at:%Y-%m-%d %H:%M}" == "2026-12-18 16:00"
    assert after.moments["next_step"].at == before.moments["next_step"].at


async def test_silence_has_neither_done_nor_a_new_date(world, web):
    _, text = await get(web, f"/a/{link(world, 'last_activity', 'deal_stalled')}")

    assert "nothing has happened on it for" in text
    assert 'value="acknowledge"' in text
    assert 'value="done"' not in text
    assert 'value="new_date"' not in text


async def test_on_it_holds_the_ladder_of_that_moment_alone(world, web):
    await post(web, link(world, "close", "missed"), do="acknowledge")

    state = await world.state("deal/d1")
    assert all(run.ack for run in state.moments["close"].runs if run.policy)
    assert not any(run.ack for run in state.moments["next_step"].runs)
