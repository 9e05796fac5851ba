"""The doctor about what was delivered: one line a channel, yellow while its last word is an error."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from service.cli.checks import deliveries
from service.cli.checks.finding import Finding, Mark
from service.delivery.notes import NAME, Delivered, Failed
from service.settings.load import load
from service.store.memory import MemoryStore
from tests.cli.shell import Shell

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)


async def told(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, **noted: Delivered | Failed
) -> dict[str, Finding]:
    store = MemoryStore(lambda: AT)
    for field, note in noted.items():
        await store.note(NAME, field.replace("_", " "), msgspec.json.encode(note))

    @asynccontextmanager
    async def opened(_settings: object):  # type: ignore[no-untyped-def]  # of one line
        yield store

    monkeypatch.setattr(deliveries, "open_store", opened)
    monkeypatch.setattr(deliveries, "has_store", lambda _: True)
    (shell.config / "channels.yaml").write_text("wins: {kind: console}\n")
    found = await deliveries.deliveries(load(shell.config, {}), None)
    return {one.text.partition(":")[0]: one for one in found}


async def test_a_channel_says_what_it_delivered_last_and_what_went_wrong(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await told(
        shell,
        monkeypatch,
        delivered_wins=Delivered(AT, "a channel", "deal_won"),
        failed_wins=Failed(AT - timedelta(hours=1), "the server said 503"),
        failed_email=Failed(AT, "the server cannot be reached"),
    )

    shown = AT.astimezone()
    assert found["wins"].mark == Mark.FINE
    assert found["wins"].text == (
        f"wins: last delivery {shown:%Y-%m-%d %H:%M:%S}, deal_won to a channel; "
        f"last error {shown - timedelta(hours=1):%Y-%m-%d %H:%M:%S}: the server said 503"
    )
    assert found["email"].mark == Mark.LOOK, "nobody configured it: what it says is told all the same"
    assert "no delivery yet; last error" in found["email"].text
    assert "dead-letters" in found["email"].fix


async def test_a_channel_that_never_delivered_is_no_trouble(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await told(shell, monkeypatch)

    assert [(one.mark, one.text) for one in found.values()] == [(Mark.FINE, "wins: no delivery yet")]
