"""Integrations as a user writes them: YAML in, checked and compiled by the code that `validate` runs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from service.core.envelope import admit
from service.core.errors import BadEvent
from service.core.events import Event
from service.integrations.mapping import events_of, read_items
from service.settings.integrations import Integration, read_integrations
from service.settings.problems import Report
from service.settings.service import ServiceSettings

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SECRET = "the-client-secret-of-the-tests"
HUBSPOT = 'vendor: hubspot\nauthenticate: {secret: "${SECRET}"}\ntables: {owners: {"4711": ana}}\n'
PIPEDRIVE = (
    'vendor: pipedrive\nauthenticate: {username: ft, secret: "${SECRET}"}\ntables: {owners: {"7": ana}}\n'
)
CRM = """
source: crm/own
authenticate: {scheme: hmac-sha256-hex, secret: "${SECRET}", header: X-Signature, prefix: "sha256="}
id: /event_id
time: /happened
events:
  - type: deal.created
    when: "item.kind == 'new'"
    data: {deal_id: /deal, title: /name, owner: /owner, amount: /amount, close_on: /close}
  - type: deal.won
    when: "item.kind == 'won'"
    data: {deal_id: /deal}
"""


def integration(text: str, name: str = "crm", **service: Any) -> Integration:
    """The one integration of this text; every problem of it fails the test."""
    report = Report()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "integrations" / f"{name}.yaml"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        found = read_integrations(Path(folder), report, {"SECRET": SECRET}, ServiceSettings(**service))
    report.raise_errors()
    return found[name]


def made(of: Integration, raw: bytes) -> Iterator[Event | BadEvent]:
    """What a body becomes, in order."""
    body, items = read_items(of, raw)
    for item in items:
        for one in events_of(of, body, item):
            try:
                yield one if isinstance(one, BadEvent) else admit(one, NOW)[0]
            except BadEvent as bad:
                yield bad


def hubspot(event_id: int, of: int, name: str, value: str, at_ms: int, **more: Any) -> dict[str, Any]:
    """One change of one property, as HubSpot tells it."""
    return {
        "eventId": event_id,
        "subscriptionId": 1,
        "portalId": 99,
        "appId": 12,
        "occurredAt": at_ms,
        "subscriptionType": "deal.propertyChange",
        "attemptNumber": 0,
        "objectId": of,
        "propertyName": name,
        "propertyValue": value,
        "changeSource": "CRM_UI",
        **more,
    }


def pipedrive(
    number: int, at: str, data: Any, previous: Any = None, action: str = "change"
) -> dict[str, Any]:
    """One change of one deal, as Pipedrive tells it."""
    meta = {
        "action": action,
        "entity": "deal",
        "entity_id": "1" if data is None else str(data["id"]),
        "id": f"00000000-0000-4000-8000-{number:012}",
        "timestamp": at,
        "version": "2.0",
        "attempt": 1,
    }
    return {"meta": meta, "data": data, "previous": previous}
