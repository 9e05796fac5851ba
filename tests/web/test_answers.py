"""The page behind a signed link: looking changes nothing, choosing does, once."""

import asyncio
import re
from datetime import UTC, date, datetime, time, timedelta

import aiohttp
import pytest

from service.core.calendar import wall
from service.web import answering, answers
from service.web.buckets import Buckets
from tests.web.pages_world import KEY, PagesWorld, get, nth_cycle, post, serving

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
async def world() -> PagesWorld:
    world = PagesWorld()
    await world.promise()
    return world


# -- looking --------------------------------------------------------------------------------------------------------


async def test_the_page_says_what_is_promised_by_whom_and_until_when_in_the_readers_zone(world, web):
    await world.publish("deadline.moved", commitment_id="c1", due_at="2026-11-25T16:00:00Z")
    token = world.token("dana", "acknowledge", "help", as_of=2)

    status, text = await get(web, f"/a/{token}")

    assert status == 200
    assert "Send the proposal to Northwind" in text
    assert "Ana Ruiz" in text
    assert "Wed 25 Nov 2026, 17:00" in text  # Madrid
    assert "Europe/Madrid" in text
    assert text.count("<form") == 2  # I'm on it, I need help


async def test_a_hundred_looks_by_a_scanner_change_nothing(world, web):
    token = world.token()
    before, state = await world.appended(), await world.state()

    for number in range(50):
        async with web.get(f"/a/{token}?do={'done' if number % 2 else 'acknowledge'}") as response:
            assert response.status == 200
        async with web.head(f"/a/{token}?do=done") as response:
            assert response.status == 200

    assert await world.appended() == before
    assert await world.state() == state


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_no_other_method_acts(world, web, method):
    async with web.request(method, f"/a/{world.token()}", data={"do": "done"}) as response:
        assert response.status >= 400

    assert (await world.state()).status == "open"


async def test_nothing_keeps_or_leaks_the_page(world, web):
    async with web.get(f"/a/{world.token()}") as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "'unsafe-inline'" not in response.headers["Content-Security-Policy"]


async def test_what_the_sender_wrote_is_shown_as_text(world, web):
    hostile = "<script>alert(1)</script>"
    await world.promise(hostile, commitment_id="c1", description=hostile, url="javascript:alert(1)")

    _, text = await get(web, f"/a/{world.token(as_of=9)}")

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "javascript:" not in text


# -- links that do not work -------------------------------------------------------------------------------------------


async def test_every_link_that_does_not_work_gets_one_same_page(world, web):
    good = world.token()
    other = PagesWorld()
    other.links = type(world.links)([KEY[::-1]], "http://127.0.0.1")
    bad = [
        "x",
        good[:-2],
        good.replace(good[3], "A" if good[3] != "A" else "B", 1),
        other.token(),
        world.token(decided_at=world.at - timedelta(days=15)),
        "a" * 5000,
    ]
    answers_seen = set()
    for token in bad:
        for method in ("GET", "POST"):
            async with web.request(method, f"/a/{token}", data={"do": "done"}) as response:
                answers_seen.add((response.status, await response.text()))

    assert len(answers_seen) == 1
    assert answers_seen.pop()[0] == 404


async def test_a_commitment_that_is_no_longer_kept_gets_that_page_too(world, web):
    status, gone = await get(web, "/a/x")
    other = PagesWorld()

    async with serving(other.app()) as url, aiohttp.ClientSession(url) as client:
        assert await get(client, f"/a/{world.token()}") == (status, gone)


# -- choosing -------------------------------------------------------------------------------------------------------


async def test_done_closes_it_and_says_so(world, web):
    status, text = await post(web, world.token(), do="done", seen=str(nth_cycle(1)))

    state = await world.state()
    assert (status, state.status) == (200, "met")
    assert "Done. Thank you." in text
    assert "on time" in text
    assert world.metrics.value("answers_total", action="done", via="link") == 1


async def test_a_double_click_is_one_effect(world, web):
    token, before = world.token(), await world.appended()

    results = await asyncio.gather(
        *(post(web, token, do="acknowledge", seen=str(nth_cycle(1))) for _ in range(2))
    )
    again = await post(web, token, do="acknowledge", seen=str(nth_cycle(1)))

    assert [status for status, _ in [*results, again]] == [200, 200, 200]
    assert all("You’re on it" in text for _, text in [*results, again])
    decided = [e for e in await world.history() if e.input == "commitment.acknowledged"]
    effective = [e for e in decided if any(r.code == "acknowledged" for r in e.reasons)]
    assert len(effective) == 1
    assert await world.appended() - before <= 2  # both may have been under way; the second is dropped


async def test_done_can_be_undone_and_done_again(world, web):
    token = world.token()
    _, text = await post(web, token, do="done", seen=str(nth_cycle(1)))
    assert "Undo: reopen it" in text

    _, text = await post(web, token, do="undo", seen=seen_in(text))
    assert "It is open again" in text
    assert (await world.state()).status == "open"

    _, text = await post(web, token, do="done", seen=seen_in(text))
    assert "Done. Thank you." in text
    assert (await world.state()).status == "met"


