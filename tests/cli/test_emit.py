"""Events from a file or in a few words: checked here, all or nothing, and durable when the command says so."""

import json
import re
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.cli.event_file import lines_of
from service.cli.exits import Failure
from service.core.envelope import decode
from service.core.events import TOPICS, Event
from service.store.connect import connect
from service.store.contract import Shard
from service.store.embedded import Embedded
from service.store.files import Files
from tests.cli.shell import Shell, on_thread, pretender

SET = {
    "type": "deadline.set",
    "data": {"commitment_id": "c1", "title": "Call back", "owner": "ana", "due_at": "+1h"},
}
MET = {"type": "deadline.met", "data": {"commitment_id": "c1"}}


def logged(shell: Shell) -> list[Event]:
    """What lies in the event log of the embedded store."""

    async def read() -> list[Event]:
        embedded = Embedded(shell.data)
        store = await connect(await embedded.start())
        after = {Shard(topic, partition): "0" for topic in TOPICS for partition in range(4)}
        records = [record for found in (await store.read(after, 1000, 0)).values() for record in found]
        await store.close()
        await embedded.stop()
        return [decode(record.value, datetime.now(UTC), trusted=True) for record in records]

    found: list[Event] = on_thread(read)
    return found


@pytest.mark.server
def test_without_a_service_the_events_wait_durably_in_the_log(shell: Shell) -> None:
    answer = shell("emit", "deadline.set", "commitment_id=c1", "title=Call back", "owner=ana", "due_at=+20s")

    assert answer.code == 0
    assert re.fullmatch(r"\d\d:\d\d:\d\d  deadline\.set           deadline/c1\n", answer.out)
    assert answer.err == (
        "1 event stored in the log\n"
        "the service is not running; the events wait in the log and are decided when it starts\n"
        "start it: followthrough run\n"
    )
    assert not Files(shell.data).server_runs()
    [event] = logged(shell)
    assert (event.type, event.subject, event.source) == ("deadline.set", "deadline/c1", "followthrough/emit")
    assert event.data is not None
    assert getattr(event.data, "due_at") - event.time == timedelta(seconds=20)  # noqa: B009  # of Data, any field


@pytest.mark.server
def test_a_file_is_sent_in_its_order_and_json_tells_the_ids(shell: Shell) -> None:
    file = shell.write("day.jsonl", {**SET, "id": "e1"}, "", {**MET, "id": "e2"})

    answer = shell("emit", file, "--json")

    assert answer.code == 0
    assert answer.json == {"accepted": 2, "ids": ["e1", "e2"], "via": "log", "problems": []}
    assert [event.id for event in logged(shell)] == ["e1", "e2"]


@pytest.mark.server
def test_a_dash_reads_standard_input(shell: Shell) -> None:
    answer = shell("emit", "-", "--json", stdin=json.dumps({**SET, "id": 7}).encode())

    assert answer.json["ids"] == ["7"]


@pytest.mark.server
def test_the_shipped_example_is_accepted(shell: Shell) -> None:
    answer = shell("emit", "examples/first-day.jsonl", "--now", "--json")

    assert (answer.code, answer.json["problems"]) == (0, [])


def test_every_bad_line_is_named_and_nothing_is_sent(shell: Shell) -> None:
    file = shell.write(
        "bad.jsonl",
        SET,
        '{"type": "deadline.set"',
        {**MET, "specversion": "0.3"},
        {**SET, "data": {**SET["data"], "due_at": "tomorrow"}},  # type: ignore[dict-item]
        [1],  # type: ignore[arg-type]
        {**SET, "data": {**SET["data"], "due_at": "+99999w"}},  # type: ignore[dict-item]
    )

    answer = shell("emit", file)

    assert answer.code == 1
    assert answer.out == ""
    assert answer.err.replace(file, "bad.jsonl") == (
        "bad.jsonl:2: /: at byte 23: expecting ',' delimiter (invalid_json)\n"
        "bad.jsonl:3: /specversion: specversion is '0.3'; we read CloudEvents 1.0 (wrong_specversion)\n"
        "bad.jsonl:4: /data/due_at: 'tomorrow' is not an instant like 2026-11-24T16:00:00Z (invalid_time)\n"
        "bad.jsonl:5: /: an event is one JSON object (wrong_type)\n"
        "bad.jsonl:6: /data/due_at: '+99999w' is more than ten years away (time_out_of_range)\n"
        "error: nothing was sent: 5 events cannot be used\n"
        "mend what is named above, or send the others with --skip-bad\n"
    )
    assert not shell.data.exists()


