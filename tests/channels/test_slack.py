"""The Slack bot against a Slack that knows its limits: whom it finds, one thread a commitment, what refusals mean."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from service.channels.contract import ChannelError, Outlets, Rate
from service.channels.http import Http
from service.channels.slack import SlackChannel
from service.channels.slack_api import SlackApi
from service.channels.slack_blocks import payload
from service.channels.slack_people import REMEMBERED_S, SlackPeople
from service.channels.slack_places import Places
from service.channels.slack_reply import reply
from service.core.message import Action, Message
from service.settings.slack import SlackChannel as Settings
from service.web.answer_choices import SNOOZES
from tests.channels.hooks import LOOPBACK, http_to
from tests.channels.messages import SHIPPED, rendered
from tests.channels.samples import ANA, MESSAGE, owed
from tests.channels.slack_server import SIGNING_SECRET, TOKEN, Slack, member
from tests.channels.test_caught import Kept
from tests.channels.vendor import DROP, Reply, Vendor

ANSWERS = replace(
    MESSAGE,
    actions=tuple(
        Action(name, f"https://ft.example.com/a/t0ken?do={name}", name)
        for name in ("done", "acknowledge", "new_date", "help", "snooze")
    ),
)
RESOLVED = Message(
    "Kept: Send the offer", "Done.", "Done.", "", (Action("See", "https://ft.example.com/a/b", "open"),)
)


class Memory:
    """What delivery workers share; `lose` takes it away."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def keep(self, name: str, value: bytes, for_s: int) -> None:
        self.kept[name] = value

    async def get(self, name: str) -> bytes | None:
        return self.kept.get(name)

    @property
    def outlets(self) -> Outlets:
        return Outlets(Kept().catch, Kept().now, self.keep, self.get)


class World(NamedTuple):
    slack: Slack
    vendor: Vendor
    memory: Memory
    opened: list[SlackChannel]

    def channel(self, *, is_heard: bool = True) -> SlackChannel:
        """As another worker has it."""
        settings = Settings(
            kind="slack", token=TOKEN, api_url=self.vendor.url("/api/"), allow_private=LOOPBACK
        )
        api = SlackApi(http_to(self.vendor.url("/api/"), post_s_max=5), settings.token)
        self.opened.append(SlackChannel(api, Places("slack", self.memory.outlets), is_heard=is_heard))
        return self.opened[-1]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    slack = Slack()
    async with Vendor(judge=slack.judge) as vendor:
        world = World(slack, vendor, Memory(), [])
        yield world
        for channel in world.opened:
            await channel.close()


async def refused(channel: SlackChannel, address: str = ANA, **changes: Any) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await channel.send(owed(**changes), MESSAGE, address)
    assert ANA not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    return caught.value


async def test_a_person_is_found_by_mail_once_and_told_in_their_direct_messages(world: World) -> None:
    channel = world.channel()

    for number in (1, 2):
        await channel.send(owed(subject=f"deadline/c{number}"), MESSAGE, ANA)

    assert world.slack.calls == ["users.lookupByEmail", "conversations.open", *["chat.postMessage"] * 2]
    assert len(world.slack.said("D0ANA")) == 2


@pytest.mark.parametrize(
    ("address", "where"), [("U0ANA", "D0ANA"), ("#wins", "C0WINS"), ("C0WINS", "C0WINS")]
)
async def test_an_id_or_a_channel_s_name_needs_no_look_up_by_mail(
    world: World, address: str, where: str
) -> None:
    await world.channel().send(owed(), MESSAGE, address)

    assert "users.lookupByEmail" not in world.slack.calls
    assert len(world.slack.said(where)) == 1


async def test_what_is_no_place_in_slack_is_refused_before_anything_is_asked(world: World) -> None:
    for address in ("", "ana", "@ana", "#a b", "https://evil.example"):
        assert (await refused(world.channel(), address)).permanent

    assert world.vendor.requests == []


async def test_later_messages_stand_in_the_thread_of_the_first_which_shows_the_newest(world: World) -> None:
    first, later = owed(), owed(step="director")
    await world.channel().send(first, MESSAGE, ANA)
    # Another worker, after a restart: the place is remembered by the store.
    await world.channel().send(replace(later, key="later"), ANSWERS, ANA)
    await world.channel().send(replace(later, key="end", template="resolved"), RESOLVED, ANA)

    root, reply, end = world.slack.said("D0ANA")
    assert "thread_ts" not in root
    assert (reply["thread_ts"], reply["reply_broadcast"]) == (root["ts"], True)
    assert (end["thread_ts"], end["reply_broadcast"]) == (root["ts"], False)
    assert root["blocks"] == end["blocks"]
    assert root["blocks"][0]["text"]["text"] == "Kept: Send the offer"
    assert [e.get("value") for b in root["blocks"] if b["type"] == "actions" for e in b["elements"]] == [None]


