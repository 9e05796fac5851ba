"""validate, config, schema, version: what they print, and what they answer to the shell."""

import json
from pathlib import Path

import pytest

from service import __version__
from service.settings.schema import schemas
from tests.cli.shell import Shell

POLICY = "policies/first-day.yaml"


def change(shell: Shell, name: str, old: str, new: str) -> Path:
    path = shell.config / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


# -- validate --------------------------------------------------------------------------------------------------------


def test_the_shipped_configuration_is_fine(shell: Shell) -> None:
    answer = shell("validate")

    assert answer.code == 0
    assert all(told.startswith("note: ") for told in answer.out.splitlines() if str(shell.config) in told)
    assert answer.err == f"{shell.config}: fine (8 policies, 6 people, 2 channels, 2 notes)\n"


def test_what_is_proved_of_a_policy_is_shown_and_is_a_finding(shell: Shell) -> None:
    change(shell, POLICY, "when: \"commitment.kind == 'tour'\"", "when: \"commitment.status == 'met'\"")

    answer = shell("validate")

    assert answer.code == 1
    assert "warning: " in answer.out
    assert (
        "first-day.yaml:8:7: `when` never holds today, so policy `first-day` tells nobody anything"
        in answer.out
    )
    assert answer.err.endswith(
        ": it loads, but not as meant (8 policies, 6 people, 2 channels, 1 warning, 2 notes)\n"
    )
    assert [found["severity"] for found in shell("validate", "--json").json["findings"]] == [
        "note",
        "note",
        "warning",
    ]


def test_every_problem_is_shown_with_its_line_a_caret_and_what_was_meant(shell: Shell) -> None:
    change(shell, POLICY, "notify: owner.manager.manager", "notify: owner.managerr.manager")
    change(shell, "channels.yaml", "email: {kind: caught}", "email: {kind: caughtt}")
    (shell.config / "templates").mkdir()
    (shell.config / "templates" / "missed.md.j2").write_text(
        "{% block subject %}{{ commitment.titlee }}{% endblock %}\n"
    )

    answer = shell("validate")

    assert answer.code == 2
    told = answer.out.replace(f"{shell.config}/", "")
    assert told.startswith(
        "channels.yaml:4:15: `caughtt` is not a kind of channel\n    4 | email: {kind: caughtt}"
    )
    assert "      |               ^\n    did you mean `caught`?\n" in told
    places = [line for line in answer.out.splitlines() if line.startswith(str(shell.config))]
    assert [place.removeprefix(f"{shell.config}/").partition(":")[0] for place in places] == [
        "channels.yaml",
        "policies/first-day.yaml",
        "templates/missed.md.j2",
    ]
    assert "did you mean `owner.manager.manager`?" in answer.out
    assert answer.err == f"{shell.config}: 3 problems; the service would not start with this\n"


def test_problems_as_json_have_their_place(shell: Shell) -> None:
    change(shell, POLICY, "moment: due", "momnt: due")

    answer = shell("validate", "--json")

    assert answer.code == 2
    assert answer.json["ok"] is False
    [problem, *_] = answer.json["errors"]
    assert (Path(problem["file"]).name, problem["line"], problem["column"]) == ("first-day.yaml", 7, 1)
    assert problem["hint"] == "did you mean `moment`?"


def test_a_policy_that_uses_a_broken_template_is_not_wrong_itself(shell: Shell) -> None:
    (shell.config / "templates").mkdir()
    (shell.config / "templates" / "mine.md.j2").write_text("{% if %}")
    change(shell, POLICY, "template: missed", "template: mine")

    answer = shell("validate", "--json")

    assert [Path(problem["file"]).name for problem in answer.json["errors"]] == ["mine.md.j2"]


def test_warnings_alone_are_fine_and_with_strict_they_are_findings(shell: Shell) -> None:
    (shell.config / "channel.yaml").write_text("email: {kind: caught}\n")

    loose, strict = shell("validate"), shell("validate", "--strict")

    assert (loose.code, strict.code) == (0, 1)
    assert loose.out.startswith(f"warning: {shell.config}/channel.yaml: is not read\n")
    assert loose.err.endswith("fine (8 policies, 6 people, 2 channels, 1 warning, 2 notes)\n")


def test_a_folder_that_is_not_there_is_named(shell: Shell) -> None:
    answer = shell("validate", "--config", "/nowhere/at/all")

    assert answer.code == 2
    assert answer.out.startswith("/nowhere/at/all: there is no such folder\n")


def test_config_on_the_command_line_wins_over_the_environment(shell: Shell) -> None:
    shell.env["FOLLOWTHROUGH_CONFIG"] = "/nowhere/at/all"

    assert shell("validate", "--config", str(shell.config)).code == 0
    assert shell("validate").code == 2


# -- config ----------------------------------------------------------------------------------------------------------


def rows(shell: Shell, *arguments: str) -> dict[str, tuple[object, str]]:
    answer = shell("config", "--json", *arguments)
    assert answer.code == 0, answer.err
    return {row["key"]: (row["value"], row["origin"]) for row in answer.json}


