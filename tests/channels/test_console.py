"""What is printed, and what happens when nobody reads it."""

import asyncio
import os
import sys
import threading
from contextlib import suppress

import pytest
from msgspec.structs import replace

from service.channels import Channels, console
from service.channels.console import ConsoleChannel, told
from service.channels.contract import ChannelError
from service.settings.channels import ConsoleChannel as ConsoleSettings
from tests.channels.messages import rendered
from tests.channels.samples import MESSAGE, owed
from tests.channels.test_caught import Kept


async def test_a_message_is_printed_to_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    channels = Channels({"console": ConsoleSettings(kind="console")}, Kept().outlets)

    await channels["console"].send(owed(), MESSAGE, "")

    assert capsys.readouterr().out == (
        "── 12:00 UTC · escalated · to ana ──────────────────────────────────────\n"
        "Send the offer: missed yesterday\n"
        "\n"
        "Hello Dana,\n"
        "\n"
        "the offer to Acme was due yesterday.\n"
        "\n"
    )


def test_a_real_message_has_its_links() -> None:
    about, message = rendered("missed")

    shown = told(about, message, "")

    assert all(action.url in shown for action in message.actions)


def test_nothing_in_it_moves_a_terminal() -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\u202egnp.exe\r\x9b31m"

    shown = told(owed(), replace(MESSAGE, subject=evil, text=evil), "")

    assert all(char.isprintable() or char == "\n" for char in shown)


async def test_a_reader_that_went_away_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    out = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stdout", out)

    with pytest.raises(ChannelError) as caught:
        await ConsoleChannel().send(owed(), MESSAGE, "")

    assert (caught.value.permanent, caught.value.is_outage) == (False, True)
    monkeypatch.undo()
    with pytest.raises(BrokenPipeError):
        out.close()


async def test_a_reader_that_stopped_reading_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    out = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr("service.channels.console.WRITE_S_MAX", 0.2)
    write, has_ended = console._write, threading.Event()

    def watched(text: str) -> None:
        try:
            write(text)
        finally:
            has_ended.set()

    monkeypatch.setattr(console, "_write", watched)

    with pytest.raises(ChannelError, match="nobody reads"):
        await ConsoleChannel().send(owed(), replace(MESSAGE, text="x" * 2_000_000), "")

    assert not has_ended.is_set()
    os.close(reading)
    assert await asyncio.to_thread(has_ended.wait, 20)
    monkeypatch.undo()
    with suppress(OSError):
        out.close()