async def test_another_reader_another_commitment_and_a_digest_are_no_part_of_the_thread(world: World) -> None:
    world.slack.members["U0LEO"] = member("leo@example.org")
    await world.channel().send(owed(), MESSAGE, ANA)
    await world.channel().send(owed(key="b", subject="deadline/other"), MESSAGE, ANA)
    await world.channel().send(owed(key="c", template="digest"), MESSAGE, ANA)
    await world.channel().send(owed(key="d", to="leo"), MESSAGE, "leo@example.org")
    await world.channel().send(owed(key="e", facts={"period": "2026-W47"}), MESSAGE, ANA)

    assert all("thread_ts" not in message for message in world.slack.posted.values())
    assert len(world.slack.posted) == 5


async def test_what_was_posted_is_not_posted_again_by_whoever_takes_over(world: World) -> None:
    await world.channel().send(owed(), MESSAGE, ANA)
    await world.channel().send(owed(key="later"), MESSAGE, ANA)

    for again in (owed(), owed(key="later")):
        await world.channel().send(again, MESSAGE, ANA)

    assert len(world.slack.posted) == 2


async def test_a_lost_memory_or_a_deleted_message_begins_a_new_thread(world: World) -> None:
    await world.channel().send(owed(), MESSAGE, ANA)
    world.memory.kept.clear()
    await world.channel().send(owed(key="b"), MESSAGE, ANA)
    world.slack.posted.clear()
    await world.channel().send(owed(key="c"), MESSAGE, ANA)
    world.memory.kept = dict.fromkeys(world.memory.kept, b"\xc1 of another version")
    await world.channel().send(owed(key="d"), MESSAGE, ANA)
    await world.channel().send(owed(key="e"), MESSAGE, ANA)

    assert ["thread_ts" in message for message in world.slack.said("D0ANA")] == [False, False, True]


async def test_a_reader_with_a_new_address_gets_a_new_thread_there(world: World) -> None:
    world.slack.members["U0NEW"] = member("new@example.org")
    await world.channel().send(owed(), MESSAGE, "U0ANA")
    await world.channel().send(owed(key="b"), MESSAGE, "U0NEW")

    assert [len(world.slack.said(where)) for where in ("D0ANA", "D0NEW")] == [1, 1]


async def test_a_failed_change_of_the_first_message_loses_and_repeats_nothing(world: World) -> None:
    channel = world.channel()
    await channel.send(owed(), MESSAGE, "U0ANA")
    channel = world.channel()
    world.vendor.on_request = [_ok(channel={"id": "D0ANA"}), _ok(ts="2"), Reply(500)]

    await channel.send(owed(key="b"), MESSAGE, "U0ANA")
    await channel.send(owed(key="b"), MESSAGE, "U0ANA")

    assert len(world.slack.posted) == 1


def _ok(**more: Any) -> Reply:
    import json

    return Reply(200, {}, json.dumps({"ok": True, **more}).encode())


def _error(word: str) -> Reply:
    return Reply(200, {}, b'{"ok":false,"error":"%s"}' % word.encode())


@pytest.mark.parametrize(
    ("reply", "permanent", "bounced", "outage"),
    [
        (_error("internal_error"), False, False, True),
        (_error("ratelimited"), False, False, False),
        (_error("invalid_auth"), False, False, False),
        (_error("users_not_found"), True, True, False),
        (_error("channel_not_found"), True, True, False),
        (_error("invalid_blocks"), True, False, False),
        (_error("<b>s3cret</b>"), False, False, True),
        (Reply(200, {}, b"<html>a proxy's page</html>"), False, False, True),
        (Reply(200, {}, b"[]"), False, False, True),
        (Reply(503), False, False, True),
        (Reply(302), True, False, False),
        (Reply(400), True, False, False),
    ],
    ids=str,
)
async def test_what_slack_refuses_means(
    world: World, reply: Reply, permanent: bool, bounced: bool, outage: bool
) -> None:
    world.vendor.on_request = [reply]

    error = await refused(world.channel(), "D0ANA")

    assert (error.permanent, error.bounced, error.is_outage, error.is_unknown) == (
        permanent,
        bounced,
        outage,
        False,
    )


async def test_nobody_with_another_channel_waits_for_whoever_mends_the_app(world: World) -> None:
    world.slack.token = "xoxb-another"

    assert (await refused(world.channel(), fallbacks=("email",))).permanent
    assert not (await refused(world.channel())).permanent


async def test_a_missing_scope_is_named(world: World) -> None:
    world.slack.scopes.remove("users:read.email")

    error = await refused(world.channel())

    assert error.text == "Slack said missing_scope (it needs users:read.email)"


async def test_a_429_is_told_with_its_time(world: World) -> None:
    world.vendor.on_request = [Reply(429, {"Retry-After": "30"}, b'{"ok":false,"error":"ratelimited"}')]

    error = await refused(world.channel())

    assert (error.retry_after_s, error.permanent, error.is_outage) == (30, False, False)


