"""The doctor about channels with a URL: it connects, sends nothing, and shows no more of the URL than its host."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.cli.checks.channels import channels
from service.cli.checks.configuration import public_url
from service.cli.checks.finding import Finding, Mark
from service.settings.channels import KINDS
from tests.channels.hooks import LOOPBACK
from tests.channels.sink import CERTIFICATE
from tests.channels.vendor import DROP, Vendor


@pytest.fixture(autouse=True)
def _trusts_our_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


async def findings(kind: str, **keys: Any) -> list[Finding]:
    channel = KINDS[kind].model_validate({"kind": kind, **keys})
    found = await channels(SimpleNamespace(channels={"wins": channel}))  # type: ignore[arg-type]
    assert "canary" not in str(found)
    return found


async def test_a_webhook_is_connected_to_and_nothing_is_sent() -> None:
    async with Vendor() as vendor:
        url = vendor.url("/services/canary?sig=canary")
        found = await findings("slack_webhook", url=url, allow_private=LOOPBACK)

    said = f"wins: localhost:{vendor.port} answers, encrypted; nothing was sent"
    assert found == [Finding(Mark.FINE, said)]
    assert vendor.requests == []


async def test_teams_has_to_be_looked_at_by_a_person() -> None:
    async with Vendor() as vendor:
        found = await findings("teams_webhook", url=vendor.url("/canary"), allow_private=LOOPBACK)

    assert [one.mark for one in found] == [Mark.FINE, Mark.LOOK]
    assert found[1].fix == "look into the Teams channel once, or try the other `envelope`"


async def test_a_private_address_that_nobody_opened_is_red() -> None:
    async with Vendor() as vendor:
        found = await findings("slack_webhook", url=vendor.url("/canary"))

    assert [(one.mark, one.is_down) for one in found] == [(Mark.BAD, False)]
    assert found[0].text.endswith("the address of its host is private; `allow_private` can open it")
    assert vendor.connections == 0


async def test_a_server_that_hangs_up_is_red_and_down() -> None:
    async with Vendor(on_connection=[DROP]) as vendor:
        found = await findings("slack_webhook", url=vendor.url("/canary"), allow_private=LOOPBACK)

    assert [(one.mark, one.is_down) for one in found] == [(Mark.BAD, True)]
    assert found[0].fix == "check the URL of `wins` in channels.yaml and the server"


async def test_a_console_is_fine() -> None:
    assert await findings("console") == [Finding(Mark.FINE, "wins: printed on the service's standard output")]


def test_links_of_this_machine_are_fine_as_long_as_nothing_leaves_it() -> None:
    web = SimpleNamespace(public_url="http://127.0.0.1:8080", listen="127.0.0.1:8080", port=8080)

    def marks(kind: str) -> list[Mark]:
        channel = SimpleNamespace(kind=kind)
        settings = SimpleNamespace(service=SimpleNamespace(web=web), channels={"wins": channel})
        return [one.mark for one in public_url(settings)]  # type: ignore[arg-type]

    assert marks("console") == marks("caught")
    assert marks("slack_webhook") == [Mark.LOOK]
