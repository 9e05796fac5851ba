"""One pipeline, told by HubSpot, by Pipedrive and by a CSV file: the same deals, whatever order it was told in."""

import json
from collections import Counter
from collections.abc import Iterator
from random import Random
from zoneinfo import ZoneInfo

import msgspec

from service.core.decide import decide
from service.core.envelope import admit
from service.core.events import Event, NotificationRequested
from service.core.model import Commitment, decode_state, encode_state
from service.integrations.deals_csv import events_of, read_table
from tests.core.test_deals import WORLD
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


def folded(events: Iterator[Event]) -> tuple[dict[str, tuple[str, ...]], list[NotificationRequested]]:
    """What is known of every deal at the end, and whom its policies told what on the way."""
    states: dict[str, bytes] = {}
    told = []
    for event in events:
        decision = decide(states.get(event.subject), event, WORLD)
        assert decision.state is not None
        states[event.subject] = encode_state(decision.state)
        told += [msgspec.json.decode(emit.data, type=NotificationRequested) for emit in decision.emits]
    return {subject: _facts(raw) for subject, raw in states.items()}, told


def celebrated(told: list[NotificationRequested]) -> Counter[str]:
    return Counter(one.subject for one in told if one.template == "deal_won")


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

    by_hubspot, told_by_hubspot = folded(hubspot_events(deals, Random(seed)))
    by_pipedrive, told_by_pipedrive = folded(pipedrive_events(deals, Random(seed)))
    by_csv, told_by_csv = folded(csv_events(deals))

    assert by_hubspot == expected
    assert by_pipedrive == expected
    assert by_csv == expected
    assert told_by_csv == []
    won = {subject for subject, facts in expected.items() if facts[0] == "won"}
    for told in (told_by_hubspot, told_by_pipedrive):
        assert won <= celebrated(told).keys()
        assert set(celebrated(told).values()) == {1}
    assert {facts[0] for facts in expected.values()} == {"open", "won", "lost"}


def test_the_webhooks_of_a_deal_go_on_where_its_import_ended() -> None:
    deals = pipeline.deals(50, Random(4))
    halves = [deal._replace(changes=deal.changes[:1]) for deal in deals]

    found, _ = folded(iter([*csv_events(halves), *hubspot_events(deals, Random(4)), *csv_events(halves)]))

    assert found == {f"deal/{deal.number}": _expected(deal) for deal in deals}


def test_a_file_taken_in_twice_changes_nothing() -> None:
    deals = pipeline.deals(50, Random(5))
    once, _ = folded(csv_events(deals))

    twice, told = folded(iter([*csv_events(deals), *csv_events(deals)]))

    assert (twice, told) == (once, [])


def _expected(deal: pipeline.Deal) -> tuple[str, ...]:
    facts = deal.facts
    named = (facts[name] for name in ("title", "owner", "amount", "currency", "stage", "close"))
    return pipeline.status(facts["stage"]), *named
