"""From a body that another system sent to our CloudEvents, by the rules of its file.

Nothing here may raise anything but BadEvent: whatever a body holds, it becomes events, or a reason that a person can
act on. Ids follow from the sender's, or from the content, so that a delivery sent again is the same events again.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.core.envelope import admit
from service.core.errors import BadEvent
from service.core.events import EVENTS, Event
from service.core.payload import shape_of
from service.core.strict_json import DEPTH_MAX, inspect, parse
from service.core.wishes import IdOfEmail
from service.integrations.values import as_instant, fit, is_nothing
from service.settings.expressions import ValueFailed
from service.settings.integration_compiler import CompiledRule
from service.settings.integrations import Integration
from service.settings.mapping_values import MISSING, Getter, View, resolve

# As many as the door takes at once (web/intake.py); vendors send a hundred.
ITEMS_MAX = 1000

Attributes = dict[str, object]


@dataclass
class Outcome:
    """What has become of a body so far. `refused` names the item; `ignored` counts those without a rule."""

    admitted: list[tuple[Event, bytes]] = field(default_factory=list)
    refused: list[tuple[int, BadEvent]] = field(default_factory=list)
    ignored: int = 0


def understood(
    integration: Integration, raw: bytes, received_at: datetime, id_of_email: IdOfEmail
) -> Iterator[Outcome]:
    """One outcome that grows, again after every item, so that a caller may let others have their turn."""
    outcome = Outcome()
    yield outcome
    try:
        body, items = read_items(integration, raw)
    except BadEvent as bad:
        outcome.refused.append((0, bad))
        return
    for index, item in enumerate(items):
        found = list(events_of(integration, body, item))
        outcome.ignored += not found
        for made in found:
            try:
                if isinstance(made, BadEvent):
                    raise made
                outcome.admitted.append(admit(made, received_at, id_of_email))
            except BadEvent as bad:
                outcome.refused.append((index, bad))
        yield outcome


def read_items(integration: Integration, raw: bytes) -> tuple[Any, list[Any]]:
    """The body, and the items in it; BadEvent when it is no JSON, or not as the file says."""
    body = parse(raw)
    inspect(body, DEPTH_MAX)
    each = integration.model.each
    if each is None:
        return body, [body]
    return body, _listed(resolve(each, body), each)


def events_of(integration: Integration, body: Any, item: Any) -> Iterator[Attributes | BadEvent]:
    """What an item becomes: an event for each rule that holds, or why it cannot be one; nothing when none holds."""
    view = {"item": item, "body": body, "one": None, "tables": integration.model.tables}
    try:
        if integration.only is not None and not _value(integration.only, view, "only"):
            return
    except BadEvent as bad:
        yield bad
        return
    made: dict[str, int] = {}
    for rule in integration.rules:
        try:
            for one in _ones(rule, view):
                number = made[rule.type] = made.get(rule.type, 0) + 1
                yield _event(integration, rule, {**view, "one": one}, number)
        except BadEvent as bad:
            yield bad


def _event(integration: Integration, rule: CompiledRule, view: View, number: int) -> Attributes:
    """One event; `number` tells it from others of its type that the same item makes."""
    zone = _zone(integration)
    time = as_instant(_value(integration.time, view, "time"), "/time", zone)
    again = f".{number}" if number > 1 else ""
    return {
        "specversion": "1.0",
        "id": f"{_id(integration, view)}/{rule.type}{again}",
        "source": integration.source,
        "type": rule.type,
        **({} if time is None else {"time": time}),
        **({"import": True} if _value(rule.is_import, view, "import") else {}),
        "data": _data(rule, view, zone),
    }


def _ones(rule: CompiledRule, view: View) -> list[Any]:
    if rule.when is not None and not _value(rule.when, view, f"when of {rule.type}"):
        return []
    if rule.each is None:
        return [None]
    return _listed(resolve(rule.each, view["item"]), rule.each)


def _listed(found: Any, where: str) -> list[Any]:
    if not isinstance(found, list):
        raise BadEvent("wrong_type", "a list is expected here, as the mapping says", where)
    if len(found) > ITEMS_MAX:
        raise BadEvent("too_many", f"a list may have {ITEMS_MAX} items", where, 413)
    return found


def _data(rule: CompiledRule, view: View, zone: str) -> dict[str, object]:
    kind = EVENTS[rule.type].data
    assert kind is not None
    shapes = shape_of(kind)
    found = {
        name: fit(_value(getter, view, name), shapes[name].kind, f"/data/{name}", zone)
        for name, getter in rule.data.items()
    }
    return {name: value for name, value in found.items() if value is not MISSING}


def _id(integration: Integration, view: View) -> str:
    found = _value(integration.id, view, "id")
    if not is_nothing(found):
        if isinstance(found, bool | dict | list):
            raise BadEvent("wrong_type", "an id is text or a number", "/id")
        return str(found)
    told = json.dumps(view["item"], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def _zone(integration: Integration) -> str:
    return "Z" if integration.model.naive_times == "utc" else ""


def _value(getter: Getter, view: Mapping[str, Any], name: str) -> Any:
    try:
        return getter(view)
    except ValueFailed as failed:
        raise BadEvent("mapping_failed", f"`{name}` of the mapping: {failed}") from failed
