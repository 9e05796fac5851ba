"""Messages on standard output, for whoever has just started the service in a terminal."""

import asyncio
import sys
import unicodedata

from service.channels.contract import ChannelError
from service.core.effects import Owed
from service.core.message import Message

WIDTH = 72
# A reader that has stopped reading (`| less`) blocks a write; it must not block the service.
WRITE_S_MAX = 10


class ConsoleChannel:
    """Each message as text on standard output: `console: {kind: console}`, and `channels: [console]` for a person.

    Made for a first look, with `followthrough run` in a terminal. Nothing leaves the machine but what reads the output.
    """

    kind = "console"
    # One at a time, so that two messages do not mix.
    concurrency = 1
    rate = None

    async def send(self, owed: Owed, message: Message, address: str) -> None:
        """Print it. Fails when nobody reads the output any more."""
        shown = told(owed, message, address)
        try:
            async with asyncio.timeout(WRITE_S_MAX):
                await asyncio.to_thread(_write, shown)
        except (OSError, ValueError, TimeoutError):
            raise ChannelError("nobody reads the standard output", is_outage=True) from None

    async def close(self) -> None:
        """Nothing is held."""


def told(owed: Owed, message: Message, address: str) -> str:
    """The message as it is printed."""
    to = f"{owed.to} <{address}>" if address else owed.to
    head = f"── {owed.decided_at:%H:%M} UTC · {owed.template} · to {to} "
    text = "\n".join([head.ljust(WIDTH, "─"), message.subject, "", message.text.strip()])
    return _harmless(text) + "\n\n"


def _harmless(text: str) -> str:
    """Without what a terminal would obey or show elsewhere: controls, and marks that turn text around."""
    return "".join(
        char for char in text if char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    )


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
