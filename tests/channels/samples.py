"""What channels are given in these tests."""

from typing import Any

from msgspec.structs import replace

from service.channels.mime import Sender
from service.core.effects import Owed
from service.core.message import Action, Message
from tests.delivery.desk import an_owed

SENDER = Sender("Followthrough", "ft@example.com")
ANA = "ana@example.org"
MESSAGE = Message(
    subject="Send the offer: missed yesterday",
    short="The offer to Acme was due yesterday.",
    text="Hello Dana,\n\nthe offer to Acme was due yesterday.\n",
    html="<!doctype html><html><body><p>Hello Dana</p></body></html>",
    actions=(Action("I'm on it", "http://127.0.0.1:8080/a/token", "acknowledge"),),
)


def owed(**changes: Any) -> Owed:
    return replace(an_owed(), **changes)
