"""One pipeline, told by HubSpot, by Pipedrive and by a CSV file: the same deals, whatever order it was told in."""

import json
from collections.abc import Iterator
from random import Random
from zoneinfo import ZoneInfo

from service.core.decide import decide
from service.core.envelope import admit
from service.core.events import Event
from service.core.model import Commitment, decode_state, encode_state
from service.integrations.deals_csv import events_of, read_table
from tests.core.policies import world_of
from tests.integrations import pipeline
from tests.integrations.files import HUBSPOT, NOW, PIPEDRIVE, integration, made

COUNT = 200
OWNERS = "tables: {owners: {'11': ana, '12': leo, '13': dana}}\n"


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


def _good(found: Iterator[object]) -> Iterator[Event]:
    for one in found:
        assert isinstance(one, Event), one
        yield one


def folded(events: Iterator[Event]) -> tuple[dict[str, tuple[str, ...]], int]:
    """What is known of every deal at the end, and how many notifications were asked for."""
    states: dict[str, bytes] = {}
    world, asked = world_of(), 0
    for event in events:
        decision = decide(states.get(event.subject), event, world)
        assert decision.state is not None
        states[event.subject] = encode_state(decision.state)
        asked += len(decision.emits)
    return {subject: _facts(raw) for subject, raw in states.items()}, asked


def _facts(raw: bytes) -> tuple[str, ...]:
    state = decode_state(raw)
    assert isinstance(state, Commitment)
    assert state.deal is not None
    close = state.moments["close"]
    day = close.on or (f"{close.at:%Y-%m-%d}" if close.at else "")
    deal = state.deal
    return state.status, state.title, state.owner, deal.amount, deal.currency, deal.stage, day


def test_the_same_pipeline_ends_in_the_same_deals() -> None:
    seed = 1
    deals = pipeline.deals(COUNT, Random(seed))
    expected = {f"deal/{deal.number}": _expected(deal) for deal in deals}

    by_hubspot, _ = folded(hubspot_events(deals, Random(seed)))
    by_pipedrive, _ = folded(pipedrive_events(deals, Random(seed)))
    by_csv, told_by_csv = folded(csv_events(deals))

    assert by_hubspot == expected
    assert by_pipedrive == expected
    assert by_csv == expected
    assert told_by_csv == 0
    assert {facts[0] for facts in expected.values()} == {"open", "won", "lost"}


def test_the_webhooks_of_a_deal_go_on_where_its_import_ended() -> None:
    deals = pipeline.deals(50, Random(4))
    halves = [deal._replace(changes=deal.changes[:1]) for deal in deals]

    found, _ = folded(iter([*csv_events(halves), *hubspot_events(deals, Random(4)), *csv_events(halves)]))

    assert found == {f"deal/{deal.number}": _expected(deal) for deal in deals}


def _expected(deal: pipeline.Deal) -> tuple[str, ...]:
    facts = deal.facts
    named = (facts[name] for name in ("title", "owner", "amount", "currency", "stage", "close"))
    return pipeline.status(facts["stage"]), *named
