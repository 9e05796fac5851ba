"""`/commit`, `/done` and `/snooze`: what they do, for whom, and what is answered to whatever cannot be done."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from msgspec import structs

from service.web import slack
from tests.web.slack_world import SlackWorld, signed, slack_world

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SlackWorld]:
    async with slack_world(monkeypatch) as world:
        yield world


async def test_a_promise_is_recorded_for_whoever_makes_it_in_their_own_zone(world: SlackWorld) -> None:
    said = await world.type("/commit", "“Send the &lt;b&gt; offer by mail to Acme” by 1 Dec 17:00")

    bare = said.partition("/done ")[2].partition("”")[0]
    state = await world.state(f"deadline/{bare}")
    assert (state.owner, state.title, state.status) == ("ana", "Send the <b> offer by mail to Acme", "open")
    assert state.moments["due"].at == datetime(2026, 12, 1, 16, tzinfo=UTC)  # Madrid
    assert said.startswith(
        "You committed to “Send the &lt;b&gt; offer by mail to Acme” by Tue 1 Dec 2026, 17:00."
    )


@pytest.mark.parametrize("by", ["by", "By", "BY"])
async def test_a_day_without_an_hour_ends_as_the_calendar_says(world: SlackWorld, by: str) -> None:
    said = await world.type("/commit", f"Stand by Acme {by} Friday")

    state = await world.state(f"deadline/{said.partition('/done ')[2].partition('”')[0]}")
    assert state.moments["due"].on == "2026-11-27"
    assert said.startswith("You committed to “Stand by Acme” by Fri 27 Nov 2026.")


async def test_a_promise_that_cannot_be_recorded_is_answered_with_what_is_right(world: SlackWorld) -> None:
    events = await world.appended()

    for text, says in (
        ("", "That lacks a title and a date. Write /commit, what you promise, “by”, and the date"),
        ("Send the offer", "That lacks a date."),
        ("Send the offer by soon", "is no date that can be read in one way only. Write it as in “Monday”"),
        (
            "Send the offer by 31 Feb",
            "“31 Feb” is no date that can be read in one way only: there is no such day.",
        ),
        ("Send the offer by 2026-11-01", "That moment has passed already."),
        ("x" * 301 + " by Friday", "at most 300 characters"),
        ("offer\u0000 by Friday", "cannot be recorded"),
    ):
        assert says in await world.type("/commit", text)

    assert await world.appended() == events


async def test_a_command_that_is_sent_again_is_one_promise(world: SlackWorld) -> None:
    events = await world.appended()
    for at in (0, 1):  # signed anew
        world.at = world.at.replace(second=at)
        await world.type("/commit", "Call Acme by Friday", trigger_id="1.2.same")

    found = [key for page in [await _subjects(world)] for key in page if key.startswith("deadline/slack-")]
    assert len(found) == 1
    assert await world.appended() == events + 2  # The second is dropped where every repeat is.


async def _subjects(world: SlackWorld) -> list[str]:
    return [subject async for page in world.store.subjects() for _, subject in page]


@pytest.mark.parametrize(
    "what", ["c1", "deadline/c1", "send the proposal to NORTHWIND", "northwind proposal"]
)
async def test_done_by_id_by_title_or_by_words_of_one_title(world: SlackWorld, what: str) -> None:
    await world.promise("Call Acme", commitment_id="c2")
    message = await world.tell()

    said = await world.type("/done", what)

    assert said == "Send the proposal to Northwind: Done. Thank you."
    assert [(await world.state(f"deadline/{bare}")).status for bare in ("c1", "c2")] == ["met", "open"]
    await world.shows(message, "Done. Thank you.")


async def test_what_names_nothing_or_too_much_is_answered_with_the_nearest_ones(world: SlackWorld) -> None:
    await world.promise("Send the offer to Acme", commitment_id="c2")
    await world.promise("Not hers", commitment_id="c3", owner="leo")
    events = await world.appended()

    for what in ("", "send", "Send the proposals to Northwynd", "zzz"):
        said = await world.type("/done", what)
        assert "• Send the proposal to Northwind (due Tue 24 Nov 2026, 10:00): c1" in said
        assert "Not hers" not in said

    assert await world.appended() == events


async def test_an_id_that_a_deal_and_a_deadline_share_names_neither(world: SlackWorld) -> None:
    await world.promise("Call Acme", commitment_id="17")
    step = {"next_step": "Call Joe", "next_step_at": "2026-11-27T10:00:00Z"}
    await world.publish("deal.created", deal_id="17", title="Globex", owner="ana", **step)
    events = await world.appended()

    said = await world.type("/done", "17")

    assert said.splitlines()[1:] == [
        "• Call Acme (due Tue 24 Nov 2026, 10:00): deadline/17",
        "• Call Joe (Globex) (due Fri 27 Nov 2026, 11:00): deal/17",
    ]
    assert await world.appended() == events
    assert await world.type("/done", "deal/17") == "Call Joe (Globex): Done. Thank you."
    assert (await world.state("deadline/17")).status == "open"


@pytest.mark.parametrize("part", ["it", "isi", "acm", "visit acm", "(", "…"])
async def test_a_part_of_a_word_names_nothing(world: SlackWorld, part: str) -> None:
    await world.promise("Visit (again) Acme, then write.", commitment_id="c2")

    assert "does not name one of your open commitments" in await world.type("/done", part)

    assert (await world.state("deadline/c2")).status == "open"
    assert "Done. Thank you." in await world.type("/done", "write acme again")


async def test_nobody_answers_for_another(world: SlackWorld) -> None:
    await world.promise("Call Acme", commitment_id="c2", owner="dana")

    said = await world.type("/done", "c1", member_id="U0DANA")

    assert said.splitlines()[1:] == ["• Call Acme (due Tue 24 Nov 2026, 10:00): c2"]
    assert (await world.state()).status == "open"
    await world.publish("deadline.met", commitment_id="c2")
    assert "Nothing of yours is open" in await world.type("/done", "c1", member_id="U0DANA")


async def test_snooze_says_until_when(world: SlackWorld) -> None:
    said = await world.type("/snooze", "northwind 3 hours")

    assert said.startswith("Send the proposal to Northwind: You will be reminded Mon 23 Nov 2026, 13:00.")
    [run, *_] = (await world.state()).moments["due"].runs
    assert run.snoozed_until is not None


async def test_a_snooze_that_cannot_be_is_answered_with_what_is_right(world: SlackWorld) -> None:
    for text, says in (
        ("", "Write /snooze, which one, and how long"),
        ("northwind", "Write /snooze, which one, and how long"),
        ("northwind until 2026-01-01", "That moment has passed already."),
        (
            "northwind 2 fortnights",
            "“2 fortnights” does not say how long: “fortnights” is no month, and none of minutes,",
        ),
        (
            "northwind 1h 30m",
            "“1h 30m” does not say how long: it names two lengths; write one, as in “90 minutes”.",
        ),
        (
            "northwind 1.5h",
            "“1.5h” does not say how long: it is no whole number; write one, as in “90 minutes”.",
        ),
        ("northwind until fridya", "does not say how long: did you mean “friday”? Write /snooze, which one"),
        ("acme 2h", "“acme” does not name one of your open commitments"),
    ):
        assert says in await world.type("/snooze", text)


async def test_the_next_step_of_a_deal_is_done_and_the_deal_goes_on(world: SlackWorld) -> None:
    await world.publish(
        "deal.created",
        deal_id="7",
        title="Acme",
        owner="ana",
        next_step="Call Joe",
        next_step_at="2026-11-25T10:00:00Z",
    )

    assert await world.type("/done", "call joe") == "Call Joe (Acme): Done. Thank you."

    assert (await world.state("deal/7")).status == "open"
    assert await world.type("/done", "Acme") == "A deal ends when it is won or lost; note it in your CRM."


async def test_whoever_is_unknown_or_types_what_we_do_not_know_is_told_so(world: SlackWorld) -> None:
    assert "add `slack: U0EVE` to your entry" in await world.type("/done", "c1", member_id="U0EVE")
    assert await world.type("/undo") == (
        "/undo is no command of Followthrough; there are /commit, /done, /snooze."
    )


async def test_whoever_has_left_is_nobody_of_ours_any_more(world: SlackWorld) -> None:
    graph = world.settings.graph
    left = {**graph.people, "ana": structs.replace(graph.people["ana"], active=False)}
    world.settings = replace(world.settings, graph=structs.replace(graph, people=left))

    assert "add `slack: U0ANA` to your entry" in await world.type("/done", "c1")

    assert (await world.state()).status == "open"


async def test_a_member_id_in_the_directory_needs_no_address_in_slack(world: SlackWorld) -> None:
    book = replace(world.settings.book, _slack_ids={"U0KIM": "kim", "U0TWO": ""})
    world.settings = replace(world.settings, book=book)

    assert "Nothing of yours is open" in await world.type("/done", "x", member_id="U0KIM")
    assert "add `slack: U0KIM`" in await world.type("/done", "x", member_id="U0KIM", team_id="T0EVIL")
    assert "users.info" not in world.slack.calls
    assert "add `slack: U0TWO`" in await world.type("/done", "x", member_id="U0TWO")


async def test_slack_s_own_check_and_what_lacks_its_parts(world: SlackWorld) -> None:
    check, lacking = urlencode({"ssl_check": "1", "token": "x"}).encode(), b"command=%2Fdone&text=c1"
    at = world.at.timestamp()

    assert await world.post("commands", check, signed(check, at)) == 200
    assert await world.post("commands", lacking, signed(lacking, at)) == 400


async def test_what_takes_longer_is_answered_later(
    world: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack, "ANSWER_WITHIN_S", 0.05)
    world.is_held = True

    assert await world.type("/done", "c1") == "One moment, please; the answer follows."

    await world.goes_on()
    assert await world.told() == "Send the proposal to Northwind: Done. Thank you."
