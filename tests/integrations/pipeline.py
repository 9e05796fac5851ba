"""A made-up pipeline: deals with their histories, as HubSpot, Pipedrive, a CSV file and a program on Kafka tell them.

Each teller is as untidy as its vendor: repeated, out of order, an update before its create, many changes in one
delivery, each with its own clock and its own way to write money.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from tests.integrations.files import NOW, hubspot, pipedrive

STAGES = ("qualified", "proposal", "contract")
CURRENCIES = ("EUR", "USD", "JPY")
# HubSpot's clock is behind that of the others; two changes of a deal are never as close as that.
BEHIND = timedelta(seconds=20)
OWNERS = {"ana": 11, "leo": 12, "dana": 13}
BEGAN = NOW - timedelta(days=60)
# Of HubSpot's events: which property is which of ours.
_PROPERTIES = {
    "title": "dealname",
    "owner": "hubspot_owner_id",
    "amount": "amount",
    "currency": "deal_currency_code",
    "stage": "dealstage",
    "close": "closedate",
}


class Change(NamedTuple):
    """At this moment these facts of the deal became these."""

    at: datetime
    facts: dict[str, str]


class Deal(NamedTuple):
    number: int
    changes: list[Change]

    @property
    def facts(self) -> dict[str, str]:
        """All facts as they are at the end."""
        return {name: value for change in self.changes for name, value in change.facts.items()}


def deals(count: int, random: Random) -> list[Deal]:
    """Each is created whole, changes a few times, may be won or lost, and now and then is reopened after that."""
    return [Deal(number, list(_changes(number, random))) for number in range(1, count + 1)]


def _changes(number: int, random: Random) -> Iterator[Change]:
    at = BEGAN + timedelta(minutes=random.randrange(20_000))
    money = {"currency": random.choice(CURRENCIES)}
    yield Change(at, {"title": f"Deal {number}", **money, **{n: _new(n, random) for n in _VARIABLE}})
    for _ in range(random.randrange(4)):
        at += timedelta(minutes=random.randrange(1, 5_000))
        yield Change(
            at, {name: _new(name, random) for name in random.sample(_VARIABLE, random.randint(1, 2))}
        )
    for stage in random.choice([[], [], ["closedwon"], ["closedlost"], ["closedwon", "contract"]]):
        at += timedelta(minutes=random.randrange(1, 5_000))
        yield Change(at, {"stage": stage, "amount": _new("amount", random)})


_VARIABLE = ("owner", "amount", "stage", "close")


def _new(name: str, random: Random) -> str:
    return {
        "owner": lambda: random.choice([*OWNERS]),
        # The least, the most and what no float is exact for.
        "amount": lambda: random.choice(
            [str(random.randrange(100, 99_999)), "0.1", "1234.56", "99999999.99"]
        ),
        "stage": lambda: random.choice(STAGES),
        "close": lambda: f"{NOW + timedelta(days=random.randrange(-30, 60)):%Y-%m-%d}",
    }[name]()


def status(stage: str) -> str:
    return {"closedwon": "won", "closedlost": "lost"}.get(stage, "open")


def by_hubspot(pipeline: list[Deal], random: Random) -> list[list[dict[str, Any]]]:
    """Single changes of single properties: shuffled within a hundred, a fifth of them twice, in lists of at most 50."""
    events = []
    for deal in pipeline:
        for change in deal.changes:
            at_ms = int((change.at - BEHIND).timestamp() * 1000)
            for name, value in change.facts.items():
                told = _as_hubspot(name, value)
                events.append(hubspot(random.randrange(10**9), deal.number, _PROPERTIES[name], told, at_ms))
    events.sort(key=lambda event: event["occurredAt"])
    untidy = _untidy(events, 100, random)
    return [untidy[start : start + 50] for start in range(0, len(untidy), 50)]


def _as_hubspot(name: str, value: str) -> str:
    if name == "owner":
        return str(OWNERS[value])
    return _ms(value) if name == "close" else f"{Decimal(value):.2f}" if name == "amount" else value


def by_pipedrive(pipeline: list[Deal], random: Random) -> list[dict[str, Any]]:
    """The whole deal at each change: shuffled within forty, a fifth of them twice."""
    events = []
    for deal in pipeline:
        known: dict[str, str] = {}
        for number, change in enumerate(deal.changes):
            before, known = known, {**known, **change.facts}
            data, previous = _whole(deal, known), _whole(deal, before) if before else None
            changed = {n: v for n, v in (previous or {}).items() if data[n] != v} or None
            action = "change" if number else "create"
            # Seconds since 1970, as some of its deliveries have it, or a time of day.
            at = random.choice(
                [str(int(change.at.timestamp())), change.at.isoformat().replace("+00:00", "Z")]
            )
            told = pipedrive(deal.number * 100 + number, at, data, changed, action)
            events.append((change.at, told))
    in_order = [event for _, event in sorted(events, key=lambda told: told[0])]
    return _untidy(in_order, 40, random)


def by_kafka(pipeline: list[Deal], random: Random) -> list[dict[str, Any]]:
    """Events of ours, of a program that is not: shuffled within sixty, a fifth of them twice."""
    events = []
    for deal in pipeline:
        stage = ""
        for number, change in enumerate(deal.changes):
            facts = {"close_on" if name == "close" else name: told for name, told in change.facts.items()}
            types = ["deal.updated" if number else "deal.created"]
            if number and status(stage) != (now := status(facts.get("stage", stage))):
                types.append("deal.reopened" if now == "open" else f"deal.{now}")
            stage = facts.get("stage", stage)
            for kind in types:
                data = {
                    "deal_id": str(deal.number),
                    **(facts if kind in ("deal.created", "deal.updated") else {}),
                }
                named = {"id": f"{deal.number}-{number}-{kind}", "source": "warehouse", "type": kind}
                events.append({"specversion": "1.0", **named, "time": change.at.isoformat(), "data": data})
    events.sort(key=lambda event: str(event["time"]))
    return _untidy(events, 60, random)


def by_csv(pipeline: list[Deal]) -> bytes:
    """As they are at the end."""
    lines = ["Record ID,Deal Name,Deal owner,Amount,Currency,Deal Stage,Status,Close Date,Last Modified"]
    for deal in pipeline:
        f = deal.facts
        at = deal.changes[-1].at.isoformat()
        cells = (
            f["title"],
            f["owner"],
            f'"{Decimal(f["amount"]):,.2f}"',
            f["currency"],
            f["stage"],
            status(f["stage"]),
            f["close"],
            at,
        )
        lines.append(f"{deal.number},{','.join(cells)}")
    return "\n".join(lines).encode()


def _whole(deal: Deal, facts: dict[str, str]) -> dict[str, Any]:
    return {
        "id": deal.number,
        "title": facts["title"],
        "value": float(facts["amount"]),
        "currency": facts["currency"],
        "status": status(facts["stage"]),
        "stage_id": facts["stage"],
        "owner_id": OWNERS[facts["owner"]],
        "expected_close_date": facts["close"],
    }


def _ms(day: str) -> str:
    return str(int(datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp() * 1000))


def _untidy(events: list[Any], window: int, random: Random) -> list[Any]:
    twice = [event for event in events for _ in range(1 + (random.random() < 0.2))]
    places = [(index + random.randrange(window), index) for index in range(len(twice))]
    return [json.loads(json.dumps(twice[index])) for _, index in sorted(places)]
