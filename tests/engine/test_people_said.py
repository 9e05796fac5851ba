"""What events say of people is in force without a restart, after one, and in every process; `people` says so."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from service.core.decide import decide
from service.core.directory import World
from service.core.envelope import decode
from service.core.message import Reader
from service.core.model import People, Word, encode_state
from service.settings.load import load
from service.settings.said import with_people
from tests.cli.shell import Shell
from tests.engine.in_process import CONFIG, Running, running, until
from tests.servers import Server
from tests.wire.filled import AT


@pytest.mark.server
async def test_a_new_manager_counts_at_once_and_after_a_restart_and_the_command_says_where_it_is_from(
    valkey_server: Server, tmp_path: Path
):
    async def ana_has(it: Running, manager: str) -> bool:
        return it.app.settings.graph.people["ana"].manager == manager

    async with running(valkey_server, tmp_path) as it:
        files = it.app.settings.graph.hash
        await it.post("person.changed", person="ana@example.com", manager="omar@example.com", roles=["lead"])
        await until(lambda: ana_has(it, "omar"))

        now = it.app.settings.graph.hash
        assert now != files
        assert it.app._worlds.current.directory.hash == now
        assert await it.app.store.get_pinned("graph", now) == it.app.settings.pinned_graph

    async with running(valkey_server, tmp_path) as it:
        assert it.app.settings.graph.hash == now
        await it.app.replace(load(CONFIG, {}), it.app.templates)  # a reload leaves it in force
        assert await ana_has(it, "omar")

        shell = Shell(tmp_path / "shell")
        shell.env["REDIS_URL"] = valkey_server.url
        listed = shell("people").out
        told = {one["id"]: one for one in shell("people", "--json").json["people"]}

    [row] = [line for line in listed.splitlines() if line.startswith("ana")]
    assert row.split()[4:7] == ["lead", "omar", "leo"]
    assert row.split()[-4::2] == ["manager", "roles"]
    assert told["ana"]["by_events"]["manager"]["said"] == "omar"
    assert told["ana"]["by_events"]["manager"]["file"] == "dana"
    assert told["leo"]["by_events"] == {}


@pytest.mark.server
async def test_it_is_said_at_once_that_the_only_fallback_contact_has_left(
    valkey_server: Server, tmp_path: Path
):
    def warnings(it: Running) -> list[str]:
        warned = it.app.readiness()["warnings"]
        assert isinstance(warned, list)
        return [one for one in warned if "fallback contact role:ops is nobody" in one]

    async def is_said(it: Running) -> bool:
        return bool(warnings(it))

    shell = Shell(tmp_path / "shell")
    shell.env["REDIS_URL"] = valkey_server.url
    async with running(valkey_server, tmp_path) as it:
        assert not warnings(it)
        await it.post("person.changed", person="noa", manager="ana")
        await it.post("person.left", person="rosa@example.com")
        await until(lambda: is_said(it))

        told = shell("doctor", "--json").json["sections"]["People"]

    assert [one["state"] for one in told] == ["bad", "look"]
    assert "role:ops is nobody" in told[0]["text"]
    assert "noa: they are not in directory.yaml" in told[1]["text"]


@pytest.mark.parametrize(
    ("person", "address", "why"),
    [
        ("ana", "other@example.com", "the address of somebody in directory.yaml is changed there"),
        ("noa", "noa@elsewhere.example", "nobody in directory.yaml has an address in its domain"),
        ("noa", "ANA@example.com", "it is `ana`'s address"),
        ("noa", "noa@example.com,x@example.com", "the address is not exactly one plain address"),
        ("noa", "noa@example.com", ""),
    ],
)
def test_an_event_sends_nobody_mail_to_strangers(person: str, address: str, why: str):
    said = {"name": Word("Noa", AT), "email": Word(address, AT)}

    settings, left = with_people(load(CONFIG, {}), People(said={person: said}))

    assert [(one.person, one.field, one.why) for one in left] == ([(person, "email", why)] if why else [])
    expected = {"ana": {"email": "ana@example.com"}, "noa": {} if why else {"email": "noa@example.com"}}
    assert settings.book.reader(person).addresses == expected[person]
    assert settings.book.name(person) == "Noa"


def test_what_cannot_hold_is_left_out_and_named_and_the_rest_counts():
    said = {
        "ana": {"manager": "nobody-we-know", "mentor": "ana", "teams": ["east", "moon"], "calendar": "mars"},
        "dana": {"manager": "ana", "time_zone": "Mars/Phobos"},
        "omar": {"manager": "dana"},
        "late": {"manager": "dana"},
    }
    people = People(
        said={who: {name: Word(value, AT) for name, value in one.items()} for who, one in said.items()}
    )

    settings, left = with_people(load(CONFIG, {}), people)

    assert {(one.person, one.field) for one in left} == {
        *(("ana", "manager"), ("ana", "mentor"), ("ana", "teams"), ("ana", "calendar")),
        *(("dana", "time_zone"), ("dana", "manager"), ("omar", "manager"), ("late", "")),
    }
    graph = settings.graph
    assert (graph.people["ana"].manager, graph.people["ana"].mentor) == ("dana", "leo")
    assert graph.people["ana"].teams == ("east",)
    assert (graph.people["dana"].manager, graph.people["omar"].manager) == ("omar", "")
    assert "late" not in graph.people


def test_a_manager_named_by_their_address_before_they_joined_counts_once_they_have():
    named = {"manager": Word("Max@example.com", AT), "mentor": Word("max@example.com", AT)}
    said = {"ana": named}
    before, left = with_people(load(CONFIG, {}), People(said=said))
    assert before.graph.people["ana"].manager == "dana"
    assert [one.field for one in left] == ["manager", "mentor"]

    joined = {"name": Word("Max", AT), "email": Word("max@example.com", AT)}
    after, left = with_people(load(CONFIG, {}), People(said={**said, "max": joined}))

    assert (after.graph.people["ana"].manager, after.graph.people["ana"].mentor) == ("max", "max")
    assert left == []


def test_an_address_stays_whoever_had_it_first_for_as_long_as_they_are_here():
    """However often either is said again, as an HR system does every night."""
    world = World({}, load(CONFIG, {}).graph, {}, frozenset(), "role:ops")
    state: bytes | None = None

    def told(day: int, kind: str, who: str, **data: object) -> dict[str, Reader]:
        nonlocal state
        event = {"specversion": "1.0", "id": f"{who}-{day}", "source": "hr", "type": kind}
        event |= {"time": f"2026-11-{day:02}T09:00:00Z", "data": {"person": who, **data}}
        decision = decide(
            state, decode(msgspec.json.encode(event), datetime(2026, 11, 30, tzinfo=UTC)), world
        )
        assert isinstance(decision.state, People)
        state = encode_state(decision.state)
        return dict(with_people(load(CONFIG, {}), decision.state)[0].book.readers)

    def joins(day: int, who: str) -> dict[str, Reader]:
        return told(day, "person.joined", who, name=who, email="shared@example.com")

    joins(1, "zoe")
    joins(9, "adam")
    readers = joins(10, "zoe")
    assert (readers["zoe"].addresses, readers["adam"].addresses) == ({"email": "shared@example.com"}, {})

    readers = told(11, "person.left", "zoe")
    assert readers["adam"].addresses == {"email": "shared@example.com"}