@pytest.mark.server
def test_skip_bad_sends_the_others_and_still_tells_of_the_bad_ones(shell: Shell) -> None:
    answer = shell("emit", shell.write("x.jsonl", "nonsense", {**MET, "id": "e2"}), "--skip-bad", "--json")

    assert answer.code == 1
    assert answer.json["ids"] == ["e2"]
    assert [(p["line"], p["reason"]) for p in answer.json["problems"]] == [(1, "invalid_json")]


def test_an_event_in_words_that_cannot_be_used_is_wrong_use(shell: Shell) -> None:
    answer = shell("emit", "deadline.set", "commitment_id=c1", "owner=ana", "titlee=Call")

    assert answer.code == 2
    assert answer.err == (
        "deadline.set: /data/title: title is required; is it in 'titlee'? (missing_field)\n"
        "error: nothing was sent: 1 event cannot be used\n"
        "mend what is named above\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["due_at"], "`due_at` is not KEY=VALUE"),
        (["owner=a", "owner=b"], "`owner` is given twice"),
        (["helpers:=[1"], "what follows `helpers:=` is no JSON"),
    ],
)
def test_words_that_are_no_pairs_are_named(shell: Shell, words: list[str], said: str) -> None:
    answer = shell("emit", "deadline.set", *words)

    assert answer.code == 2
    assert said in answer.err


def test_a_file_that_is_not_there_is_wrong_use(shell: Shell) -> None:
    answer = shell("emit", "nowhere.jsonl")

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: nowhere.jsonl cannot be read: No such file or directory\n")


def data_of(shell: Shell, *words: str) -> Any:
    """What the service is sent for an event in words."""
    with pretender(shell.port, (202, {})) as asked:
        answer = shell("emit", *words)
    assert answer.code == 0, answer.err
    [[event]] = [request.body for request in asked]
    return event


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (
            json.dumps([MET, MET]),
            "it is one list: write each of its events on a line of its own (jq -c '.[]')",
        ),
        (json.dumps(MET, indent=2), "it is one event over several lines: write it on one (jq -c .)"),
        ("{bad", "mend what is named above"),
    ],
)
def test_a_file_that_is_json_but_not_a_line_an_event_says_how_to_make_it_so(
    shell: Shell, text: str, hint: str
) -> None:
    answer = shell("emit", shell.write("events.json", text))

    assert answer.code == 1
    assert answer.err.splitlines()[-1] == hint


def test_words_beside_a_file_are_wrong_use(shell: Shell) -> None:
    file = shell.write("events.jsonl", MET)

    answer = shell("emit", file, "other.jsonl")

    assert answer.code == 2
    assert answer.err == (
        f"error: {file} is a file, and `other.jsonl` stands beside it\ngive one file alone\n"
    )


