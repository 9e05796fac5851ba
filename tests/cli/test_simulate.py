"""test and simulate: the policies' promises in fast-forward, and one history under two policies."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.core.directory import Directory
from service.core.reasons import Reason
from service.simulator.figures import summary
from service.simulator.outcome import Outcome
from service.simulator.pure import Why
from tests.cli.shell import Shell

PROMISE = """\
- promise: a missed deadline is the owner's
  given:
    now: 2026-03-02T09:00 Europe/Madrid
    people: {ana: {manager: dana}, dana: }
    policy: deadline-follow-through
  when:
    - {at: +0s, event: deadline.set, commitment_id: c1, owner: ana, due_at: "2026-03-02T12:00"}
    - {at: +4h, event: deadline.met, commitment_id: c1}
  then:
    - {at: Mon 12:00, to: ana, template: TEMPLATE}
"""
HISTORY: tuple[dict[str, Any], ...] = (
    {
        "type": "deadline.set",
        "time": "2026-03-02T09:00:00Z",
        "data": {"commitment_id": "c1", "title": "T", "owner": "leo", "due_at": "2026-03-06T12:00:00+01:00"},
    },
    {"type": "deadline.met", "time": "2026-03-09T11:30:00Z", "data": {"commitment_id": "c1", "by": "leo"}},
)
LADDER = "deadline-follow-through"


@pytest.fixture(autouse=True)
def nobody_is_asked(shell: Shell) -> None:
    """Check-ins would go through every history; here they only stand in the way."""
    (shell.config / "cadences.yaml").unlink()


def tried(shell: Shell, old: str, new: str) -> str:
    """The shipped deadline policy with one change, beside the configuration."""
    text = (shell.config / f"policies/{LADDER}.yaml").read_text()
    assert old in text
    path = shell.folder / "new.yaml"
    path.write_text(text.replace(old, new))
    return str(path)


# -- test --------------------------------------------------------------------------------------------------------------


def test_the_shipped_policies_keep_their_promises_and_every_step_is_reached(shell: Shell) -> None:
    answer = shell("test", "--json")

    assert answer.code == 0
    assert answer.json["ok"] is True
    assert len(answer.json["tests"]) >= 9
    # The tour's policy counts in seconds and is told by `make run` itself.
    assert all(rung.startswith("first-day.") for rung in answer.json["never_reached"])


def test_a_broken_promise_is_shown_as_two_columns_with_its_place(shell: Shell) -> None:
    file = shell.write("promises.yaml", PROMISE.replace("TEMPLATE", "escalated"))

    answer = shell("test", file)

    assert answer.code == 1
    assert f"BROKEN  a missed deadline is the owner's  ({file}:1)" in answer.out
    assert "- Mon 2026-03-02 12:00  ana escalated" in answer.out
    assert "| ana missed deadline-follow-through.missed by email" in answer.out
    assert "1 promise: 1 broken" in answer.err


def test_a_change_of_a_policy_breaks_the_promises_it_touches(shell: Shell) -> None:
    file = shell.write("promises.yaml", PROMISE.replace("TEMPLATE", "missed"))
    assert shell("test", file).code == 0
    path = shell.config / f"policies/{LADDER}.yaml"
    path.write_text(path.read_text().replace("    template: missed\n", "    template: reminder\n"))

    assert shell("test", file, "--json").json["tests"][0]["kept"] is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PROMISE.replace("deadline-follow-through", "deadlines"), "there is no policy `deadlines`"),
        (PROMISE.replace("+0s", "soon"), "`soon` is not an instant"),
        ("promise: alone\n", "a list of scenarios is expected"),
        (
            PROMISE.replace(
                "    policy:",
                '    cadences: {w: {who: person:ana, every: week, ask: "Fri 09:00", due: "Fri 15:00"}}\n    policy:',
            ),
            "check-ins go on for ever",
        ),
    ],
)
def test_a_test_that_cannot_be_read_is_named_with_its_line(shell: Shell, text: str, said: str) -> None:
    answer = shell("test", shell.write("promises.yaml", text))

    assert answer.code == 2
    assert said in answer.err


def test_without_tests_it_says_where_they_would_be(shell: Shell) -> None:
    for file in (shell.config / "tests").glob("*.yaml"):
        file.unlink()

    answer = shell("test")

    assert answer.code == 2
    assert f"there is no policy test in {shell.config / 'tests'}" in answer.err


# -- simulate ----------------------------------------------------------------------------------------------------------


def test_a_history_is_played_at_its_own_times(shell: Shell) -> None:
    answer = shell("simulate", "--events", shell.write("history.jsonl", *HISTORY), "--json")

    assert answer.code == 0
    told = [(one["at"][:16], one["to"], one["step"]) for one in answer.json["messages"]]
    assert told == [
        ("2026-03-03T11:00", "leo", "heads-up"),
        ("2026-03-05T16:00", "leo", "last-call"),
        ("2026-03-06T11:00", "leo", "missed"),
        ("2026-03-09T09:00", "leo", "offer-help"),
        ("2026-03-09T11:00", "dana", "manager"),
        ("2026-03-09T11:30", "dana", "~closed"),
    ]
    assert answer.json["summary"]["messages"] == 6
    assert answer.json["summary"]["escalations"] == 1
    assert answer.json["summary"]["off_hours"] == 0
    assert "changes" not in answer.json


def test_another_policy_is_compared_message_by_message(shell: Shell) -> None:
    new = tried(shell, "at: 1 business day after", "at: 2 business days after")
    history = shell.write("history.jsonl", *HISTORY)

    answer = shell("simulate", "--events", history, "--policy", new)
    plain = shell("simulate", "--events", history, "--policy", new, "--json").json

    assert answer.code == 0
    assert f"- Mon 2026-03-09 12:00  dana: escalated of deadline/c1 ({LADDER}.manager)" in answer.out
    assert "dana                     2 → 0" in answer.out
    assert [(one["old"]["to"], one["new"]) for one in plain["changes"]] == [("dana", None), ("dana", None)]
    assert plain["old_summary"]["messages"] == plain["summary"]["messages"] + 2


def test_a_message_at_another_time_is_one_change_not_two(shell: Shell) -> None:
    new = tried(shell, "at: 3 business days before", "at: 1 day before")

    answer = shell("simulate", "--events", shell.write("history.jsonl", *HISTORY), "--policy", new)

    assert (
        f"~ Tue 2026-03-03 12:00 → Thu 2026-03-05 12:00  leo: reminder of deadline/c1 ({LADDER}.heads-up)"
        in answer.out
    )


def test_a_message_that_waits_for_a_digest_now_is_moved_and_not_lost(shell: Shell) -> None:
    new = tried(shell, "at: 3 business days before\n", "at: 3 business days before\n    urgency: low\n")
    other = {**HISTORY[0], "data": {**HISTORY[0]["data"], "commitment_id": "c2", "title": "U"}}
    history = shell.write("history.jsonl", HISTORY[0], other, *HISTORY[1:])

    answer = shell("simulate", "--events", history, "--policy", new)
    changes = shell("simulate", "--events", history, "--policy", new, "--json").json["changes"]

    moved = "~ Tue 2026-03-03 12:00 → Wed 2026-03-04 09:00 in the digest  leo: reminder of deadline/c"
    assert [answer.out.count(f"{moved}{number}") for number in (1, 2)] == [1, 1]
    assert "\n- " not in answer.out
    assert "\n+ " not in answer.out
    assert [change["new"]["in_digest"] for change in changes if change["old"]["step"] == "heads-up"] == [
        True
    ] * 2


def test_the_same_policy_changes_nothing(shell: Shell) -> None:
    same = tried(shell, "title: Deadlines", "title: Deadlines")

    answer = shell("simulate", "--events", shell.write("history.jsonl", *HISTORY), "--policy", same)

    assert "Nobody is told anything else, and nothing at another time." in answer.out


def test_a_mistake_in_the_tried_policy_is_named_in_its_own_file(shell: Shell) -> None:
    new = tried(shell, "notify: owner.manager.manager", "notify: owner.managr")

    answer = shell("simulate", "--events", shell.write("history.jsonl", *HISTORY), "--policy", new)

    assert answer.code == 2
    assert f"{new}:" in answer.err
    assert "did you mean `owner.manager`?" in answer.err


def test_lines_that_are_no_event_are_named_and_nothing_is_played(shell: Shell) -> None:
    history = shell.write(
        "history.jsonl", HISTORY[0], "{", {"type": "deadline.set", "data": {"commitment_id": "c2"}}
    )

    answer = shell("simulate", "--events", history)

    assert (answer.code, answer.out) == (2, "")
    assert f"{history}:2:" in answer.err
    assert f"{history}:3: /data/title" in answer.err
    assert "2 of 3 lines are no event" in answer.err


@pytest.mark.parametrize("arguments", [[], ["--generate", "quarter", "--events", "h.jsonl"]])
def test_one_history_is_wanted(shell: Shell, arguments: list[str]) -> None:
    answer = shell("simulate", *arguments)

    assert answer.code == 2
    assert "give --events FILE, or --generate quarter" in answer.err


def test_a_made_up_quarter_is_the_same_for_the_same_seed_and_another_for_another(shell: Shell) -> None:
    drawn = shell.folder / "lanes.svg"
    asked = ("simulate", "--generate", "quarter", "--people", "2", "--json", "--seed")

    first = shell(*asked, "7", "--svg", str(drawn))
    second, other = shell(*asked, "7"), shell(*asked, "8")

    assert first.out == second.out
    assert first.out != other.out
    summary = first.json["summary"]
    assert {"lead-01", "rep-001", "rep-002", "channel:wins"} <= set(summary["by_person"])
    assert {"missed", "escalated", "deal_won", "resolved"} <= set(summary["by_template"])
    assert {"duplicate", "acknowledged"} <= set(summary["silences"])
    marks = ET.parse(drawn).getroot().findall(".//{*}circle/{*}title")
    assert len(marks) == summary["messages"]


def test_a_busy_day_is_no_loop(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.simulator.pure.TIMERS_MAX", 3)
    many = [
        {**HISTORY[0], "id": str(number), "data": {**HISTORY[0]["data"], "commitment_id": f"c{number}"}}
        for number in range(20)
    ]

    answer = shell("simulate", "--events", shell.write("history.jsonl", *many), "--json")

    assert answer.code == 0
    assert sum(one["step"] == "missed" for one in answer.json["messages"]) == 20


def test_a_history_that_is_no_file_is_named(shell: Shell, tmp_path: Path) -> None:
    answer = shell("simulate", "--events", str(tmp_path / "none.jsonl"))

    assert answer.code == 2
    assert "none.jsonl cannot be read" in answer.err


def test_a_silence_names_whom_it_concerned(shell: Shell) -> None:
    busy = {"id": "p", "type": "deadline.progress", "time": "2026-03-05T10:00:00Z"}
    done = {**busy, "source": "crm", "specversion": "1.0", "data": {"commitment_id": "c1", "percent": 95}}
    history = shell.write("history.jsonl", HISTORY[0], done, *HISTORY[1:])

    silences = shell("simulate", "--events", history, "--json").json["silences"]

    [skipped] = [one for one in silences if one["code"] == "skip_if"]
    assert (skipped["to"], skipped["subject"]) == (["leo"], "deadline/c1")


def test_a_policy_in_shadow_mode_names_who_would_have_been_told(shell: Shell) -> None:
    shadow = tried(shell, "for: deadline\n", "for: deadline\nmode: shadow\n")

    found = shell(
        "simulate", "--events", shell.write("history.jsonl", *HISTORY), "--policy", shadow, "--json"
    ).json

    would_be = [tuple(one["to"]) for one in found["silences"] if one["code"] == "shadow"]
    assert would_be == [("leo",), ("leo",), ("leo",), ("leo",), ("dana",)]
    assert found["summary"]["messages"] == 0


def test_the_summary_says_who_carries_what_and_how_misses_are_found(shell: Shell) -> None:
    later = tried(shell, "at: 1 business day after", "at: 2 business days after")
    history = [{**one, "data": {**one["data"]}} for one in HISTORY]
    history[-1]["time"] = "2026-03-10T14:00:00Z"
    file = shell.write("history.jsonl", *history)

    slow = shell("simulate", "--events", file, "--policy", later, "--json").json
    gone = shell("simulate", "--events", shell.write("h2.jsonl", *HISTORY), "--policy", later, "--json").json
    earlier = tried(shell, "at: 1 business day after", "at: 2 business hours after")
    quick = shell("simulate", "--events", file, "--policy", earlier)

    assert slow["summary"]["escalations_by_person"] == {"dana": 1}
    assert slow["summary"]["misses_found"] == 1
    assert slow["summary"]["inbox"] == {"quiet_hours": 0, "digest": 0, "over_budget": 0, "away": 0}
    assert slow["misses"] == {
        "earlier": 0,
        "same": 0,
        "later": 1,
        "only_old": 0,
        "only_new": 0,
        "median_shift_s": 86_400.0,
    }
    assert "hears of: 1 earlier, 0 at the same time, 0 later; 0 no more, 0 that nobody" in quick.out
    assert "hours earlier in the median" in quick.out
    assert (gone["misses"]["only_old"], gone["misses"]["median_shift_s"]) == (1, None)


def test_the_terminal_shows_a_lane_for_everyone(shell: Shell) -> None:
    out = shell("simulate", "--events", shell.write("history.jsonl", *HISTORY)).out.splitlines()

    [leo] = [line for line in out if line.startswith("  leo") and "·" in line]
    [dana] = [line for line in out if line.startswith("  dana") and "·" in line]
    assert (leo.split()[-1], dana.split()[-1]) == ("4", "2")
    assert len(leo.split()[1]) == 48
    assert any(line.startswith("who is told when, from Tue 2026-03-03, ") for line in out)
    assert "  dana                     2, escalations: 1" in out


def test_what_inboxes_put_off_is_counted_by_why() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    whys = [Why(at, f"inbox/{who}", "notification.requested", Reason(code, "")) for who, code in PUT_OFF]
    outcome = Outcome([], [*whys, Why(at, "deadline/c1", "timer", Reason("quiet", ""))], 4, at)

    figures = summary(outcome, Directory({}, {}, {}))

    assert figures["inbox"] == {"quiet_hours": 2, "digest": 2, "over_budget": 1, "away": 1}


PUT_OFF = (
    ("ana", "quiet"),
    ("leo", "quiet"),
    ("ana", "digest"),
    ("ana", "low"),
    ("ana", "budget"),
    ("ana", "away"),
)
