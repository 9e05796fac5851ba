"""A button pressed in Slack: believed only when Slack signed it, answered for whoever it was for, shown to all."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier

from service.channels.slack_buttons import SNOOZES as IN_SLACK
from service.integrations.signatures import NotGenuine, Received, verify
from service.web import answering, slack
from service.web.answer_choices import SNOOZES
from tests.channels.slack_server import SIGNING_SECRET, member
from tests.channels.vendor import DROP
from tests.web.pages_world import owed
from tests.web.slack_world import SlackWorld, names, signed, slack_world

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SlackWorld]:
    async with slack_world(monkeypatch) as world:
        yield world


# -- what a press does ------------------------------------------------------------------------------------------------


async def test_i_m_on_it_is_acknowledged_and_the_message_shows_it(world: SlackWorld) -> None:
    message = await world.tell()
    assert names(message) == ["done", "acknowledge", "new_date", "help", "snooze"]

    assert await world.press(message, "acknowledge") == 200

    after = await world.shows(message, "You’re on it")
    assert [run.ack.by for run in (await world.state()).moments["due"].runs if run.ack] == ["ana"]
    assert names(after) == ["done", "new_date", "help", "snooze"]
    assert world.slack.replies == []
    assert 'answers_total{action="acknowledge",via="slack"} 1.0' in world.figures()


async def test_done_closes_it_and_takes_the_buttons_away(world: SlackWorld) -> None:
    message = await world.tell()

    await world.press(message, "done")

    after = await world.shows(message, "Done. Thank you.")
    assert (await world.state()).status == "met"
    assert names(after) == ["open"]


async def test_remind_me_later_waits_as_long_as_was_chosen(world: SlackWorld) -> None:
    message = await world.tell()
    assert IN_SLACK == SNOOZES

    await world.press(message, "snooze", until="4h")

    await world.shows(message, "You will be reminded")
    [run, *_] = (await world.state()).moments["due"].runs
    assert run.snoozed_until is not None
    assert 4 * 3600 - 60 < (run.snoozed_until - world.at).total_seconds() < 4 * 3600


async def test_i_need_help_is_asked_for_once_however_often_it_is_pressed(world: SlackWorld) -> None:
    message = await world.tell()

    for _ in range(3):
        await world.press(message, "help")
        await world.shows(message, "Help was asked for")

    asked = [entry for entry in await world.history() if entry.input == "commitment.help_requested"]
    assert len(asked) == 1


async def test_the_same_request_sent_again_does_nothing_at_all(world: SlackWorld) -> None:
    message = await world.tell()
    body, headers = world.pressed(message, "acknowledge")
    await world.post("interactions", body, headers)
    await world.shows(message, "You’re on it")
    events, calls = await world.appended(), len(world.slack.calls)

    assert await world.post("interactions", body, headers) == 200

    assert (await world.appended(), len(world.slack.calls)) == (events, calls)
    assert 'intake_refusals_total{reason="replayed"} 1.0' in world.figures()


async def test_an_answer_in_the_thread_shows_in_the_first_message_and_to_whoever_was_told(
    world: SlackWorld,
) -> None:
    first = await world.tell()
    await world.pass_time(timedelta(days=4))
    assert "dana" in [told.to for told in (await world.state()).told]
    reply, for_dana = await world.tell(), await world.tell("dana", "escalated")

    await world.press(reply, "done")

    await world.shows(reply, "Done. Thank you.")
    root, dana = await world.shows(first, "Done. Thank you."), await world.shows(for_dana, "Done Fri 27 Nov")
    assert [names(message) for message in (root, dana)] == [["open"], ["open"]]


@pytest.mark.parametrize("is_on_the_page", [False, True])
async def test_what_an_answer_says_to_its_author_stands_in_nobody_else_s_message(
    world: SlackWorld, is_on_the_page: bool
) -> None:
    first = await world.tell()
    await world.pass_time(timedelta(days=4))
    for_dana = await world.tell("dana", "escalated")

    if is_on_the_page:
        async with world.web.post(f"/a/{world.token()}", data={"do": "acknowledge"}) as response:
            assert response.status == 200
    else:
        await world.press(first, "acknowledge")

    await world.shows(first, "You’re on it")
    shown = json.dumps(await world.shows(for_dana, "Ana Ruiz is on it since"), ensure_ascii=False)
    assert "You’re on it" not in shown
    assert "had been told" not in shown


async def test_an_answer_given_on_the_page_shows_in_slack(world: SlackWorld) -> None:
    message = await world.tell()

    async with world.web.post(f"/a/{world.token()}", data={"do": "acknowledge"}) as response:
        assert response.status == 200

    assert names(await world.shows(message, "You’re on it")) == ["done", "new_date", "help", "snooze"]


async def test_a_memory_that_was_lost_is_missed_only_by_other_messages(world: SlackWorld) -> None:
    message = await world.tell()
    world.store._room.kept.clear()

    await world.press(message, "acknowledge")

    await world.shows(message, "You’re on it")


# -- who may ----------------------------------------------------------------------------------------------------------


async def test_only_whoever_the_message_was_for_may_press(world: SlackWorld) -> None:
    message, events = await world.tell(), await world.appended()

    await world.press(message, "acknowledge", "U0DANA")

    assert await world.told() == (
        "These buttons are for Ana Ruiz, to whom this message was sent. Nothing was changed."
    )
    assert await world.appended() == events


async def test_whoever_is_nobody_of_ours_is_told_what_to_do(world: SlackWorld) -> None:
    message, events = await world.tell(), await world.appended()
    world.slack.members |= {
        "U0EVE": member("stranger@example.com"),
        "U0FOREIGN": member("ana@example.com", team_id="T0EVIL"),
        "U0UNSURE": member("ana@example.com", is_email_confirmed=False),
    }

    for count, one in enumerate(("U0EVE", "U0FOREIGN", "U0UNSURE", "U0GONE"), 1):
        await world.press(message, "done", one)
        assert f"add `slack: {one}` to your entry" in await world.told(count)

    assert await world.appended() == events


@pytest.mark.parametrize("org", ["", "E0ACME"])
async def test_a_member_id_of_the_directory_counts_in_our_workspace_and_organisation_only(
    world: SlackWorld, org: str
) -> None:
    world.settings = replace(world.settings, book=replace(world.settings.book, _slack_ids={"U0X": "ana"}))
    world.slack.enterprise = {"enterprise_id": org} if org else {}
    message, events = await world.tell(), await world.appended()

    def told_by(member_of: str, **more: Any) -> dict[str, Any]:
        return {"user": {"id": "U0X", "team_id": member_of}, "team": None, **more}

    strangers = [
        told_by("T0EVIL"),
        told_by(""),
        told_by("T0EVIL", enterprise={"id": "E0EVIL"}),
        told_by("E0EVIL"),
        told_by("", team={"id": "T0EVIL", "enterprise_id": "E0EVIL"}),
    ]
    of_org = [
        told_by("E0ACME"),
        told_by("T0OTHER", enterprise={"id": "E0ACME"}),
        told_by("", team={"id": "T0OTHER", "enterprise_id": "E0ACME"}),
    ]
    for count, teams in enumerate(strangers + ([] if org else of_org), 1):
        assert await world.press(message, "help", "U0X", teams=teams) == 200
        assert "add `slack: U0X` to your entry" in await world.told(count)
    assert await world.appended() == events

    for teams in of_org if org else [told_by("T0ACME"), told_by("", team={"id": "T0ACME"})]:
        await world.press(message, "help", "U0X", teams=teams)
        await world.shows(message, "Help was asked for")


async def test_a_press_may_do_only_what_its_link_allows(world: SlackWorld) -> None:
    message, events = await world.tell(), await world.appended()
    other = world.links.token(owed("ana", 1, world.at), ("acknowledge",))

    await world.press(message, "done", token=other)
    await world.told(1)
    await world.press(message, "done", token=other[:-3] + "xyz")
    assert await world.told(2) == "This message does not work any more. Please use the newest one about it."

    assert await world.appended() == events


async def test_an_old_message_changes_nothing_and_shows_how_things_stand(world: SlackWorld) -> None:
    message = await world.tell()
    await world.publish("deadline.reassigned", commitment_id="c1", owner="leo")

    await world.press(message, "done")

    assert "Nothing was changed" in await world.told()
    assert (await world.state()).status == "open"
    assert names(await world.shows(message, "Open, due in")) == ["open"]


async def test_a_button_that_is_a_link_asks_nothing_of_us(world: SlackWorld) -> None:
    message, calls = await world.tell(), list(world.slack.calls)

    assert await world.press(message, "new_date") == 200

    assert world.slack.calls == calls


# -- what is believed -------------------------------------------------------------------------------------------------


async def test_a_request_from_another_time_is_refused(world: SlackWorld) -> None:
    body, _ = world.pressed(await world.tell(), "done")

    for late_s in (-310, 310):
        status = await world.post("interactions", body, signed(body, world.at.timestamp() + late_s))
        assert status == 401
        assert json.loads(world.answer)["error"] == "stale_timestamp"
    assert (await world.state()).status == "open"


async def test_what_slack_did_not_sign_so_is_refused(world: SlackWorld) -> None:
    body, headers = world.pressed(await world.tell(), "done")
    now = world.at.timestamp()
    wrong = {
        "another secret": (body, signed(body, now, SIGNING_SECRET[::-1])),
        "another body": (body + b"&a=b", headers),
        "cut off": (body[:-1], headers),
        "no signature": (body, {**headers, "X-Slack-Signature": ""}),
        "half a signature": (body, {**headers, "X-Slack-Signature": "v0="}),
        "another version": (
            body,
            {**headers, "X-Slack-Signature": headers["X-Slack-Signature"].replace("v0", "v1")},
        ),
        "another time": (body, {**headers, "X-Slack-Request-Timestamp": str(int(now) + 1)}),
        "no time": (body, {**headers, "X-Slack-Request-Timestamp": "now"}),
    }

    found = {name: await world.post("interactions", *request) for name, request in wrong.items()}

    assert found == dict.fromkeys(wrong, 401)
    assert (await world.state()).status == "open"


async def test_what_is_signed_and_cannot_be_read_is_refused(world: SlackWorld) -> None:
    bad = {
        "truncated": b"payload=%7B%22type",
        "deep": b"payload=" + b"%5B" * 20_000,
        "null": b"payload=null",
        "no text": b"payload=%FF%FE",
        "wrong type": b"payload=%7B%22type%22%3A7%7D",
        "many fields": b"&".join(b"a%d=b" % n for n in range(100)),
        "nothing": b"",
    }

    found = {
        name: await world.post("interactions", body, signed(body, world.at.timestamp()))
        for name, body in bad.items()
    }

    assert found == dict.fromkeys(bad, 400)


async def test_an_oversized_request_is_refused_before_it_is_read(world: SlackWorld) -> None:
    body = b"payload=" + b"x" * 300_000

    assert await world.post("interactions", body, signed(body, world.at.timestamp())) == 413


async def test_another_interaction_is_answered_and_ignored(world: SlackWorld) -> None:
    body = urlencode({"payload": json.dumps({"type": "view_submission"})}).encode()

    assert await world.post("interactions", body, signed(body, world.at.timestamp())) == 200


async def test_without_a_signing_secret_there_is_no_such_address(world: SlackWorld) -> None:
    settings = world.settings.channels["slack"].model_copy(update={"signing_secret": None})
    world.settings.channels["slack"] = settings
    body, headers = world.pressed(await world.tell(), "done")

    assert await world.post("interactions", body, headers) == 404


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200),
    st.integers(1_700_000_000, 2_000_000_000),
    st.integers(0, 63),
)
def test_our_verification_agrees_with_slack_s_own(text: str, at: int, flipped: int) -> None:
    body = text.encode()  # Slack's SDK signs nothing else.
    how = slack._signed_with(SIGNING_SECRET)
    headers = signed(body, at)
    good = headers["X-Slack-Signature"]
    digit = good[3 + flipped]
    bad = good[: 3 + flipped] + ("0" if digit != "0" else "1") + good[4 + flipped :]
    theirs = SignatureVerifier(SIGNING_SECRET)
    theirs.clock.now = lambda: at  # type: ignore[method-assign]
    for signature, is_good in ((good, True), (bad, False), ("", False)):
        given = {**headers, "X-Slack-Signature": signature}
        assert bool(signature and theirs.is_valid_request(body, given)) == is_good
        received = Received("POST", "", tuple((k.lower(), v) for k, v in given.items()), body)
        try:
            verify(how, received, datetime.fromtimestamp(at, UTC))
        except NotGenuine:
            assert not is_good
        else:
            assert is_good


# -- in time ----------------------------------------------------------------------------------------------------------


async def test_slack_is_answered_in_time_however_slow_the_rest_is(
    world: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack, "ANSWER_WITHIN_S", 0.05)
    message, world.is_held = await world.tell(), True

    assert await world.press(message, "acknowledge") == 200
    assert (await world.state()).moments["due"].runs[0].ack is None

    await world.goes_on()
    await world.shows(message, "You’re on it")


async def test_an_answer_that_waits_in_the_queue_is_said_to_be_on_its_way(
    world: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "APPLIED_WITHIN_S", 0.05)
    message, world.is_held = await world.tell(), True

    await world.press(message, "acknowledge")

    assert await world.told() == "Your answer is received; it takes effect when the queue is read."


async def test_what_could_not_be_recorded_is_said_and_may_be_pressed_again(world: SlackWorld) -> None:
    message = await world.tell()
    body, headers = world.pressed(message, "acknowledge")
    world.store.is_down = True
    assert await world.post("interactions", body, headers) == 200
    assert "Please try again in a minute" in await world.told()

    world.store.is_down = False
    await world.post("interactions", body, headers)

    await world.shows(message, "You’re on it")


async def test_a_slack_that_does_not_say_who_pressed_changes_nothing(world: SlackWorld) -> None:
    message = await world.tell()
    world.vendor.on_request = [DROP]

    await world.press(message, "done")

    assert "Please try again in a minute" in await world.told()
    assert (await world.state()).status == "open"


async def test_nothing_is_answered_at_an_address_that_is_not_slack_s(world: SlackWorld) -> None:
    connections = world.vendor.connections
    here = world.vendor.url("/reply/x")
    for url in (
        here.replace("localhost", "127.0.0.1"),  # whom the configuration lets us call, and who is not Slack
        here.replace("https", "http"),
        "https://localhost.evil.example/x",
        "file:///etc/passwd",
        "",
    ):
        await world.channel.api.reply(url, "hello")
    assert world.vendor.connections == connections

    await world.channel.api.reply(here, "hello")

    assert await world.told() == "hello"
