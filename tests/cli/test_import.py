"""`followthrough import`: what can be used is taken in as history, the rest is named by its line."""

import json
import signal

import pytest

from service.core.envelope import admit
from tests.cli.shell import Shell, pretender, wait_for
from tests.cli.test_emit import logged
from tests.integrations import feeds
from tests.integrations.files import NOW

HEAD = "Record ID,Deal Name,Deal owner,Amount,Close Date,Stage"
GOOD = ('1,Contoso,Ana Ruiz,"1,500",2026-12-01,Proposal', "2,Fabrikam,leo@example.com,,,closedwon")
BAD = ("3,,ana,1,2026-12-01,", "4,Northwind,ana,1.234,2026-12-01,", "1,Again,ana,,,", "5,Adatum,ana,,1/2/26,")


def test_good_rows_are_sent_as_history_and_bad_ones_named_by_their_line(shell: Shell) -> None:
    file = shell.write("deals.csv", HEAD, *GOOD, *BAD)

    with pretender(shell.port, (202, {})) as asked:
        answer = shell("import", file)

    assert answer.code == 1
    assert answer.out == "2 deals taken in, 4 rows refused\n"
    for line, column, reason in (
        *((4, "column Deal Name", "missing_field"), (5, "column Amount", "invalid_value")),
        *((6, "column Record ID", "duplicate"), (7, "column Close Date", "invalid_date")),
    ):
        assert any(
            said.startswith(f"{file}:{line}: {column}: ") and said.endswith(f"({reason})")
            for said in answer.err.splitlines()
        ), answer.err
    events = [event for request in asked for event in request.body]
    assert [(event["type"], event["data"]["deal_id"]) for event in events] == [
        *(("deal.created", "1"), ("deal.won", "2")),
        ("deal.created", "2"),
    ]
    assert all(event["import"] is True for event in events)
    assert [event["data"].get("owner") for event in events] == ["ana", None, "leo"]


def test_a_file_taken_in_twice_is_the_same_events(shell: Shell) -> None:
    file = shell.write("deals.csv", HEAD, *GOOD)

    with pretender(shell.port, (202, {})) as asked:
        assert shell("import", file).code == shell("import", file).code == 0

    first, second = (request.body for request in asked)
    assert first == second


@pytest.mark.parametrize(
    "owner", ["Ana Ruiz, leo", "ana & leo", "ana@example.com;leo@example.com", "Ann and Bob"]
)
def test_a_cell_of_several_owners_is_refused_with_what_a_deal_has(shell: Shell, owner: str) -> None:
    file = shell.write("deals.csv", HEAD, f'1,Contoso,"{owner}",,,', "2,Fabrikam,ann+sales@example.com,,,")

    with pretender(shell.port, (202, {})) as asked:
        answer = shell("import", file)

    assert answer.code == 1
    (said,) = [line for line in answer.err.splitlines() if line.startswith(f"{file}:2: column Deal owner: ")]
    assert f"“{owner}” is nobody we know, and may be several people" in said
    assert "a deal has one owner: write one id, address or name" in said
    owners = [event["data"]["owner"] for request in asked for event in request.body]
    assert owners == ["ann+sales@example.com"]


@pytest.mark.parametrize(
    ("owner", "found"),
    [
        ("Ruiz, Ana", "ana"),
        ("Ruiz, Ana <leo@example.com>", "leo"),
        ("ana@example.com; ", "ana"),
        ("Sales/EMEA", "Sales/EMEA"),
    ],
)
def test_an_owner_may_be_written_as_exports_do(shell: Shell, owner: str, found: str) -> None:
    file = shell.write("deals.csv", HEAD, f'1,Contoso,"{owner}",,,')

    with pretender(shell.port, (202, {})) as asked:
        answer = shell("import", file)

    assert answer.code == 0, answer.err
    assert [event["data"]["owner"] for request in asked for event in request.body] == [found]


def test_a_run_that_was_killed_in_the_middle_is_started_again_and_ends_as_one_run_would(shell: Shell) -> None:
    rows = [f"{n},Deal {n},{'ana' if n % 2 else 'leo'},{n}00,2026-12-01,Proposal" for n in range(1, 1201)]
    file = shell.write("deals.csv", HEAD, *rows)

    with pretender(shell.port, (202, {}), silent_after=1) as first:
        killed = shell.start("import", file)
        wait_for(lambda: len(first) >= 2)
        killed.kill()
        killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    with pretender(shell.port, (202, {})) as second:
        assert shell("import", file).code == 0

    once = [event for request in second for event in request.body]
    taken = [*first[0].body, *once]
    assert len(once) == 1200 < len(taken) < 2400
    states, told = feeds.folded(admit(event, NOW)[0] for event in taken)
    expected, _ = feeds.folded(admit(event, NOW)[0] for event in once)
    assert feeds.facts(states) == feeds.facts(expected)
    assert len(states) == 1200
    assert told == []


def test_dry_run_sends_nothing_and_says_which_column_is_what(shell: Shell) -> None:
    file = shell.write("deals.csv", f"{HEAD},Notes", *GOOD)

    with pretender(shell.port, (202, {})) as asked:
        answer = shell("import", file, "--dry-run")

    assert (answer.code, answer.out) == (0, "2 deals would be taken in, 0 rows refused\n")
    assert asked == []
    assert "deal_id      is the column Record ID\n" in answer.err
    assert "not used: Notes\n" in answer.err


def test_a_column_of_another_name_is_mapped_and_the_time_of_the_file_can_be_said(shell: Shell) -> None:
    file = shell.write("deals.csv", "Nr,Deal Name,Wer", "1,Contoso,ana")

    refused = shell("import", file)
    with pretender(shell.port, (202, {})) as asked:
        mapped = ("--map", "Nr=deal_id", "--map", "Wer=owner", "--as-of", "2026-11-01T08:00:00Z", "--json")
        answer = shell("import", file, *mapped)

    assert refused.code == 2
    assert "no column is deal_id\nname it: --map COLUMN=deal_id; columns: Nr, Deal Name, Wer" in refused.err
    assert answer.json == {"deals": 1, "accepted": 1, "dry_run": False, "problems": []}
    assert asked[0].body[0]["time"] == "2026-11-01T08:00:00.000Z"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing.csv",), "nothing.csv cannot be read: No such file or directory"),
        (("deals.csv", "--map", "owner"), "`owner` is not COLUMN=FIELD"),
        (("deals.csv", "--as-of", "yesterday"), "--as-of: 'yesterday' is not an instant"),
    ],
)
def test_wrong_use_is_exit_2(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    shell.write("deals.csv", HEAD, *GOOD)
    monkeypatch.chdir(shell.folder)

    answer = shell("import", *arguments)

    assert answer.code == 2
    assert said in answer.err


@pytest.mark.server
def test_without_a_service_the_deals_wait_in_the_log(shell: Shell) -> None:
    answer = shell("import", shell.write("deals.csv", HEAD, *GOOD), "--json")

    assert (answer.code, json.loads(answer.out)["accepted"]) == (0, 3)
    assert "the deals wait in the log" in answer.err
    assert sorted(event.subject for event in logged(shell)) == ["deal/1", "deal/2", "deal/2"]
    assert all(event.is_import for event in logged(shell))
