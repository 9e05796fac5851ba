"""The page about Slack and the app's manifest say what the program does."""

import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from service.settings.load import examine
from service.settings.slack import SlackChannel
from service.web import slack, slack_commands
from tests.channels.slack_server import SCOPES, SIGNING_SECRET, TOKEN

DOCS = Path(__file__).parents[2] / "docs"
GOOD = Path(__file__).with_name("good")
PAGE = (DOCS / "slack.md").read_text("utf-8")


def test_the_manifest_has_every_scope_command_and_address_and_no_more() -> None:
    manifest = YAML(typ="safe").load(DOCS / "slack-app-manifest.yaml")

    scopes = set(manifest["oauth_config"]["scopes"]["bot"])
    typed = manifest["features"]["slash_commands"]
    routes = {route.path for route in slack.router.routes}
    assert scopes == (set(SCOPES.values()) - {""}) | {"commands"}
    assert [one["command"] for one in typed] == list(slack_commands._COMMANDS)
    urls = [manifest["settings"]["interactivity"]["request_url"], *(one["url"] for one in typed)]
    assert {url.removeprefix("https://ft.example.com") for url in urls} == routes
    assert set(re.findall(r"^\| `([a-z:.]+)` \|", PAGE, re.MULTILINE)) == scopes


def test_what_the_page_says_to_write_loads(tmp_path: Path) -> None:
    channels, directory = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    config = Path(shutil.copytree(GOOD, tmp_path / "config"))
    (config / "channels.yaml").write_text(
        "email: {kind: caught}\nwins: {kind: caught}\n" + channels.replace("   ", "")
    )
    people = "\n".join(line.removeprefix("   ") for line in directory.splitlines())
    (config / "directory.yaml").write_text(people.replace("id: leo,", "id: leo, roles: [ops],"))

    settings, _ = examine(config, {"SLACK_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": SIGNING_SECRET})

    assert settings is not None
    assert isinstance(settings.channels["slack"], SlackChannel)
    assert settings.book.id_of_slack("U0LEO") == "leo"


def test_a_place_in_slack_is_named_where_a_team_or_a_policy_speaks_there(tmp_path: Path) -> None:
    config = Path(shutil.copytree(GOOD, tmp_path / "config"))
    (config / "channels.yaml").write_text(f"email: {{kind: caught}}\nwins: {{kind: slack, token: {TOKEN}}}\n")
    policy = config / "policies" / "deadlines.yaml"
    policy.write_text(policy.read_text().replace("notify: owner}", "notify: channel:wins}", 1))

    _, report = examine(config, {})

    said = {error.message: error.hint for error in report.errors}
    assert said == {
        "`wins` is all of Slack, and a team needs a place in it": "write `wins:#wins`",
        "`channel:wins` is all of Slack, and needs a place in it": "write `channel:wins:#wins`",
    }
    directory = config / "directory.yaml"
    directory.write_text(directory.read_text().replace("channels: [wins]", 'channels: ["wins:#wins"]'))
    policy.write_text(policy.read_text().replace("channel:wins}", '"channel:wins:#wins"}'))
    _, report = examine(config, {})
    assert report.errors == []
    assert "is not in channels.yaml" not in str(report.warnings)


@pytest.mark.parametrize("text", re.findall(r"`(/(?:commit|done|snooze) [^`]+)`", PAGE))
def test_every_command_on_the_page_is_understood(text: str) -> None:
    name, _, rest = text.partition(" ")
    assert name in slack_commands._COMMANDS
    if name == "/snooze":
        assert slack_commands._split(rest) == ("offer to Acme", "2 hours")