async def test_only_the_owner_is_offered_the_undo(world, web):
    await world.publish("deadline.met", commitment_id="c1")

    _, owner = await get(web, f"/a/{world.token('ana', 'done')}")
    _, manager = await get(web, f"/a/{world.token('dana', 'acknowledge')}")
    status, _ = await post(web, world.token("dana", "acknowledge"), do="undo")

    assert "Undo" in owner
    assert "Undo" not in manager
    assert (status, (await world.state()).status) == (422, "met")


async def test_an_answer_that_the_link_does_not_offer_is_refused(world, web):
    before = await world.appended()

    status, text = await post(web, world.token("dana", "acknowledge"), do="done")

    assert status == 422
    assert "does not offer" in text
    assert await world.appended() == before


async def test_a_new_date_is_read_in_the_owners_zone(world, web):
    await world.publish("deadline.reassigned", commitment_id="c1", owner="kim")  # New York
    token = world.token("kim", "new_date", as_of=2)

    _, text = await post(web, token, do="new_date", date="2026-12-01", time="17:00", note="waiting for legal")

    due_at = (await world.state()).moments["due"].at
    assert due_at == datetime(2026, 12, 1, 22, 0, tzinfo=UTC)
    assert "The new date is Tue 1 Dec 2026, 17:00" in text


async def test_a_new_date_inside_a_gap_of_the_clock_is_the_first_moment_after_it(world, web):
    world.at = datetime(2027, 3, 1, tzinfo=UTC)
    await world.promise(commitment_id="c1", due_at="2027-03-10T00:00:00Z")
    token = world.token(as_of=2)

    await post(web, token, do="new_date", date="2027-03-28", time="02:30")  # Madrid jumps from 02:00 to 03:00

    due_at = (await world.state()).moments["due"].at
    assert due_at == datetime(2027, 3, 28, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"do": "new_date", "date": "2026-11-20", "time": "10:00"}, "has passed already"),
        ({"do": "new_date", "date": "2031-11-20", "time": "10:00"}, "two years"),
        ({"do": "new_date", "date": "soon", "time": "10:00"}, "both a date and a time"),
        ({"do": "new_date", "date": "2026-12-01", "time": "10:00+01:00"}, "both a date and a time"),
        ({"do": "new_date", "date": "9999-12-31", "time": "23:59"}, "both a date and a time"),
        ({"do": "snooze", "until": "never"}, "when you want to be reminded"),
        ({"do": "help", "note": "x" * 4001}, "at most 4000 characters"),
        ({"do": "explode"}, "choose one of the answers"),
        ({}, "choose one of the answers"),
    ],
)
async def test_an_answer_that_cannot_be_is_sent_back_in_plain_words(world, web, form, says):
    before = await world.appended()

    status, text = await post(web, world.token(), **form)

    assert status == 422
    assert says in text
    assert await world.appended() == before


async def test_reminding_later_waits_until_the_chosen_time(world, web):
    await world.promise(commitment_id="c1", due_at="2026-12-20T09:00:00Z")

    _, text = await post(web, world.token(as_of=2), do="snooze", until="tomorrow", seen=str(nth_cycle(2)))

    zone = world.settings.graph.zone_of("ana")
    expected = wall(date(2026, 11, 24), time(9), zone)
    assert {run.snoozed_until for run in (await world.state()).moments["due"].runs} == {expected}
    assert "You will be reminded Tue 24 Nov 2026, 09:00" in text


async def test_asking_for_help_carries_the_words(world, web):
    _, text = await post(
        web, world.token(), do="help", note="The price list\r\nis missing\x00", seen=str(nth_cycle(1))
    )

    assert "Help was asked for" in text
    entry = (await world.history())[-1]
    assert entry.input == "commitment.help_requested"
    assert ("leo" in {to for _, _, to in entry.effects}) is True


async def test_the_answer_says_who_had_been_told_already(world, web):
    await world.pass_time(timedelta(days=1, seconds=1))
    await world.pass_time(timedelta(days=1))
    assert {told.to for told in (await world.state()).told} >= {"ana", "dana"}

    _, text = await post(web, world.token(), do="acknowledge", seen=str(nth_cycle(1)))

    assert "You’re on it" in text
    assert "Dana Weiss had been told already, and will see your answer." in text


async def test_an_answer_to_an_older_message_changes_nothing_and_says_why(world, web):
    token = world.token()
    await world.publish("deadline.moved", commitment_id="c1", due_at="2026-12-20T16:00:00Z")
    state = await world.state()

    _, page = await get(web, f"/a/{token}")
    _, text = await post(web, token, do="acknowledge", seen=str(nth_cycle(1)))

    assert "is older than a change of its date" in page
    assert "Nothing was changed" in text
    assert "is older than a change of its date" in text
    assert "Sun 20 Dec 2026, 17:00" in text
    after = await world.state()
    assert (after.moments, after.told) == (state.moments, state.told)


