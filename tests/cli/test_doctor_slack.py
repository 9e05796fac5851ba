"""The doctor about a Slack app: what Slack says of its token and scopes, and whether presses can reach us."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.cli.checks.channels import channels
from service.cli.checks.finding import Finding, Mark
from service.settings.slack import SlackChannel
from tests.channels.hooks import LOOPBACK
from tests.channels.sink import CERTIFICATE
from tests.channels.slack_server import SIGNING_SECRET, TOKEN, Slack
from tests.channels.vendor import DROP, Reply, Vendor


@pytest.fixture(autouse=True)
def _trusts_our_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


async def findings(vendor: Vendor, public_url: str = "https://ft.example.com/", **keys: Any) -> list[Finding]:
    given = {"signing_secret": SIGNING_SECRET, "allow_private": LOOPBACK, **keys}
    channel = SlackChannel(kind="slack", token=TOKEN, api_url=vendor.url("/api/"), **given)
    service = SimpleNamespace(web=SimpleNamespace(public_url=public_url))
    found = await channels(SimpleNamespace(channels={"slack": channel}, service=service))  # type: ignore[arg-type]
    assert TOKEN not in str(found)
    assert SIGNING_SECRET not in str(found)
    return found


async def test_a_token_that_slack_knows_is_fine_and_nothing_is_posted() -> None:
    slack = Slack()
    async with Vendor(judge=slack.judge) as vendor:
        found = await findings(vendor)

    where = "https://ft.example.com/integrations/slack"
    assert found == [
        Finding(Mark.FINE, "slack: Slack knows the token, as followthrough in Acme"),
        Finding(Mark.FINE, f"slack: presses come to {where}/interactions, commands to {where}/commands"),
    ]
    assert slack.posted == {}


async def test_every_scope_that_is_missing_is_named_with_its_use() -> None:
    async with Vendor(judge=Slack(scopes={"chat:write", "users:read"}).judge) as vendor:
        _, *missing, _ = await findings(vendor)

    assert [one.mark for one in missing] == [Mark.BAD, Mark.BAD]
    opens, finds = (one.text.partition(" (it needs ")[2] for one in missing)
    assert opens == "im:write); conversations.open opens direct messages"
    assert finds == "users:read.email); users.lookupByEmail finds people by their e-mail address"


async def test_a_token_that_slack_does_not_know_is_red() -> None:
    async with Vendor(judge=Slack(token="xoxb-another").judge) as vendor:
        (found,) = await findings(vendor)

    assert (found.mark, found.text, found.is_down) == (Mark.BAD, "slack: Slack said invalid_auth", False)
    assert "docs/slack.md" in found.fix


async def test_a_slack_that_is_away_or_private_is_told_apart() -> None:
    async with Vendor(on_connection=[DROP], on_request=[Reply(503)]) as vendor:
        (away,) = await findings(vendor)
        (down,) = await findings(vendor)
        (private,) = await findings(vendor, allow_private=[])

    assert [(one.mark, one.is_down) for one in (away, down, private)] == [
        (Mark.BAD, True),
        (Mark.BAD, True),
        (Mark.BAD, False),
    ]
    assert private.fix.endswith("allow_private")


async def test_presses_that_cannot_reach_us_are_to_be_looked_at() -> None:
    async with Vendor(judge=Slack().judge) as vendor:
        *_, local = await findings(vendor, "http://127.0.0.1:8080")
        *_, deaf = await findings(vendor, signing_secret=None)

    assert [one.mark for one in (local, deaf)] == [Mark.LOOK, Mark.LOOK]
    assert "by https only" in local.text
    assert "open a page" in deaf.text