async def test_a_look_up_that_breaks_off_has_told_nobody_anything(world: World) -> None:
    world.vendor.on_request = [DROP]

    error = await refused(world.channel())

    assert (error.is_unknown, error.is_outage) == (False, True)


async def test_an_answer_that_is_longer_than_we_read_counts_as_what_it_begins_with(world: World) -> None:
    world.vendor.on_request = [Reply(200, {}, b'{"ok": true, "message": "' + b"x" * 100_000 + b'"}')]

    await world.channel().send(owed(), MESSAGE, "D0ANA")

    assert world.memory.kept == {}


async def test_a_member_who_left_is_looked_for_anew(world: World) -> None:
    channel = world.channel()
    await channel.send(owed(), MESSAGE, ANA)
    world.slack.members = {"U0NEW": member(ANA)}

    assert (await refused(channel, key="b")).bounced
    await channel.send(owed(key="b"), MESSAGE, ANA)

    assert len(world.slack.said("D0NEW")) == 1


async def test_who_is_who_is_asked_again_after_an_hour(world: World) -> None:
    now = [0.0]
    people = SlackPeople(world.channel().api, lambda: now[0])
    for at in (0, REMEMBERED_S - 1, REMEMBERED_S):
        now[0] = at
        await people.conversation(ANA)

    assert world.slack.calls.count("users.lookupByEmail") == 2


@pytest.mark.parametrize(
    ("about", "email"),
    [
        ({}, ANA),
        ({"team_id": "T0EVIL"}, ""),
        ({"team_id": "E0", "enterprise_user": {"teams": ["T0ACME"]}}, ANA),
        ({"is_bot": True}, ""),
        ({"deleted": True}, ""),
        ({"is_restricted": True}, ""),
        ({"is_email_confirmed": False}, ""),
        ({"profile": {}}, ""),
    ],
    ids=str,
)
async def test_only_a_full_member_of_our_workspace_is_believed_their_address(
    world: World, about: dict[str, Any], email: str
) -> None:
    world.slack.members["U0ANA"] |= about

    assert await world.channel().people.email_of("U0ANA") == email


# -- how it looks -------------------------------------------------------------------------------------------------
async def test_an_answer_goes_to_slack_also_when_its_web_api_is_behind_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[str] = []

    def look_up(_: Http, host: str, port: int) -> list[str]:
        called.append(host)
        raise OSError

    monkeypatch.setattr(Http, "look_up", look_up)
    near = http_to("https://proxy.example.com/api/")
    for host in (
        "hooks.slack.com",
        "hooks.slack-gov.com",
        "hooks.proxy.example.com",
        "slack.com.evil.example",
        "x.slack.com",
    ):
        await reply(near, f"https://{host}/actions/T0/1/x", "hello")
    await near.close()

    assert called == ["hooks.slack.com", "hooks.slack-gov.com", "hooks.proxy.example.com"]


def elements(message: Message, *, is_heard: bool = True) -> list[dict[str, Any]]:
    shown: Any = payload(owed(), message, is_heard=is_heard)["blocks"]
    return [element for block in shown if block["type"] == "actions" for element in block["elements"]]


def test_what_one_press_answers_is_pressed_and_the_rest_opens_the_page() -> None:
    done, acknowledge, new_date, help_, snooze = elements(ANSWERS)

    assert [one["value"] for one in (done, acknowledge, help_)] == ["t0ken"] * 3
    assert new_date["url"] == "https://ft.example.com/a/t0ken?do=new_date"
    assert {one["value"]: one["text"]["text"] for one in snooze["options"]} == SNOOZES
    assert "url" not in done


def test_buttons_that_nobody_hears_open_the_page() -> None:
    assert ["url" in one for one in elements(ANSWERS, is_heard=False)] == [True] * 5


def test_a_token_that_is_too_long_for_a_button_is_a_link() -> None:
    actions = tuple(replace(one, url=one.url.replace("t0ken", "t" * 2001)) for one in ANSWERS.actions)

    assert ["url" in one for one in elements(replace(ANSWERS, actions=actions))] == [True] * 5


@pytest.mark.parametrize("data", ["plain", "hostile", "built in"])
async def test_every_shipped_message_is_accepted_by_slack(world: World, data: str) -> None:
    channel = world.channel()
    for template in SHIPPED:
        about, message = rendered(template, data)
        await channel.send(replace(about, key=template, subject=f"deadline/{template}"), message, "U0ANA")

    assert len(world.slack.said("D0ANA")) == len(SHIPPED)


def test_channels_yaml_makes_it_with_its_keys() -> None:
    heard = Settings(kind="slack", token=TOKEN, signing_secret=SIGNING_SECRET)
    deaf = Settings(kind="slack", token=TOKEN)

    assert SlackChannel.of("slack", heard, Memory().outlets).is_heard
    assert not SlackChannel.of("slack", deaf, Memory().outlets).is_heard
    assert heard.to.url == "https://slack.com/api/"
    assert SlackChannel.rate == Rate(1)