async def test_a_former_owners_done_changes_nothing_and_is_on_record(world, web):
    token = world.token("ana", "done")
    await world.publish("deadline.reassigned", commitment_id="c1", owner="leo")

    _, text = await post(web, token, do="done", seen=str(nth_cycle(2)))  # whatever the form says they saw

    assert "Nothing was changed" in text
    assert "Leo Marin" in text
    assert (await world.state()).status == "open"
    assert [reason.code for reason in (await world.history())[-1].reasons] == ["stale_answer"]


async def test_done_against_a_hand_over_that_is_read_first_changes_nothing(world, web, monkeypatch):
    monkeypatch.setattr(answering, "APPLIED_WITHIN_S", 0.1)
    token, world.is_held = world.token("ana", "done"), True
    await world.publish("deadline.reassigned", commitment_id="c1", owner="leo")

    status, text = await post(web, token, do="done", seen=str(nth_cycle(1)))
    again = re.search(r'url=(/a/[^"]+)"', text)
    assert status == 202
    assert again is not None

    await world.catch_up()
    _, text = await get(web, again[1].replace("&amp;", "&"))
    assert "Nothing was changed" in text
    assert "Leo Marin owns it" in text
    assert (await world.state()).status == "open"


async def test_the_owner_who_moved_the_date_is_done_by_an_older_message_too(world, web):
    token = world.token("ana", "done")
    await world.publish("deadline.moved", commitment_id="c1", due_at="2026-12-20T16:00:00Z", by="ana")

    _, text = await post(web, token, do="done", seen=str(nth_cycle(1)))

    assert "Done. Thank you." in text
    assert (await world.state()).status == "met"


async def test_done_on_a_page_from_before_a_reopening_changes_nothing_and_on_the_new_page_it_counts(
    world, web
):
    token = world.token("ana", "done", decided_at=world.at - timedelta(hours=1))
    await world.publish("deadline.met", commitment_id="c1", by="ana")
    await world.publish("deadline.reopened", commitment_id="c1", by="dana")

    _, text = await post(web, token, do="done", seen=str(nth_cycle(1)))
    assert "Nothing was changed" in text
    assert (await world.state()).status == "open"

    _, text = await post(web, token, do="done", seen=seen_in(text))
    assert "Done. Thank you." in text
    assert (await world.state()).status == "met"


async def test_an_undo_forgotten_in_another_tab_does_not_reopen_a_later_done(world, web):
    token, tab = world.token(), world.token("ana", "done", decided_at=world.at - timedelta(hours=1))
    await post(web, token, do="done", seen=str(nth_cycle(1)))
    _, text = await post(web, token, do="undo", seen=str(nth_cycle(1)))
    await post(web, token, do="done", seen=seen_in(text))

    _, text = await post(web, tab, do="undo", seen=str(nth_cycle(1)))

    assert "Nothing was changed" in text
    assert "It is now due" not in text
    assert (await world.state()).status == "met"


# -- when something is slow, away or hammering --------------------------------------------------------------------


async def test_an_answer_not_applied_yet_is_received_and_looked_for_again(world, web, monkeypatch):
    monkeypatch.setattr(answering, "APPLIED_WITHIN_S", 0.1)
    world.is_held = True

    status, text = await post(web, world.token(), do="done", seen=str(nth_cycle(1)))

    assert status == 202
    assert "takes effect when the queue is read" in text
    again = re.search(r'url=(/a/[^"]+)"', text)
    assert again is not None
    path = again[1].replace("&amp;", "&")
    assert (await get(web, path))[0] == 202

    await world.catch_up()
    status, text = await get(web, path)
    assert status == 200
    assert "Done. Thank you." in text


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_store_that_is_away_is_said_in_plain_words(world, web, method):
    token, world.store.is_down = world.token(), True

    async with web.request(method, f"/a/{token}", data={"do": "done"}) as response:
        text = await response.text()

    assert response.status == 503
    assert "it was not recorded; try again" in text


async def test_one_link_hammered_is_slowed_and_the_others_are_not(world, web, monkeypatch):
    monkeypatch.setattr(answers, "_buckets", Buckets(capacity=3, per_s=0.001))
    token = world.token()

    statuses = [(await get(web, f"/a/{token}"))[0] for _ in range(5)]

    assert statuses == [200, 200, 200, 429, 429]
    assert (await get(web, f"/a/{world.token('dana', 'acknowledge')}"))[0] == 200


async def test_a_body_that_is_no_form_of_ours_is_refused(world, web):
    token, before = world.token(), await world.appended()
    forms = [
        ({"Content-Type": "application/json"}, b'{"do": "done"}'),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"do=done&note=" + b"x" * 70_000),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"do=done&note=%ff%fe"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"&".join(b"a%d=1" % n for n in range(50))),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"\xff\xfe"),
    ]
    for headers, data in forms:
        async with web.post(f"/a/{token}", headers=headers, data=data) as response:
            assert response.status in (400, 413, 415)
            assert "Nothing was changed" in await response.text() or response.status == 413

    assert await world.appended() == before


def seen_in(text: str) -> str:
    found = re.search(r'name="seen" value="(\d+)"', text)
    assert found is not None
    return found[1]
