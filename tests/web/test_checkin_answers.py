"""The page behind a message about a check-in: a form of a few lines, or one press to excuse it this time."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from service.cadences import announce
from service.core.model import CheckIn, Commitment
from service.messages.actions import names
from service.web.checkin_words import TEXT_CHARS_MAX
from tests.web.pages_world import PagesWorld, get, owed, post

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

SERIES = "checkin/ana:weekly"
FRIDAY = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)  # 09:00 in Madrid: the ask of week 48
HOUR = timedelta(hours=1)


@pytest.fixture
async def world() -> PagesWorld:
    """It is Friday, and everyone has been asked."""
    world = PagesWorld()
    await announce(world.settings.series, world.store, world.broker, world.deps.clock)
    await world.pass_time(FRIDAY - world.at)
    return world


async def series(world: PagesWorld) -> tuple[Commitment, CheckIn]:
    state = await world.state(SERIES)
    assert state.checkin is not None
    return state, state.checkin


async def link(world: PagesWorld, template: str = "checkin_ask", reader: str = "ana") -> str:
    """The token of a message about the period asked last, with the buttons it has for its reader."""
    state, _ = await series(world)
    moment = state.moments["due"]
    facts = {"owner": "ana", "family": "checkin", "status": "open", "changed": moment.changed}
    about = msgspec.structs.replace(
        owed(reader, moment.cycle, world.at), subject=SERIES, template=template, facts=facts
    )
    return world.links.token(about, names(about, reader))


async def test_looking_shows_the_form_and_changes_nothing(world, web):
    token = await link(world)
    before = await world.appended()

    status, text = await get(web, f"/a/{token}?do=check_in")

    assert status == 200
    assert "Weekly check-in, week 48" in text
    assert "Open until Fri 27 Nov 2026, 15:00" in text
    assert all(f'name="{name}"' in text for name in ("progress", "next", "roadblocks", "confidence"))
    assert 'name="period" value="2026-W48"' in text
    assert await world.appended() == before


async def test_the_form_is_the_report_of_the_period(world, web):
    token = await link(world)
    form = {
        "progress": "Two demos.",
        "next": "The offer.",
        "roadblocks": "Legal\n\n Price list ",
        "confidence": "4",
    }

    status, text = await post(web, token, do="check_in", period="2026-W48", **form)
    _, again = await get(web, f"/a/{token}")

    assert status == 200
    assert "Thank you, it has come in" in text
    assert "2026-W48 is submitted" in text
    _, checkin = await series(world)
    assert checkin.outcome == "submitted"
    assert checkin.report is not None
    assert msgspec.structs.astuple(checkin.report) == (
        "Two demos.",
        "The offer.",
        ["Legal", "Price list"],
        4,
        [],
    )
    assert "It came in Fri 27 Nov 2026, 09:00" in again
    assert "<form" not in again


async def test_sent_twice_it_is_one_report(world, web):
    token, before = await link(world), await world.appended()

    for _ in range(2):
        status, text = await post(web, token, do="check_in", period="2026-W48", progress="Two demos.")
        assert (status, "Thank you" in text) == (200, True)

    assert await world.appended() == before + 1


async def test_a_form_without_a_line_is_not_taken_and_keeps_what_was_written(world, web):
    token = await link(world)

    status, text = await post(web, token, do="check_in", period="2026-W48", progress=" ", confidence="2")
    long_status, long_text = await post(
        web, token, do="check_in", progress="x" * (TEXT_CHARS_MAX + 1), next="n"
    )

    assert status == long_status == 422
    assert "Please write at least one line" in text
    assert '<option value="2" selected>' in text
    assert f"at most {TEXT_CHARS_MAX} characters" in long_text
    assert (await series(world))[1].outcome == ""


async def test_one_press_excuses_it_this_time(world, web):
    token = await link(world)

    _, before = await get(web, f"/a/{token}?do=excuse")
    status, text = await post(web, token, do="excuse", period="2026-W48")

    assert 'name="do" value="excuse"' in before
    assert status == 200
    assert "Excused this time" in text
    assert (await series(world))[1].outcome == "excused"


async def test_after_the_miss_the_owner_may_still_report_and_the_manager_excuse(world, web):
    token = await link(world)
    await world.pass_time(11 * HOUR)

    _, mine = await get(web, f"/a/{await link(world, 'checkin_missed')}")
    status, refused = await post(web, token, do="excuse", period="2026-W48")
    _, managers = await get(web, f"/a/{await link(world, 'checkin_missed', 'dana')}")
    _, excused = await post(web, await link(world, "checkin_missed", "dana"), do="excuse", period="2026-W48")

    assert "Missed. A few lines still close it." in mine
    assert 'value="excuse"' not in mine
    assert status == 200
    assert "Nothing was changed" in refused
    assert 'value="excuse"' in managers
    assert 'value="check_in"' not in managers
    assert "Excused this time" in excused
    assert (await series(world))[1].outcome == "excused"


async def test_inside_the_grace_the_page_says_that_it_still_counts(world, web):
    token = await link(world)
    await world.pass_time(8 * HOUR)

    _, text = await get(web, f"/a/{token}")
    await post(web, token, do="check_in", period="2026-W48", progress="Two demos.")

    assert "Open, past its time; until Fri 27 Nov 2026, 19:00 it still counts." in text
    assert (await series(world))[1].outcome == "late"


async def test_a_form_that_lay_open_for_a_week_is_not_taken_for_the_next_period(world, web):
    token = await link(world)
    await world.pass_time(timedelta(days=7))

    _, page = await get(web, f"/a/{token}")
    status, text = await post(web, token, do="check_in", period="2026-W48", progress="Two demos.")

    assert "about an earlier check-in" in page
    assert "<form" not in page
    assert status == 200
    assert "2026-W48 is over (missed); recorded, and it stays missed" in text
    _, checkin = await series(world)
    assert (checkin.period, checkin.outcome) == ("2026-W49", "")


async def test_nobody_checks_in_on_a_deadline(world, web):
    await world.promise()
    token = world.token("ana", "check_in", "excuse")

    status, text = await post(web, token, do="excuse", period="2026-W48")

    assert status == 422
    assert "This is not a check-in." in text
