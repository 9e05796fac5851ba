"""What Slack is told: within its limits whatever is in the message, calling nobody, and dated in the reader's zone."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from msgspec.structs import replace

from service.channels import slack_blocks
from service.channels.contract import ChannelError
from service.core.message import Action, Card, Message
from tests.channels import judges
from tests.channels.hooks import channel_to
from tests.channels.messages import SHIPPED, messages, rendered
from tests.channels.samples import MESSAGE, owed
from tests.channels.vendor import Reply, Request, Vendor


def posted(message: Message, **changes: Any) -> dict[str, Any]:
    """What would be sent; Slack's judge has to accept it."""
    body = msgspec.json.encode(slack_blocks.payload(owed(**changes), message))
    answer = judges.slack(Request("POST", "/", {"content-type": "application/json"}, body))
    assert answer == judges.OK, answer.body
    data: dict[str, Any] = json.loads(body)
    return data


def texts(data: dict[str, Any]) -> list[str]:
    found = []
    for block in data["blocks"]:
        parts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
        found += [part["text"] for part in parts if part and isinstance(part["text"], str)]
    return found


@pytest.mark.parametrize("data", ["plain", "hostile", "built in"])
@pytest.mark.parametrize("template", SHIPPED)
def test_every_shipped_message_is_accepted(template: str, data: str) -> None:
    about, message = rendered(template, data)

    posted(message, facts=about.facts)


@given(messages)
def test_any_message_is_within_every_limit_and_calls_nobody(message: Message) -> None:
    posted(message)


def test_a_message_says_what_a_mail_says() -> None:
    about, message = rendered("missed")

    data = posted(message, facts=about.facts)

    said = "\n".join(texts(data))
    assert data["text"] == message.short
    assert data["blocks"][0]["text"]["text"] == message.subject
    for part in ("Was due just now", "<https://crm.example.com/deals/42|Send the Contoso proposal>"):
        assert part in said
    assert "Finished, on your way, another date, or stuck" in said
    assert "It is yours." in said
    buttons = next(block["elements"] for block in data["blocks"] if block["type"] == "actions")
    assert [(button["text"]["text"], button["url"]) for button in buttons] == [
        (action.label, action.url) for action in message.actions
    ]
    assert [button.get("style") for button in buttons] == ["primary", None, None, None, None]


def test_the_deadline_is_shown_in_the_zone_of_whoever_looks() -> None:
    about, message = rendered("missed")

    said = "\n".join(texts(posted(message, facts=about.facts)))

    assert "<!date^1795536000^{date_short_pretty} {time}|Tue 24 Nov, 17:00 (Europe/Madrid)>" in said


def test_data_can_neither_mention_nor_link() -> None:
    evil = "<!channel> <@U123> <https://evil.example|Approve> & more"
    message = replace(
        MESSAGE, subject=evil, short=evil, card=Card(evil, evil, evil, rows=((evil, evil),), reasons=(evil,))
    )

    data = posted(message)

    assert "&lt;!channel&gt; &lt;@U123&gt; &lt;https://evil.example|Approve&gt; &amp; more" in texts(data)
    assert data["text"].startswith("&lt;!channel&gt;")


def test_what_does_not_fit_is_left_out_in_whole_lines_and_counted() -> None:
    body = "\n".join(f"{number}. something that was promised & is still open" for number in range(200))

    said = "\n".join(texts(posted(replace(MESSAGE, card=Card("t", body)))))

    assert "… and 144 more lines; the link below has all of it" in said
    assert "55. something that was promised &amp; is still open\n…" in said


def test_a_cut_never_leaves_half_an_entity() -> None:
    for length in range(2980, 3010):
        posted(replace(MESSAGE, card=Card("t", "<" * (length // 4) + "&" * 900)))


def test_a_link_that_is_too_long_for_slack_is_missing_and_missed() -> None:
    actions = (Action("Done", "https://ft.example.com/" + "x" * 3000, "done"), *MESSAGE.actions)

    data = posted(replace(MESSAGE, actions=actions))

    assert [len(b["elements"]) for b in data["blocks"] if b["type"] == "actions"] == [1]
    assert "A button is missing here: its link is longer than this channel allows." in texts(data)


async def test_slack_s_own_word_for_what_is_wrong_is_told_and_nothing_else_of_its_answer() -> None:
    said = []
    async with Vendor() as vendor:
        channel = channel_to("slack_webhook", vendor.url("/services/T0/B0/x"))
        for body in (b"invalid_blocks", b"<html>secret</html>", b"T0aXs3cret", b"no_service\n"):
            vendor.on_request = [Reply(403, {}, body)]
            with pytest.raises(ChannelError) as caught:
                await channel.send(owed(), MESSAGE, "")
            said.append(caught.value.text)
        await channel.close()

    assert said == [
        "the server said 403 (invalid_blocks)",
        "the server said 403",
        "the server said 403",
        "the server said 403 (no_service)",
    ]


async def test_another_place_than_its_own_is_refused_before_anything_is_sent() -> None:
    async with Vendor() as vendor:
        channel = channel_to("slack_webhook", vendor.url())
        with pytest.raises(ChannelError, match="one place of its own") as caught:
            await channel.send(owed(), MESSAGE, "#wins")
        await channel.close()

    assert caught.value.permanent
    assert vendor.requests == []


@pytest.mark.parametrize(
    ("template", "dates"), [("missed", 1), ("kept", 1), ("deal_won", 0), ("deal_stalled", 0)]
)
def test_only_the_date_a_message_is_about_is_shown_in_the_reader_s_zone(template: str, dates: int) -> None:
    about, message = rendered(template)

    said = "\n".join(texts(posted(message, facts=about.facts)))

    assert said.count("<!date^") == dates
