"""Each notification as its reader gets it, plain and with hostile data. `UPDATE_GOLDEN=1` rewrites; read the diff."""

import os
from pathlib import Path

import pytest

from service.messages import samples
from service.messages.templates import Templates
from tests.messages import hostile
from tests.messages.conftest import Render

FOLDER = Path(__file__).with_name("golden")
SHIPPED = (
    "acknowledged",
    "checkin_ask",
    "checkin_missed",
    "deal_stalled",
    "deal_won",
    "digest",
    "escalated",
    "kept",
    "milestone",
    "missed",
    "offer_help",
    "policy_broken",
    "reminder",
    "replanned",
    "resolved",
    "unroutable",
)


def test_every_shipped_template_has_a_golden(templates: Templates) -> None:
    assert tuple(sorted(templates.hashes)) == SHIPPED


@pytest.mark.parametrize("data", ["plain", "hostile"])
@pytest.mark.parametrize("template", SHIPPED)
def test_message_reads_as_reviewed(template: str, data: str, rendered: Render) -> None:
    owed, reader = samples.usual(template) if data == "plain" else hostile.sample(template)
    message = rendered(owed, reader)
    for kind, text in (
        ("subject", f"{message.subject}\n{message.short}\n"),
        ("txt", message.text),
        ("html", message.html),
    ):
        golden = FOLDER / f"{template}.{data}.{kind}"
        if os.environ.get("UPDATE_GOLDEN"):
            golden.write_text(text, "utf-8")
        assert golden.read_bytes() == text.encode(), f"{golden.name} differs; UPDATE_GOLDEN=1 rewrites it"