def test_each_value_tells_where_it_comes_from(shell: Shell) -> None:
    found, file = rows(shell), shell.config / "followthrough.yaml"
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if text.startswith("time_zone"))

    assert found["config"] == (str(shell.config), "$FOLLOWTHROUGH_CONFIG")
    assert found["data_dir"] == (str(shell.data), "$FOLLOWTHROUGH_DATA_DIR")
    assert found["web.listen"] == (f"127.0.0.1:{shell.port}", "$FOLLOWTHROUGH_WEB__LISTEN")
    assert found["time_zone"] == ("Europe/Madrid", f"{file}:{line}")
    assert found["key_prefix"] == ("ft", "default")
    assert found["email.kind"][0] == "caught"
    assert rows(shell, "--config", str(shell.config))["config"] == (str(shell.config), "--config")


def test_no_secret_is_shown(shell: Shell) -> None:
    secret = "canary-4711-" + "x" * 40
    (shell.config / "key").write_text(secret)
    (shell.config / "followthrough.yaml").write_text(
        "signing_keys_file: key\n"
        f"redis_url: redis://user:{secret}@127.0.0.1:6379/0\n"
        "api_keys: [{name: crm, key: '${CRM_KEY}', scopes: [emit]}]\n"
    )
    change(
        shell,
        "channels.yaml",
        "email: {kind: caught}",
        'email: {kind: email, smtp: "smtp://ft:${SMTP_PASSWORD}@mail.example.com", from: ft@example.com}',
    )
    shell.env |= {"SMTP_PASSWORD": secret, "CRM_KEY": secret}

    shown, told = rows(shell), shell("config")

    assert "canary" not in json.dumps(shown) + told.out + told.err
    file = shell.config / "followthrough.yaml"
    assert shown["redis_url"] == ("redis://********@127.0.0.1:6379/0", f"{file}:2")
    assert shown["signing_keys[0]"] == ("********", f"{file}:1")
    assert shown["api_keys[0].key"] == ("********", f"{file}:3 (${{CRM_KEY}})")
    assert shown["email.smtp"][0] == "smtp://********@mail.example.com"
    assert "${SMTP_PASSWORD}" in shown["email.smtp"][1]


def test_integrations_are_listed_with_where_each_value_stands_and_no_secret(shell: Shell) -> None:
    folder = shell.config / "integrations"
    folder.mkdir()
    (folder / "crm.yaml").write_text(
        "authenticate: {scheme: path-token, secret: [canary-4711-canary, '${OLD_TOKEN}']}\n"
        "events:\n  - {type: deal.won, data: {deal_id: /id}}\n"
    )
    (folder / "hubspot.yaml").write_text(
        "vendor: hubspot\nauthenticate: {secret: canary-4711}\ntables: {owners: {'7': ana}}\n"
    )
    shell.env["OLD_TOKEN"] = "canary-0815-canary"

    shown, told = rows(shell), shell("config")

    assert "canary" not in json.dumps(shown) + told.out + told.err
    crm, hubspot = folder / "crm.yaml", folder / "hubspot.yaml"
    assert str(shown["integrations.crm.url"][0]).endswith("/integrations/crm/TOKEN")
    assert shown["integrations.crm.authenticate.secret[0]"] == ("********", f"{crm}:1")
    assert shown["integrations.crm.authenticate.secret[1]"] == ("********", f"{crm}:1 (${{OLD_TOKEN}})")
    assert shown["integrations.crm.events"] == (["deal.won"], f"{crm}:3")
    assert shown["integrations.crm.source"] == (None, "default")
    assert shown["integrations.hubspot.authenticate.secret[0]"] == ("********", f"{hubspot}:2")
    assert shown["integrations.hubspot.authenticate.scheme"][0] == "hubspot-v3"
    assert "vendors/hubspot.yaml:" in shown["integrations.hubspot.source"][1]
    assert "deal.won" in str(shown["integrations.hubspot.events"][0])


# -- schema, version -------------------------------------------------------------------------------------------------


def test_a_schema_is_printed_as_it_is_committed(shell: Shell) -> None:
    assert shell("schema", "policy").out == (shell.config / "schema" / "policy.json").read_text()
    assert shell("schema", "policy", "--json").json == schemas()["policy"]


def test_the_events_are_described_as_it_is_committed(shell: Shell) -> None:
    committed = Path(__file__).parents[2] / "docs" / "reference" / "asyncapi.json"
    assert shell("schema", "asyncapi").out == committed.read_text("utf-8"), (
        "run `followthrough schema asyncapi > docs/reference/asyncapi.json`"
    )


def test_without_a_name_the_schemas_are_listed(shell: Shell) -> None:
    known = sorted([*schemas(), "asyncapi"])
    assert shell("schema").out.split() == known
    assert shell("schema", "--json").json == known


@pytest.mark.parametrize("name", ["policyy", "nothing-like-it"])
def test_an_unknown_schema_is_wrong_use(shell: Shell, name: str) -> None:
    assert shell("schema", name).code == 2


def test_version(shell: Shell) -> None:
    assert shell("version").out.startswith(f"followthrough {__version__} (")
    assert shell("version", "--json").json["version"] == __version__
