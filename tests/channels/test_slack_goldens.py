"""Each notification as Slack is given it, and a message after an answer. `UPDATE_GOLDEN=1` rewrites; read the diff."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.channels import slack_blocks, slack_standing
from service.channels.slack_standing import Standing
from service.core.message import Action
from tests.channels.messages import SHIPPED, rendered

FOLDER = Path(__file__).with_name("golden_slack")
LINK = "https://ft.example.com/a/token"
STANDING = Standing(
    "Send the <b>offer</b> & more",
    ("Open, 2 hours past its date.", "You are on it since Tue 24 Nov 2026, 10:00."),
    ("Due", "Tue 24 Nov 2026, 09:00", datetime(2026, 11, 24, 8, tzinfo=UTC)),
    (Action("Done", f"{LINK}?do=done", "done"), Action("Remind me later", f"{LINK}?do=snooze", "snooze")),
    "You’re on it. Steps that wait for an answer are on hold until Thu 26 Nov 2026, 10:00.",
)


def check_golden(name: str, payload: dict[str, object]) -> None:
    golden, text = FOLDER / f"{name}.json", json.dumps(payload, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert golden.read_text("utf-8") == text, f"{golden.name} differs; UPDATE_GOLDEN=1 rewrites it"


@pytest.mark.parametrize("data", ["plain", "hostile"])
@pytest.mark.parametrize("template", SHIPPED)
def test_message_in_slack_is_as_reviewed_golden(template: str, data: str) -> None:
    about, message = rendered(template, data)

    check_golden(f"{template}.{data}", slack_blocks.payload(about, message, is_heard=True))


@pytest.mark.parametrize("is_heard", [True, False])
def test_message_after_an_answer_is_as_reviewed_golden(is_heard: bool) -> None:
    name = "answered" if is_heard else "answered.links"

    check_golden(name, slack_standing.payload(STANDING, is_heard=is_heard))


def test_no_golden_is_left_over() -> None:
    expected = {f"{template}.{data}.json" for template in SHIPPED for data in ("plain", "hostile")}
    assert {path.name for path in FOLDER.iterdir()} == expected | {"answered.json", "answered.links.json"}
