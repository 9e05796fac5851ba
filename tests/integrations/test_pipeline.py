"""One pipeline, told by HubSpot, by Pipedrive, by a CSV file and on Kafka: the same deals and the same messages.

The broker itself is in tests/kafka/test_pipeline.py.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from random import Random

from service.core.events import Event, NotificationRequested
from tests.integrations import feeds, pipeline
from tests.integrations.files import NOW

SEED = 1
DEALS = pipeline.deals(feeds.COUNT, Random(SEED))
EXPECTED = feeds.expected(DEALS)
WON = {subject for subject, (status, *_) in EXPECTED.items() if status == "won"}
OVERDUE = {
    subject for subject, (status, *_, day) in EXPECTED.items() if status == "open" and day < f"{NOW:%Y-%m-%d}"
}


@cache
def told_by(feed: Callable[..., Iterator[Event]]) -> tuple[dict[str, bytes], list[NotificationRequested]]:
    """What one feed leaves behind, and what it made us say; three tests look at it."""
    more = () if feed is feeds.csv_events else (Random(SEED),)
    return feeds.folded(feed(DEALS, *more))


def test_the_pipeline_is_as_untidy_as_the_world() -> None:
    """What the tests below say is worth as much as this."""
    seen, stubs = set[str](), set[str]()
    events = list(feeds.kafka_events(DEALS, Random(SEED)))
    for event in events:
        if event.subject not in seen and event.type != "deal.created":
            stubs.add(event.subject)
        seen.add(event.subject)
    hubspot = pipeline.by_hubspot(DEALS, Random(SEED))

    assert len(stubs) > 5, "an update before its create"
    assert len({(e.source, e.id) for e in events}) < len(events), "repeated"
    assert [e.time for e in events] != sorted(e.time for e in events), "out of order"
    assert max(map(len, hubspot)) == 50, "many changes in one delivery"
    assert {facts[0] for facts in EXPECTED.values()} == {"open", "won", "lost"}
    assert {facts[4] for facts in EXPECTED.values()} == set(pipeline.CURRENCIES)
    assert {"0.1", "1234.56", "99999999.99"} <= {facts[3] for facts in EXPECTED.values()}
    assert len(OVERDUE) > 10


def test_the_same_pipeline_ends_in_the_same_deals_and_the_same_messages() -> None:
    by_hubspot, told_by_hubspot = told_by(feeds.hubspot_events)
    by_pipedrive, told_by_pipedrive = told_by(feeds.pipedrive_events)
    by_csv, told_by_csv = told_by(feeds.csv_events)
    on_kafka, told_on_kafka = told_by(feeds.kafka_events)

    for states in (by_hubspot, by_pipedrive, by_csv, on_kafka):
        assert feeds.facts(states) == EXPECTED
    assert {(one.step, one.urgency) for one in told_by_csv} == {("~imported", "low")}, "for a digest alone"
    assert {one.subject for one in told_by_csv} == OVERDUE
    for told in (told_by_hubspot, told_by_pipedrive, told_on_kafka):
        assert feeds.celebrated(told).keys() >= WON
        assert set(feeds.celebrated(told).values()) == {1}

    after = feeds.ahead(feeds.afterwards(by_pipedrive), EXPECTED)
    assert len(after) > 200
    assert set(after.values()) == {1}
    assert feeds.ahead(feeds.afterwards(by_csv), EXPECTED) == after
    assert feeds.ahead(feeds.afterwards(on_kafka), EXPECTED) == after
    hubspot_after = feeds.ahead(feeds.afterwards(by_hubspot), EXPECTED)
    assert feeds.by_day(hubspot_after) == feeds.by_day(after)


def test_what_is_overdue_goes_to_its_managers_but_not_out_of_an_import() -> None:
    by_hubspot, by_pipedrive, on_kafka = map(
        _escalated, (feeds.hubspot_events, feeds.pipedrive_events, feeds.kafka_events)
    )

    assert {subject for subject, _ in by_pipedrive} == OVERDUE
    assert set(by_pipedrive.values()) == {1}
    assert by_hubspot == on_kafka == by_pipedrive
    assert _escalated(feeds.csv_events) == Counter()


def _escalated(feed: Callable[..., Iterator[Event]]) -> Counter[tuple[str, str]]:
    """(deal, to whom) of each escalation of those that were overdue when all was heard."""
    states, _ = told_by(feed)
    told = feeds.afterwards({subject: raw for subject, raw in states.items() if subject in OVERDUE})
    return Counter((one.subject, one.to) for one in told.elements() if one.step == "manager")


def test_two_systems_with_two_clocks_tell_of_the_same_deals_and_agree() -> None:
    random, some = Random(3), DEALS[:60]
    tellers = [feeds.hubspot_events(some, random), feeds.pipedrive_events(some, random)]

    states, told = feeds.folded(_mixed([list(teller) for teller in tellers], random))

    assert feeds.facts(states) == feeds.expected(some)
    assert feeds.celebrated(told).keys() >= WON & states.keys()
    assert set(feeds.celebrated(told).values()) == {1}


def _mixed(queues: list[list[Event]], random: Random) -> Iterator[Event]:
    """Each queue in its order; which one is next is chance, as it is for two connections."""
    at = [0] * len(queues)
    while waiting := [n for n, queue in enumerate(queues) if at[n] < len(queue)]:
        n = random.choices(waiting, [len(queues[n]) for n in waiting])[0]
        yield queues[n][at[n]]
        at[n] += 1


def test_the_webhooks_of_a_deal_go_on_where_its_import_ended() -> None:
    deals = pipeline.deals(50, Random(4))
    halves = [deal._replace(changes=deal.changes[:1]) for deal in deals]
    before = list(feeds.csv_events(halves))

    found, _ = feeds.folded([*before, *feeds.hubspot_events(deals, Random(4)), *before])

    assert feeds.facts(found) == feeds.expected(deals)


def test_a_file_taken_in_twice_changes_nothing() -> None:
    deals = pipeline.deals(50, Random(5))
    once, told = feeds.folded(feeds.csv_events(deals))

    twice, told_twice = feeds.folded([*feeds.csv_events(deals), *feeds.csv_events(deals)])

    assert (feeds.facts(twice), told_twice) == (feeds.facts(once), told)
    assert feeds.afterwards(twice) == feeds.afterwards(once)
