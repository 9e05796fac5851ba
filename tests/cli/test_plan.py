"""plan: what a changed policy would do to what is open, shown first, done with --apply."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import pytest

from tests.cli.shell import Shell, wait_for

pytestmark = pytest.mark.server

OLD = {
    "policy": "ladder",
    "for": "deadline",
    "steps": [
        {"id": "missed", "at": "the moment", "notify": "owner"},
        {"id": "manager", "at": "2 hours after", "notify": "owner.manager"},
    ],
}
NEW = {**OLD, "steps": [{"id": "day", "at": "5 hours before", "notify": "owner"}, *OLD["steps"][1:]]}


def only(shell: Shell, **policies: dict[str, Any]) -> None:
    """The policies in force from the next look at the configuration on."""
    folder = shell.config / "policies"
    for path in folder.iterdir():
        path.unlink()
    for name, policy in policies.items():
        (folder / f"{name}.yaml").write_text(json.dumps(policy))


def decided(shell: Shell, bare_id: str) -> list[str]:
    try:
        with urlopen(f"http://127.0.0.1:{shell.port}/v1/commitments/deadline/{bare_id}") as answer:
            return [one["input"] for one in json.load(answer)["decisions"]]
    except OSError:
        return []


@pytest.fixture
def service(shell: Shell) -> Iterator["subprocess.Popen[str]"]:
    """The service on OLD, with one commitment open."""
    only(shell, ladder=OLD)
    process = shell.start("run")
    assert process.stdout is not None
    assert process.stdout.readline()
    words = ("commitment_id=c1", "title=Call back", "owner=ana", "due_at=+4h")
    assert shell("emit", "deadline.set", *words).code == 0
    wait_for(lambda: decided(shell, "c1"))
    yield process
    if process.poll() is None:
        process.terminate()
    process.communicate()


def test_a_plan_is_shown_and_then_done(shell: Shell, service: "subprocess.Popen[str]") -> None:
    assert shell("plan") == (
        0,
        "",
        "nothing would change: all that is open runs under the present policies\n",
    )
    only(shell, ladder=NEW)

    shown, as_json = shell("plan"), shell("plan", "--json")

    assert (shown.code, as_json.code) == (1, 1)
    [headline, subject, following, passed] = shown.out.splitlines()
    assert headline.startswith("ladder  ")
    assert headline.endswith(": 1 open commitment")
    assert subject == "  deadline/c1  Call back, of ana"
    assert " missed, to ana → " in following
    assert following.endswith(" manager, to dana")
    assert passed == "      passed over: day"
    assert "1 open commitment would change; nothing was changed." in shown.err
    [change] = as_json.json["changes"]
    [one] = change["commitments"]
    assert (change["policy"], change["count"], as_json.json["applied"]) == ("ladder", 1, False)
    assert (one["before"]["step"], one["after"]["step"], one["passed_over"]) == ("missed", "manager", ["day"])

    [reader] = as_json.json["at_one_minute"]
    assert (reader["to"], reader["commitments"]) == ("dana", 1)

    applied = shell("plan", "--apply")

    assert applied.code == 0
    assert "1 open commitment told to follow the present policies" in applied.err
    wait_for(lambda: decided(shell, "c1")[0] == "policy.replaced")
    assert shell("plan").code == 0

    # A policy that is gone, another in its place; and nobody who would read the events now.
    service.terminate()
    assert service.wait(20) == 0
    only(shell, other={**NEW, "policy": "other"})

    applied = shell("plan", "--apply", "--json")

    assert applied.code == 0
    assert [(change["policy"], change["new"] is None) for change in applied.json["changes"]] == [
        ("ladder", True),
        ("other", False),
    ]
    assert shell("plan").code == 1  # the event waits in the log


def test_what_nobody_will_notice_is_counted_in_one_line(
    shell: Shell, service: "subprocess.Popen[str]"
) -> None:
    later = {"id": "director", "at": "9 hours after", "notify": "owner.manager.manager"}
    only(shell, ladder={**OLD, "steps": [*OLD["steps"], later]})

    [headline, *lines] = shell("plan").out.splitlines()

    assert headline.endswith(": 1 open commitment")
    assert lines == ["  1 whose next step stays as it is (--json)"]