def test_a_closed_standard_input_is_wrong_use(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.cli.event_file.sys.stdin", None)

    with pytest.raises(Failure, match="standard input is closed") as failed:
        lines_of("-")

    assert failed.value.code == 2


@pytest.mark.server
def test_a_file_without_an_event_is_said_to_be_empty(shell: Shell) -> None:
    file = shell.write("events.jsonl", "", "  ")

    answer = shell("emit", file)

    assert answer.code == 0
    assert answer.err == f"{file} holds no event\n"


@pytest.mark.server
def test_a_mistyped_type_in_a_file_is_sent_with_one_warning(shell: Shell) -> None:
    wrong = {**MET, "type": "deadline.mett"}

    answer = shell("emit", shell.write("events.jsonl", wrong, wrong, MET))

    assert answer.code == 0
    warning = "warning: no rule reads the type `deadline.mett` yet; did you mean 'deadline.met'?\n"
    assert answer.err.count("warning: ") == answer.err.count(warning) == 1


@pytest.mark.server
def test_text_stays_text_whatever_it_looks_like(shell: Shell) -> None:
    event = data_of(
        shell,
        "deadline.set",
        "commitment_id=7",
        "title=2026",
        "owner=ana",
        "due_at=null",
        "source=crm",
        "id=x",
    )

    assert event["data"] == {"commitment_id": "7", "title": "2026", "owner": "ana", "due_at": None}
    assert (event["source"], event["id"]) == ("crm", "x")


def test_a_number_is_read_where_the_type_wants_one(shell: Shell) -> None:
    event = data_of(shell, "deadline.progress", "commitment_id=c1", "percent=50", "extra:=[1, 2]")

    assert event["data"] == {"commitment_id": "c1", "percent": 50, "extra": [1, 2]}


def test_one_text_is_a_list_where_the_type_wants_a_list(shell: Shell) -> None:
    words = ("person=ana", "cadence=weekly", "roadblocks=Legal is slow", 'wins=["Contoso", "Fabrikam"]')
    event = data_of(shell, "checkin.submitted", *words)

    assert event["data"]["roadblocks"] == ["Legal is slow"]
    assert event["data"]["wins"] == ["Contoso", "Fabrikam"]


def test_a_mistyped_type_is_sent_with_a_warning(shell: Shell) -> None:
    with pretender(shell.port, (202, {})):
        answer = shell("emit", "deadline.mett", "commitment_id=c1")

    assert answer.code == 0
    assert "no rule reads the type `deadline.mett` yet; did you mean 'deadline.met'?" in answer.err


def test_a_running_service_gets_the_events_through_its_door(shell: Shell) -> None:
    with pretender(shell.port, (202, {})) as asked:
        answer = shell("emit", shell.write("day.jsonl", {**SET, "id": "e1"}, {**MET, "id": "e2"}))

    [request] = asked
    assert request.path == "/v1/events"
    assert request.headers["Content-Type"] == "application/cloudevents-batch+json"
    assert [event["id"] for event in request.body] == ["e1", "e2"]
    assert answer.code == 0
    assert answer.err == f"2 events accepted\nsee http://127.0.0.1:{shell.port}/caught\n"
    assert not shell.data.exists()


def test_a_long_file_goes_in_several_requests_that_the_door_takes(shell: Shell) -> None:
    lines = [{**MET, "id": f"e{n}", "data": {"commitment_id": "c", "reason": "x" * 2000}} for n in range(300)]
    with pretender(shell.port, (202, {})) as asked:
        answer = shell("emit", shell.write("long.jsonl", *lines), "--json")

    assert [event["id"] for request in asked for event in request.body] == [f"e{n}" for n in range(300)]
    assert answer.json["accepted"] == 300
    assert all(int(request.headers["Content-Length"]) <= 256 * 1024 for request in asked)


def test_a_door_that_is_shut_for_now_is_asked_again_with_the_same_events(shell: Shell) -> None:
    with pretender(shell.port, (503, {"detail": "The store is down."}), (202, {})) as asked:
        answer = shell("emit", shell.write("day.jsonl", MET))

    assert answer.code == 0
    assert "the service cannot take events now (The store is down.); again in 0 s" in answer.err
    assert asked[0].body == asked[1].body


def test_a_door_that_stays_shut_is_a_dependency_that_is_down(shell: Shell) -> None:
    with pretender(shell.port, (503, {"detail": "The store is down."})):
        answer = shell("emit", shell.write("day.jsonl", MET))

    assert answer.code == 3
    assert answer.err.endswith(
        "error: the service does not take events: The store is down.; 0 accepted\nsend the same again later\n"
    )


def test_a_key_with_the_scope_is_shown_at_the_door(shell: Shell) -> None:
    reader = {"name": "r", "key": "read-read-read-read", "scopes": ["read"]}
    sender = {"name": "e", "key": "emit-emit-emit-emit", "scopes": ["emit"]}
    shell.env["FOLLOWTHROUGH_API_KEYS"] = json.dumps([reader, sender])
    with pretender(shell.port, (202, {})) as asked:
        assert shell("emit", shell.write("day.jsonl", MET)).code == 0

    assert asked[0].headers["Authorization"] == "Bearer emit-emit-emit-emit"


def test_a_refusal_is_told_with_what_to_check(shell: Shell) -> None:
    with pretender(shell.port, (401, {"detail": "Send an API key."})):
        answer = shell("emit", shell.write("day.jsonl", MET))

    assert answer.code == 2
    assert "the service refused the events: Send an API key.; 0 were accepted" in answer.err
    assert "check api_keys" in answer.err


@pytest.mark.server
def test_another_program_at_the_address_is_not_taken_for_the_service(shell: Shell) -> None:
    with pretender(shell.port, (202, {}), live={"hello": "world"}) as asked:
        answer = shell("emit", shell.write("day.jsonl", MET), "--json")

    assert asked == []
    assert answer.json["via"] == "log"


def test_the_same_file_with_the_same_times_is_the_same_events(shell: Shell) -> None:
    file = shell.write(
        "x.jsonl", {**MET, "time": "2026-11-20T10:00:00Z"}, {**MET, "time": "2026-11-20T10:00:00Z"}
    )
    with pretender(shell.port, (202, {})):
        first, second = shell("emit", file, "--json").json["ids"], shell("emit", file, "--json").json["ids"]

    assert first == second
    assert len(set(first)) == 2


def test_events_ahead_are_sent_when_their_time_comes(shell: Shell) -> None:
    file = shell.write("x.jsonl", {**MET, "id": "late", "time": "+6s"}, {**SET, "id": "now"})
    with pretender(shell.port, (202, {})) as asked:
        began = datetime.now(UTC)
        answer = shell("emit", file)
        took = datetime.now(UTC) - began

    assert [[event["id"] for event in request.body] for request in asked] == [["now"], ["late"]]
    assert took >= timedelta(seconds=6)
    assert "1 event ahead; next deadline.met at" in answer.err


def test_now_sends_what_lies_ahead_at_once(shell: Shell) -> None:
    file = shell.write("x.jsonl", {**MET, "id": "late", "time": "+1h"}, {**SET, "id": "now"})
    with pretender(shell.port, (202, {})) as asked:
        assert shell("emit", file, "--now").code == 0

    assert [event["id"] for event in asked[0].body] == ["late", "now"]


def test_an_interrupt_while_waiting_says_what_was_not_sent(shell: Shell) -> None:
    file = shell.write("x.jsonl", SET, {**MET, "time": "+1h"})
    with pretender(shell.port, (202, {})):
        process = shell.start("emit", file)
        assert process.stderr is not None
        said = ""
        while "ahead" not in said:
            said = process.stderr.readline()
            assert said, process.wait()
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=20)

    assert process.returncode == 130
    assert "stopped: 1 event not sent" in rest


