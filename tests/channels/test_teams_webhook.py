"""What Teams is told: a card within its budget, in which data is never read as Markdown."""

import json
from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace

from service.channels import teams_card
from service.core.message import Action, Card, Message
from tests.channels import judges
from tests.channels.hooks import channel_to
from tests.channels.messages import SHIPPED, messages, rendered
from tests.channels.samples import MESSAGE, owed
from tests.channels.vendor import Request, Vendor


def card(message: Message, envelope: str = "attachments") -> dict[str, Any]:
    """The card that would be sent; Teams' judge has to accept it."""
    body = teams_card.payload(message, envelope)
    answer = judges.teams(envelope)(Request("POST", "/", {}, body))
    assert answer.status == 202, answer
    data = json.loads(body)
    found: dict[str, Any] = data["attachments"][0]["content"] if envelope == "attachments" else data
    return found


def texts(shown: dict[str, Any]) -> list[str]:
    return ["".join(run["text"] for run in element["inlines"]) for element in shown["body"]]


@pytest.mark.parametrize("data", ["plain", "hostile", "built in"])
@pytest.mark.parametrize("template", SHIPPED)
def test_every_shipped_message_is_accepted_in_both_envelopes(template: str, data: str) -> None:
    _, message = rendered(template, data)

    assert card(message) == card(message, "bare")


@given(messages)
def test_any_message_is_within_the_budget(message: Message) -> None:
    card(message)


def test_a_card_says_what_a_mail_says() -> None:
    _, message = rendered("missed")

    shown = card(message)

    said = texts(shown)
    assert said[:2] == [message.subject, "Was due just now"]
    assert shown["body"][1]["inlines"][0]["color"] == "attention"
    assert "Was due: Tue 24 Nov, 17:00 (Europe/Madrid)" in said
    assert "It is yours." in said
    assert any(line.startswith("Finished, on your way") for line in said)
    assert [action["title"] for action in shown["actions"]] == [
        *(action.label for action in message.actions),
        "Open the record",
    ]
    assert shown["fallbackText"] == message.short


@pytest.mark.parametrize("size", [300, 2000])
def test_what_is_over_the_budget_is_cut_in_whole_lines_and_counted(size: int) -> None:
    body = "\n".join(f"{number}. eine längere Zeile über etwas Versprochenes 日本" for number in range(size))
    message = replace(MESSAGE, card=Card("t", body, reasons=("Because.",)))

    said = texts(card(message))

    kept = [line for line in said if "Versprochenes" in line]
    assert f"… and {size - len(kept)} more lines; the link below has all of it" in said
    assert len(teams_card.payload(message)) > 19_000
    assert said[-1] == "Because."


def test_reasons_that_leave_no_room_for_the_text_give_way_to_it() -> None:
    reasons = tuple("日本語 " * 150 for _ in range(20))

    said = texts(
        card(replace(MESSAGE, card=Card("t", "What matters.", rows=(("Owner", "Ana"),), reasons=reasons)))
    )

    assert said == [MESSAGE.subject, "Owner: Ana", "What matters."]


def test_the_longest_of_everything_is_within_the_budget() -> None:
    worst = "\x07"  # Six bytes in JSON.
    url = "https://x/" + "y" * 1989
    shown = Card(
        worst * 500,
        worst * 9000,
        worst * 500,
        "late",
        ((worst * 500, worst * 900),) * 10,
        "",
        url,
        (worst * 900,) * 9,
    )
    actions = tuple(Action(worst * 200, url, "done") for _ in range(6))

    card(Message(worst * 500, worst * 500, "", "", actions, card=shown))


def test_a_link_that_is_too_long_is_missing_and_missed() -> None:
    actions = (Action("Done", "https://ft.example.com/" + "x" * 3000, "done"), *MESSAGE.actions)

    shown = card(replace(MESSAGE, actions=actions))

    assert [action["title"] for action in shown["actions"]] == ["I'm on it"]
    assert "A button is missing here: its link is longer than this channel allows." in texts(shown)


async def test_a_flow_that_wants_the_bare_card_gets_it() -> None:
    async with Vendor(judge=judges.teams("bare")) as vendor:
        channel = channel_to("teams_webhook", vendor.url(), envelope="bare")
        await channel.send(owed(), MESSAGE, "")
        await channel.close()

    assert json.loads(vendor.taken[0].body)["type"] == "AdaptiveCard"
