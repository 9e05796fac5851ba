"""What chat and webhooks are sent for each shipped template. `UPDATE_GOLDEN=1` rewrites; read the diff."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from service.channels import slack_blocks, teams_card, webhook
from service.core.effects import Owed
from service.core.message import Message
from tests.channels.messages import SHIPPED, rendered

FOLDER = Path(__file__).with_name("golden")
SENT: dict[str, Callable[[Owed, Message], bytes]] = {
    "slack_webhook": lambda owed, message: msgspec.json.encode(slack_blocks.payload(owed, message)),
    "teams_webhook": lambda _, message: teams_card.payload(message),
    "teams_webhook_bare": lambda _, message: teams_card.payload(message, "bare"),
    "webhook": webhook.payload,
}


@pytest.mark.parametrize("kind", SENT)
@pytest.mark.parametrize("template", SHIPPED)
def test_what_is_sent_is_the_golden_one(template: str, kind: str) -> None:
    sent = json.loads(SENT[kind](*rendered(template)))
    text = json.dumps(sent, indent=1, ensure_ascii=False) + "\n"
    golden = FOLDER / kind / f"{template}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, "utf-8")

    assert golden.read_text("utf-8") == text, f"{kind}/{golden.name} differs; UPDATE_GOLDEN=1 rewrites it"


def test_no_golden_is_of_a_template_that_is_gone() -> None:
    found = {(path.parent.name, path.stem) for path in FOLDER.glob("*/*.json")}

    assert found == {(kind, template) for kind in SENT for template in SHIPPED}