def test_a_store_that_is_down_is_exit_3(shell: Shell) -> None:
    shell.env["REDIS_URL"] = "redis://127.0.0.1:1/0"

    answer = shell("emit", "deadline.met", "commitment_id=c1")

    assert answer.code == 3
    assert answer.err.startswith("error: the Redis server of redis_url cannot be used: ")
    assert answer.err.endswith("use the embedded server\n")


def test_a_configuration_that_cannot_load_is_exit_2(shell: Shell) -> None:
    (shell.config / "directory.yaml").unlink()

    answer = shell("emit", "deadline.met", "commitment_id=c1")

    assert answer.code == 2
    assert "directory.yaml" in answer.err


def test_what_strangers_wrote_cannot_steer_the_terminal(shell: Shell) -> None:
    with pretender(shell.port, (503, {"detail": "\x1b[2Jgone\u202e"}), (202, {})):
        answer = shell("emit", shell.write("day.jsonl", MET))

    assert "\\x1b[2Jgone\\u202e" in answer.err


def test_an_owner_who_is_nobody_is_named_with_the_nearest_person(shell: Shell) -> None:
    words = ("deadline.set", "commitment_id=c1", "title=T", "due_at=+1d")

    wrong = shell("emit", *words, "owner=anna")
    right = shell("emit", *words, "owner=ana")
    by_mail = shell("emit", *words, "owner=ana@example.com")
    none = shell("emit", "deadline.met", "commitment_id=c1")

    assert (wrong.code, "`anna` is not in directory.yaml; did you mean 'ana'?" in wrong.err) == (0, True)
    assert not any("directory.yaml" in answer.err for answer in (right, by_mail, none))
