"""The doctor: what is red has a fix, nothing is sent, and the exit code says what kind of trouble it is."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from service.cli.checks import machine, store
from service.cli.checks.finding import Finding, Mark
from service.core.effects import Dead, encode_effect
from service.settings.load import load
from service.store.connect import connect
from service.store.contract import Commit, Shard
from service.store.files import Files
from tests.channels.sink import Reply, Sink
from tests.cli.shell import Shell, on_thread, pretender
from tests.servers import Server

EMAIL = "kind: email, from: ft@example.com, smtp: "


def section(shell: Shell, name: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = shell("doctor", "--json").json["sections"][name]
    return found


def texts(shell: Shell, name: str, state: str) -> list[str]:
    return [finding["text"] for finding in section(shell, name) if finding["state"] == state]


@pytest.mark.server
def test_before_the_first_start_nothing_is_red_and_nothing_is_made(shell: Shell) -> None:
    answer = shell("doctor")

    assert answer.code == 0
    assert "[✗]" not in answer.out
    assert (
        f"[!] nothing answers at 127.0.0.1:{shell.port}\n      → start it: followthrough run\n" in answer.out
    )
    assert re.search(r"embedded server .*: nothing is stored yet", answer.out)
    assert answer.err.startswith("0 to mend, ")
    assert not shell.data.exists()


@pytest.mark.server
def test_a_stopped_embedded_store_is_looked_into_and_left_stopped(shell: Shell) -> None:
    assert shell("emit", "deadline.met", "commitment_id=c1").code == 0

    told = texts(shell, "Store", "fine")

    assert re.fullmatch(r"Valkey 9\.\S+ \(embedded\), appendonly, appendfsync always, noeviction", told[0])
    assert re.fullmatch(r"its memory is 0 % full, of \d+ MB", told.pop(1))
    assert told[1].startswith("clocks agree within ")
    assert told[2:] == [
        "no timer is overdue",
        "outbox: 0 to deliver, 0 to be tried again later",
        "no dead letters",
    ]
    assert not Files(shell.data).server_runs()


def test_every_red_or_yellow_line_says_what_to_do(shell: Shell) -> None:
    shell.env["REDIS_URL"] = "redis://127.0.0.1:1/0"

    sections = shell("doctor", "--json").json["sections"]

    assert all(f["fix"] for findings in sections.values() for f in findings if f["state"] != "fine")


def test_a_store_that_is_down_is_exit_3_and_the_rest_is_checked_all_the_same(shell: Shell) -> None:
    shell.env["REDIS_URL"] = "redis://127.0.0.1:1/0"

    answer = shell("doctor", "--json")

    assert answer.code == 3
    assert answer.json["ok"] is False
    assert list(answer.json["sections"]) == [
        "Machine",
        "Configuration",
        "Data folder",
        "Service",
        "Store",
        "People",
        "Channels",
    ]


def test_a_configuration_that_cannot_load_is_exit_2(shell: Shell) -> None:
    (shell.config / "directory.yaml").unlink()

    answer = shell("doctor")

    assert answer.code == 2
    assert "see them all with `followthrough validate`" in answer.out


@pytest.mark.server
def test_a_server_that_forgets_is_refused_with_all_reasons(shell: Shell, make_server: Any) -> None:
    server = make_server(appendonly="no", maxmemory_policy="allkeys-lru")
    shell.env["REDIS_URL"] = server.url

    [told] = texts(shell, "Store", "bad")

    assert "appendonly is off" in told
    assert "maxmemory-policy is `allkeys-lru`" in told
    assert shell("doctor").code == 3


@pytest.mark.server
@pytest.mark.parametrize(
    ("percent", "state", "told"),
    [
        (0, "look", "it has no maxmemory"),
        (50, "fine", "memory is"),
        (80, "look", "memory is"),
        (95, "bad", "memory is"),
    ],
)
def test_how_full_the_server_is(shell: Shell, make_server: Any, percent: int, state: str, told: str) -> None:
    server = make_server()
    server.ask("SETRANGE ballast 64000000 x")
    if percent:
        used = int(re.findall(r"used_memory:(\d+)", server.tell("INFO memory"))[0])
        server.ask(f"CONFIG SET maxmemory {used * 100 // percent}")
    shell.env["REDIS_URL"] = server.url

    [text] = [text for text in texts(shell, "Store", state) if "memory" in text]

    assert told in text


@pytest.mark.server
def test_overdue_timers_and_dead_letters_are_counted(
    shell: Shell, valkey_server: Server, prefix: str
) -> None:
    shell.env |= {"REDIS_URL": valkey_server.url, "FOLLOWTHROUGH_KEY_PREFIX": prefix}
    long_ago = round((datetime.now(UTC) - timedelta(hours=1)).timestamp() * 1000)

    async def fill() -> bool:
        opened = await connect(valkey_server.url, prefix)
        owned = await opened.acquire(Shard("deadlines", 0))
        due = {"deadline/a": long_ago, "deadline/b": long_ago, "deadline/c": long_ago * 2}
        await opened.commit(
            owned.shard, Commit(owned.epoch, owned.seq, b"d" * 16, due=dict(due), dead=[b"x"])
        )
        await opened.close()
        return True

    on_thread(fill)

    stopped = texts(shell, "Store", "look")
    with pretender(shell.port, (202, {}), live={"status": "live", "reasons": []}):
        red = texts(shell, "Store", "bad")

    assert [text for text in stopped if "maxmemory" not in text] == [
        "2 timers are overdue by more than a minute",
        "1 dead letter",
    ]
    assert red == ["2 timers are overdue by more than a minute"]


@pytest.mark.parametrize(
    ("age", "red"),
    [
        (
            timedelta(hours=1),
            ["1 notification reached nobody, not even the fallback contact; the newest: email: 550"],
        ),
        (timedelta(days=2), []),
    ],
)
@pytest.mark.server
def test_what_not_even_the_fallback_contact_heard_is_red_for_a_day(
    shell: Shell, valkey_server: Server, prefix: str, age: timedelta, red: list[str]
) -> None:
    shell.env |= {"REDIS_URL": valkey_server.url, "FOLLOWTHROUGH_KEY_PREFIX": prefix}
    lost = Dead("fallback_unreached", "email: 550", b"", datetime.now(UTC) - age, "delivery", "deadline/c1")

    async def fill() -> bool:
        opened = await connect(valkey_server.url, prefix)
        owned = await opened.acquire(Shard("inbox", 0))
        dead = [encode_effect(lost), encode_effect(replace(lost, reason="dead"))]
        await opened.commit(owned.shard, Commit(owned.epoch, owned.seq, b"d" * 16, dead=dead))
        await opened.close()
        return True

    on_thread(fill)

    assert texts(shell, "Store", "bad") == red
    assert "2 dead letters" in texts(shell, "Store", "look")


async def test_a_clock_that_differs_is_red() -> None:
    class Ahead:
        async def now(self) -> datetime:
            return datetime.now(UTC) + timedelta(seconds=5)

    found = await store._clock(Ahead())  # type: ignore[arg-type]

    assert found.mark == Mark.BAD
    assert "+5.0 s: no timer fires" in found.text


@pytest.mark.parametrize(
    ("running", "mark"),
    [((3, 10, 9), Mark.BAD), ((3, 11, 7), Mark.LOOK), ((3, 11, 15), Mark.FINE), ((3, 13, 0), Mark.FINE)],
)
def test_an_old_python_is_named(running: tuple[int, int, int], mark: Mark) -> None:
    assert machine.python(running).mark == mark


def test_an_old_time_zone_database_is_named() -> None:
    assert machine.time_zones(2100).mark == Mark.LOOK
    assert machine.time_zones(2026).mark == Mark.FINE


# -- configuration, keys, folder -------------------------------------------------------------------


def test_a_loopback_public_url_is_yellow_once_mail_really_leaves(shell: Shell) -> None:
    (shell.config / "channels.yaml").write_text(
        f"email: {{{EMAIL}'smtp://127.0.0.1:1'}}\nwins: {{kind: caught}}\n"
    )

    assert any("links work on this machine only" in text for text in texts(shell, "Configuration", "look"))


def test_a_public_url_with_another_port_than_the_service_is_red(shell: Shell) -> None:
    shell.env["FOLLOWTHROUGH_WEB__PUBLIC_URL"] = "http://127.0.0.1:1"

    assert any("but it listens on" in text for text in texts(shell, "Configuration", "bad"))
    assert shell("doctor").code == 1


def test_a_public_url_without_https_is_yellow(shell: Shell) -> None:
    shell.env["FOLLOWTHROUGH_WEB__PUBLIC_URL"] = "http://followthrough.example.com"

    assert texts(shell, "Configuration", "look") == ["public_url is http://followthrough.example.com"]


def test_signing_keys_that_others_can_read_are_red(shell: Shell) -> None:
    shell.data.mkdir(mode=0o700)
    keys = shell.data / "signing.keys"
    keys.write_text("k" * 20 + "abcdefghijklmnopqrstuvwxyz\n")
    keys.chmod(0o644)

    assert texts(shell, "Data folder", "bad") == [f"{keys} can be read by others"]
    keys.chmod(0o600)
    assert texts(shell, "Data folder", "bad") == []


@pytest.mark.parametrize(("key", "state"), [("a" * 40, "look"), ("canary-key", "bad"), ("", "bad")])
def test_a_weak_signing_key_is_named_and_never_shown(shell: Shell, key: str, state: str) -> None:
    shell.data.mkdir(mode=0o700)
    path = shell.data / "signing.keys"
    path.write_text(key)
    path.chmod(0o600)

    [finding] = [found for found in section(shell, "Data folder") if found["state"] == state]

    assert not key or key not in str(finding)


def test_a_data_folder_that_others_can_change_is_red(shell: Shell) -> None:
    shell.data.mkdir()
    shell.data.chmod(0o777)

    assert texts(shell, "Data folder", "bad") == [f"data_dir {shell.data} can be changed by others"]


def test_a_data_folder_that_cannot_be_made_is_red(shell: Shell) -> None:
    inside_a_file = shell.config / "channels.yaml" / "data"
    shell.env["FOLLOWTHROUGH_DATA_DIR"] = str(inside_a_file)

    assert texts(shell, "Data folder", "bad") == [f"data_dir {inside_a_file} cannot be made"]


def test_no_template_and_no_policy_is_left_out(shell: Shell) -> None:
    policies = len(load(shell.config, {}).policies.live)

    [told, *_] = texts(shell, "Configuration", "fine")

    assert told == f"it loads: {policies} policies, 6 people; every template renders with samples"


# -- the service -----------------------------------------------------------------------------------


def test_live_is_a_health_check(shell: Shell) -> None:
    down = shell("doctor", "--live")
    with pretender(shell.port, (202, {})):
        up = shell("doctor", "--live")

    assert (up.code, up.out) == (0, "live\n")
    assert (down.code, down.out) == (3, "")
    assert down.err.startswith(f"error: nothing answers at 127.0.0.1:{shell.port}\n")


def test_a_service_that_is_not_ready_tells_its_reasons(shell: Shell) -> None:
    told = {"status": "live", "reasons": ["the engine has not gone round for 40 s"]}
    with pretender(shell.port, (202, {}), live=told):
        answer = shell("doctor", "--json")

    assert answer.code == 3
    assert [f["text"] for f in answer.json["sections"]["Service"]] == [
        "not ready: the engine has not gone round for 40 s"
    ]


def test_a_service_that_is_ready_tells_its_warnings(shell: Shell) -> None:
    told = {
        "status": "live",
        "reasons": [],
        "warnings": [
            "the store's memory is 80 % full",
            "channels.yaml has changed: it needs a restart to take effect",
            "the changed configuration is refused, the old one is in force: config/directory.yaml:3:1: …",
        ],
        "role": "owner",
    }
    with pretender(shell.port, (202, {}), live=told):
        answer = shell("doctor", "--json")

    found = [(f["state"], f["text"], f["fix"]) for f in answer.json["sections"]["Service"]]
    assert found == [
        ("fine", f"ready at 127.0.0.1:{shell.port}, as owner", ""),
        ("look", told["warnings"][0], "make room before it is full: see Store below"),
        ("look", told["warnings"][1], "restart the service when it suits you"),
        ("look", told["warnings"][2], "mend it: the service takes it in by itself"),
    ]


# -- mail ------------------------------------------------------------------------------------------


async def mail(shell: Shell, sink: Sink, user: str = "") -> Finding:
    """What the doctor finds about a mail server; the sink runs in this loop, the command beside it."""
    channels = f"email: {{{EMAIL}'smtp://{user}localhost:{sink.port}'}}\nwins: {{kind: caught}}\n"
    await asyncio.to_thread((shell.config / "channels.yaml").write_text, channels)
    found = await asyncio.to_thread(section, shell, "Channels")
    marks = {"fine": Mark.FINE, "look": Mark.LOOK, "bad": Mark.BAD}
    return Finding(marks[found[0]["state"]], found[0]["text"], found[0]["fix"])


async def test_a_mail_server_is_greeted_and_nothing_is_sent(shell: Shell) -> None:
    async with Sink() as sink:
        found = await mail(shell, sink)

    assert found == Finding(
        Mark.FINE, f"email: localhost:{sink.port} answers, not encrypted, no login asked for"
    )
    assert sink.connections == 1
    assert sink.mails == []
    assert not {"MAIL", "RCPT", "DATA"} & set(sink.seen)


async def test_a_mail_server_without_encryption_is_red_when_there_is_a_password(shell: Shell) -> None:
    async with Sink(auth=True) as sink:
        found = await mail(shell, sink, "ft:canary-secret@")

    assert found.mark == Mark.BAD
    assert "canary" not in str(found)
    assert "AUTH" not in sink.seen


async def test_a_mail_server_that_refuses_us_is_red(shell: Shell) -> None:
    async with Sink(on={"BANNER": [Reply("554 go away")] * 3}) as sink:
        found = await mail(shell, sink)

    assert found.mark == Mark.BAD
    assert found.fix == "check `smtp` in channels.yaml and the server"
