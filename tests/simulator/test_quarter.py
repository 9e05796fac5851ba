"""The made-up quarter is as untidy as promised, and what it skips on the way changes nothing."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from service.channels.contract import ChannelError
from service.core.directory import World
from service.core.effects import Emit, decode_emit
from service.core.envelope import admit, decode, encode_internal
from service.core.events import INTERNAL, Event
from service.core.policy import PolicyBook
from service.core.view import iso
from service.delivery import outcome
from service.settings.load import load
from service.settings.model import Settings
from service.simulator import pure, seller
from service.simulator.play import world_of
from service.simulator.pure import PureRun
from service.simulator.quarter import Quarter, quarter

ROOT = Path(__file__).parents[2]


@cache
def shipped() -> Settings:
    return load(ROOT / "config", {})


@cache
def made(people: int = 32, seed: int = 7) -> Quarter:
    return quarter(people, seed, shipped().graph.calendars, shipped().series)


def of_type(kind: str) -> list[Event]:
    return [event for event in made().events if event.type == kind]


def test_an_event_is_what_the_door_would_have_made_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = quarter(3, 1, shipped().graph.calendars, shipped().series)
    monkeypatch.setattr(seller, "arrive", lambda attributes, at: admit(attributes, at)[0])

    assert quarter(3, 1, shipped().graph.calendars, shipped().series) == quick


def test_an_internal_event_is_what_its_way_through_the_log_would_have_made_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = quarter(2, 3, shipped().graph.calendars, shipped().series)
    world = world_of(replace(shipped(), graph=small.directory))
    kinds, event_of = set[str](), pure.event_of

    def both(emit: Emit) -> Event:
        kinds.add(emit.type)
        assert event_of(emit) == decode(encode_internal(emit), small.events[0].received_at, trusted=True)
        return event_of(emit)

    monkeypatch.setattr(pure, "event_of", both)
    run = PureRun(world, small.events[0].received_at)
    run.schedule(small.series)
    for event in small.events:
        run.run_until(event.received_at)
        run.give(event)
    # What no quarter brings about: other policies for what is open, the end of a cadence, an address that is gone.
    run.change(replaced_policies(world))
    run.apply_plan()
    run.schedule(())
    gone = outcome.failed(
        run.sent[-1].owed, ChannelError("no such address", bounced=True, permanent=True), run.now
    )
    for raw in gone.settled.emits:
        run.give(pure.event_of(decode_emit(raw)))

    assert kinds == INTERNAL


def replaced_policies(world: World) -> World:
    """The same policies, each in another version."""
    live = tuple(msgspec.structs.replace(one, hash=f"{one.hash}-2") for one in world.policies.live)
    return msgspec.structs.replace(world, policies=PolicyBook(live, {one.hash: one for one in live}))


def test_deals_go_through_a_pipeline() -> None:
    created = {event.data.stage for event in of_type("deal.created")}
    moved = [event for event in of_type("deal.updated") if isinstance(event.data.stage, str)]

    assert created == {"qualified"}
    assert {event.data.stage for event in moved} == {"proposal", "negotiation", "closing"}


def test_close_dates_slip_to_the_end_of_the_month() -> None:
    ends = [event.data.close_at for event in of_type("deal.created")]
    slipped = [event for event in of_type("deal.updated") if event.data.close_at is not msgspec.UNSET]

    assert sum((at + timedelta(days=1)).day == 1 for at in ends) / len(ends) > 0.6
    assert len(slipped) > len(ends) / 4


def test_wins_come_in_bursts() -> None:
    days = Counter((event.time + timedelta(days=3)).day for event in of_type("deal.won"))
    in_burst = sum(count for day, count in days.items() if day <= 4)

    assert in_burst / sum(days.values()) > 0.6


def test_whoever_is_away_says_so_and_who_stands_in_and_begins_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away: dict[str, dict[str, str]] = {}
    arrive = seller.arrive

    def noted(attributes: dict[str, Any], at: datetime) -> Event:
        if attributes["type"] == "person.away":
            away[attributes["data"]["person"]] = attributes["data"]
        return arrive(attributes, at)

    monkeypatch.setattr(seller, "arrive", noted)
    events = quarter(16, 7, shipped().graph.calendars, shipped().series).events

    assert 4 < len(away) < 15
    assert all(said["delegate"].startswith("rep-") for said in away.values())
    for event in events:
        if event.type == "deadline.set" and event.data.owner in away:
            said = away[event.data.owner]
            assert not said["from"] <= str(iso(event.time)) < said["until"]


def test_nobody_begins_anything_on_a_holiday_of_their_own_calendar() -> None:
    for event in (*of_type("deadline.set"), *of_type("deal.created")):
        person = made().directory.people[event.data.owner]
        zone, hours = ZoneInfo(person.time_zone), made().directory.hours_of(person.id)
        assert hours.on(event.time.astimezone(zone).date()) is not None
    calendars = {person.calendar for person in made().directory.people.values() if "rep" in person.roles}
    assert calendars == {"default", "new-york"}


def test_some_events_arrive_twice_late_or_in_the_wrong_order() -> None:
    events = made().events
    times = Counter(event.id for event in events)
    late = [event for event in events if event.received_at - event.time > timedelta(minutes=30)]
    overtaken = [a for a, b in pairwise(events) if a.time > b.time]

    assert 0.01 < sum(count > 1 for count in times.values()) / len(times) < 0.04
    assert 0.01 < len(late) / len(events) < 0.06
    assert overtaken


def test_people_answer_and_report() -> None:
    kinds = Counter(event.type for event in made().events)

    assert {"commitment.acknowledged", "commitment.snoozed", "commitment.help_requested"} <= kinds.keys()
    assert {
        "deadline.progress",
        "deadline.moved",
        "deal.lost",
        "deal.activity",
        "checkin.submitted",
    } <= kinds.keys()


def test_one_person_more_changes_nobody_elses_quarter() -> None:
    known = {event.id: event for event in made(16).events}
    more = {event.id: event for event in made(17).events}

    assert {name: more[name] for name in known if not name.startswith("rep-001")} == {
        name: event for name, event in known.items() if not name.startswith("rep-001")
    }


def test_the_same_seed_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    def run(hash_seed: str) -> tuple[bytes, bytes]:
        picture = tmp_path / f"{hash_seed}.svg"
        asked = (
            "simulate",
            "--generate",
            "quarter",
            "--people",
            "3",
            "--seed",
            "7",
            "--json",
            "--svg",
            str(picture),
        )
        found = subprocess.run(
            [sys.executable, "-m", "service", *asked],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
        return found.stdout, picture.read_bytes()

    assert run("1") == run("2")
