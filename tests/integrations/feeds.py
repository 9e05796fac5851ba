"""Four ways by which one pipeline comes in, what is known at the end of each, and who is told what from then on."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from service.core.decide import decide
from service.core.directory import World
from service.core.envelope import admit
from service.core.events import Event, NotificationRequested, Timer
from service.core.model import Commitment, decode_state, encode_state
from service.core.policy import Policy
from service.integrations.deals_csv import events_of, read_table
from tests.core.policies import world_of
from tests.core.test_deals import AROUND, TOLD
from tests.integrations import pipeline
from tests.integrations.files import HUBSPOT, NOW, PIPEDRIVE, integration, made

COUNT = 200
OWNERS = "tables: {owners: {'11': ana, '12': leo, '13': dana}}\n"
# Before the close date, at it and after it; a win goes round.
WORLD = world_of(Policy("close", "close", "deal", "close", "hash-close", AROUND, TOLD))


# A move and a new owner are told as they are heard, and in disorder more of them are heard; these are of the end alone.
OF_THE_END = ("before", "missed", "manager")


class Message(NamedTuple):
    at: str
    subject: str
    step: str
    template: str
    to: str


def hubspot_events(deals: list[pipeline.Deal], random: Random) -> Iterator[Event]:
    of = integration(HUBSPOT.partition("tables")[0] + OWNERS, "hubspot")
    for body in pipeline.by_hubspot(deals, random):
        yield from _good(made(of, json.dumps(body).encode()))


def pipedrive_events(deals: list[pipeline.Deal], random: Random) -> Iterator[Event]:
    of = integration(PIPEDRIVE.partition("tables")[0] + OWNERS, "pipedrive")
    for body in pipeline.by_pipedrive(deals, random):
        yield from _good(made(of, json.dumps(body).encode()))


def csv_events(deals: list[pipeline.Deal]) -> Iterator[Event]:
    table = read_table(pipeline.by_csv(deals), {})
    assert table.refused == []
    for row in table.rows:
        for one in events_of(row, NOW.isoformat(), ZoneInfo("UTC"), str):
            yield admit(one, NOW)[0]


def kafka_events(deals: list[pipeline.Deal], random: Random) -> Iterator[Event]:
    for value in pipeline.by_kafka(deals, random):
        yield admit(value, NOW)[0]


def _good(found: Iterator[object]) -> Iterator[Event]:
    for one in found:
        assert isinstance(one, Event), one
        yield one


def folded(
    events: Iterable[Event], world: World = WORLD
) -> tuple[dict[str, bytes], list[NotificationRequested]]:
    """What is stored of every deal at the end, and whom its policies told what on the way."""
    states: dict[str, bytes] = {}
    told = []
    for event in events:
        decision = decide(states.get(event.subject), event, world)
        assert decision.state is not None
        states[event.subject] = encode_state(decision.state)
        told += [request(emit.data) for emit in decision.emits]
    return states, told


def afterwards(states: Mapping[str, bytes], days: int = 90) -> Counter[Message]:
    """Who is told what of these deals from now on, if nothing more is heard of them."""
    told: Counter[Message] = Counter()
    for subject, state in states.items():
        told.update(_of_one(subject, state, NOW + timedelta(days=days)))
    return told


def _of_one(subject: str, raw: bytes | None, until: datetime) -> Iterator[Message]:
    due_at: datetime | None = NOW
    while due_at is not None and due_at <= until:
        at = max(due_at, NOW)
        decision = decide(raw, Timer(subject=subject, due_at=due_at, fired_at=at), WORLD)
        raw = encode_state(decision.state) if decision.state is not None else None
        for emit in decision.emits:
            said = request(emit.data)
            yield Message(at.isoformat(), subject, said.step, said.template, said.to)
        due_at = decision.due_at


def ahead(told: Counter[Message], of: Mapping[str, tuple[str, ...]]) -> Counter[Message]:
    """What the last state of a deal alone decides, of deals whose close date is still to come."""
    coming = {subject for subject, (*_, day) in of.items() if day > f"{NOW:%Y-%m-%d}"}
    return Counter(one for one in told.elements() if one.subject in coming and one.step in OF_THE_END)


def by_day(told: Counter[Message]) -> Counter[Message]:
    """HubSpot's close dates have an hour, and those of the others none."""
    return Counter(one._replace(at=one.at[:10]) for one in told.elements())


def request(raw: bytes) -> NotificationRequested:
    return msgspec.json.decode(raw, type=NotificationRequested)


def celebrated(told: Iterable[NotificationRequested]) -> Counter[str]:
    return Counter(one.subject for one in told if one.template == "deal_won")


def facts(states: Mapping[str, bytes]) -> dict[str, tuple[str, ...]]:
    """All that each deal is, but for the hour of its close date."""
    return {subject: _facts(raw) for subject, raw in states.items()}


def _facts(raw: bytes) -> tuple[str, ...]:
    state = decode_state(raw)
    assert isinstance(state, Commitment)
    assert state.deal is not None
    close = state.moments["close"]
    day = close.on or (f"{close.at:%Y-%m-%d}" if close.at else "")
    deal = state.deal
    return state.status, state.title, state.owner, deal.amount, deal.currency, deal.stage, day


def expected(deals: list[pipeline.Deal]) -> dict[str, tuple[str, ...]]:
    """The same by the books of the pipeline itself."""
    return {f"deal/{deal.number}": _expected(deal.facts) for deal in deals}


def _expected(of: dict[str, str]) -> tuple[str, ...]:
    named = (of[name] for name in ("title", "owner", "amount", "currency", "stage", "close"))
    return pipeline.status(of["stage"]), *named
