"""The service as a person has it in a terminal: started, told things, asked whether it lives, and stopped."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.request import urlopen

import pytest

from service.consumers.names import running
from service.store.files import Files
from tests.cli.shell import Shell, wait_for

pytestmark = pytest.mark.server

Process = "subprocess.Popen[str]"


@pytest.fixture
def service(shell: Shell) -> Iterator["subprocess.Popen[str]"]:
    process = shell.start("run")
    assert process.stdout is not None
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def banner(service: "subprocess.Popen[str]") -> list[str]:
    assert service.stdout is not None
    lines = [service.stdout.readline().rstrip() for _ in range(6)]
    assert lines[0], service.communicate()[1]
    return lines


def ready(shell: Shell) -> None:
    def ask() -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{shell.port}/health/ready") as answer:
                return bool(json.load(answer)["role"] == "owner")
        except OSError:
            return False

    wait_for(ask)


def commitment(shell: Shell, bare_id: str) -> Any:
    try:
        with urlopen(f"http://127.0.0.1:{shell.port}/v1/commitments/deadline/{bare_id}") as answer:
            return json.load(answer)
    except OSError:
        return None


def test_a_day_in_the_terminal(shell: Shell, service: "subprocess.Popen[str]") -> None:
    url = f"http://127.0.0.1:{shell.port}"
    shown = banner(service)
    assert shown[0] == f"Followthrough is up: {url}"
    assert shown[1:3] == [f"  messages   {url}/caught", f"  data       {shell.data}"]
    assert shown[3] == "  channels   all caught: nothing leaves this machine"
    assert re.fullmatch(
        r"  next       \S+ -m service emit examples/first-day\.jsonl +\(in a second terminal\)", shown[4]
    )
    assert shown[5] == "  stop       Ctrl-C"
    ready(shell)

    words = ("commitment_id=c1", "title=Call back", "owner=ana", "due_at=+1h")
    emitted = shell("emit", "deadline.set", *words)
    assert (emitted.code, emitted.err) == (0, f"1 event accepted\nsee {url}/caught\n")
    found = wait_for(lambda: commitment(shell, "c1"))
    assert "Call back" in json.dumps(found)

    assert shell("doctor", "--live").code == 0
    told = shell("doctor", "--json").json
    assert [f["state"] for f in told["sections"]["Service"]] == ["fine"]
    assert told["ok"] is True

    assert list(running(shell.data).values()) == [service.pid]
    stopped = shell("stop", "--json")
    assert stopped.code == 0
    assert [each["pid"] for each in stopped.json["stopped"]] == [service.pid]
    assert service.wait(20) == 0
    assert not Files(shell.data).server_runs()
    assert shell("stop") == (0, f"nothing runs on {shell.data}\n", "")


def test_ctrl_c_stops_gracefully_and_leaves_no_server(shell: Shell, service: "subprocess.Popen[str]") -> None:
    banner(service)

    service.send_signal(signal.SIGINT)

    assert service.wait(20) == 0
    assert not Files(shell.data).server_runs()
    assert running(shell.data) == {}


def test_a_second_service_on_one_address_says_what_to_do(
    shell: Shell, service: "subprocess.Popen[str]"
) -> None:
    banner(service)

    second = shell.start("run")
    _, said = second.communicate(timeout=30)

    assert second.returncode == 2
    assert "error: the address of web.listen is used by another program" in said
    assert re.search(r"end that with `\S+ -m service stop`, or set FOLLOWTHROUGH_WEB__LISTEN=", said)
    assert list(running(shell.data).values()) == [service.pid]
    assert shell("stop").code == 0
    assert service.wait(20) == 0


def test_a_second_worker_of_one_name_is_refused(shell: Shell, service: "subprocess.Popen[str]") -> None:
    banner(service)
    [name] = running(shell.data)

    second = shell.start("run", "--name", name)
    _, said = second.communicate(timeout=30)

    assert second.returncode == 2
    assert f"error: another live process is called {name}" in said
    assert shell("stop").code == 0
    assert service.wait(20) == 0


def test_a_stop_that_takes_too_long_says_who_still_runs(
    shell: Shell, service: "subprocess.Popen[str]"
) -> None:
    banner(service)
    service.send_signal(signal.SIGSTOP)

    answer = shell("stop", "--within", "0.2")

    service.send_signal(signal.SIGCONT)
    assert answer.code == 1
    assert f"(pid {service.pid})" in answer.err.splitlines()[-2]
    assert service.wait(20) == 0


def test_events_emitted_before_the_start_are_decided_after_it(shell: Shell) -> None:
    words = ("commitment_id=early", "title=Before the start", "owner=ana", "due_at=+1h")
    assert shell("emit", "deadline.set", *words).code == 0

    process = shell.start("run", "--json", "--log-level", "error")
    assert process.stdout is not None
    shown = json.loads(process.stdout.readline())
    found = wait_for(lambda: commitment(shell, "early"))

    assert shown["url"] == f"http://127.0.0.1:{shell.port}"
    assert shown["leaves_machine"] == []
    assert "Before the start" in json.dumps(found)
    assert shell("stop").code == 0
    process.communicate()


def test_a_configuration_that_cannot_load_ends_the_start_with_2(shell: Shell) -> None:
    (shell.config / "policies" / "first-day.yaml").write_text("policy: x\nmomnt: due\n")

    process = shell.start("run")
    out, said = process.communicate(timeout=30)

    assert (process.returncode, out) == (2, "")
    assert "first-day.yaml:2:1: `momnt` is not known here" in said
    assert not shell.data.exists()


def test_a_store_that_is_down_ends_the_start_with_3(shell: Shell) -> None:
    shell.env["FOLLOWTHROUGH_REDIS_URL"] = "redis://127.0.0.1:1/0"

    process = shell.start("run")
    _, said = process.communicate(timeout=30)

    assert process.returncode == 3
    assert "error: the store cannot be used: " in said


def test_a_kafka_that_is_down_is_not_called_the_store(shell: Shell) -> None:
    shell.env["FOLLOWTHROUGH_EVENT_LOG"] = "kafka://127.0.0.1:1"

    process = shell.start("run")
    _, said = process.communicate(timeout=30)

    assert process.returncode == 3
    assert "error: the event log cannot be used: Kafka at 127.0.0.1:1" in said


def test_an_unknown_level_is_wrong_use(shell: Shell) -> None:
    answer = shell("run", "--log-level", "loud")

    assert answer.code == 2
    assert answer.err == "error: `loud` is no level of the log\nuse debug, info, warning or error\n"


def test_what_fills_the_log_goes_to_standard_error(shell: Shell, service: "subprocess.Popen[str]") -> None:
    began = datetime.now(UTC)
    banner(service)
    service.send_signal(signal.SIGINT)
    out, said = service.communicate(timeout=20)

    assert out == ""
    lines = [json.loads(line) for line in said.splitlines()]
    assert lines[-1]["event"] == "stopped"
    assert datetime.fromisoformat(lines[-1]["at"]) >= began


def test_a_data_folder_that_is_taken_away_ends_the_service(
    shell: Shell, service: "subprocess.Popen[str]"
) -> None:
    banner(service)
    ready(shell)

    shell.data.rename(shell.folder / "away")
    _, said = service.communicate(timeout=30)

    assert service.returncode == 3
    assert "error: the store cannot be used: " in said
    assert "was taken away while in use" in said
    assert "Traceback" not in said
    assert not Files(shell.folder / "away").server_runs()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_it_starts_leaves_nothing_behind(shell: Shell, number: signal.Signals) -> None:
    starting = shell.start("run")
    files = Files(shell.data)
    wait_for(files.server_runs)

    starting.send_signal(number)
    _, said = starting.communicate(timeout=30)

    assert "Traceback" not in said
    assert not files.server_runs()


def test_why_somebody_was_told_and_somebody_else_was_not(
    shell: Shell, service: "subprocess.Popen[str]"
) -> None:
    banner(service)
    ready(shell)
    words = ("commitment_id=late", "title=Call back", "owner=ana", "due_at=-1h", "kind=tour")
    shell("emit", "deadline.set", *words)

    def told() -> Any:
        found = shell("explain", "late", "--json")
        sent = [
            one
            for one in found.json.get("decisions", ())
            for one in one["afterwards"]
            if one["input"] == "delivery"
        ]
        return found.json if sent else None

    story = wait_for(told)
    shown = shell("explain", "deadline/late").out
    [asked, *_] = [
        key["key"] for one in story["decisions"] for key in one["effects"] if key["what"] == "notify"
    ]
    by_key = shell("explain", asked).out
    silent, own = (
        shell("explain", "late", "--person", "rosa").out,
        shell("explain", "late", "--person", "ana").out,
    )
    earlier = shell("explain", "late", "--person", "ana", "--at", "-2d", "--json").json["why"]

    def says_the_same_over_http() -> bool:
        with urlopen(f"{shell.env['FOLLOWTHROUGH_WEB__PUBLIC_URL']}/v1/explain/{asked}") as answer:
            return bool(json.loads(answer.read()) == shell("explain", asked, "--json").json)

    assert re.search(r"    ana is told: .*late.*  \[already_late\]", shown), shown
    assert re.search(
        r"  ana: now, by email  \[deliver\]\n.*delivery: sent by email, attempt 1  \[sent\]", shown
    )
    assert re.search(r"^next: ", shown, re.MULTILINE)
    assert by_key.startswith(
        f"deadline/late: Call back\nana was told, notification {asked}\n  event:      deadline.set"
    )
    assert re.search(r"\n  delivery:   .* sent by email, attempt 1 \[sent\]\n", by_key)
    wait_for(says_the_same_over_http)  # what comes next may come between the two
    assert "rosa was told nothing, because:\n  - no step of first-day tells rosa; it tells: " in silent
    assert "a new commitment  [recorded]" in silent
    assert "ana was told, because:\n  - ana was told: decided " in own
    assert (earlier["was_told"], earlier["reasons"][0]["code"]) == (False, "unknown")
    assert "--at: " in shell("explain", "late", "--person", "ana", "--at", "soon").err


def test_what_nothing_is_on_record_about_is_said(shell: Shell) -> None:
    assert shell("explain", "nothing").err.startswith("error: nothing is on record about nothing\n")
    assert "there is no person 'anna'; did you mean 'ana'?" in shell("explain", "c1", "--person", "anna").err
    assert "there is no family 'deadlines'" in shell("explain", "deadlines/c1").err
    assert "no notification" in shell("explain", "0" * 32).err
