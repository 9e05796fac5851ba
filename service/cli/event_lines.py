"""Events as somebody wrote them, in a file or on the command line: filled up, checked, and each mistake at its line.

Checked by the same code as the service's door, before anything is sent. Knows neither a store nor a service.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from service.cli.relative import absolute
from service.core.envelope import admit, read
from service.core.errors import BadEvent
from service.core.events import EVENTS, Event
from service.core.payload import shape_of

SOURCE = "followthrough/emit"
# Attributes around the data; every other KEY=VALUE is a field of the data.
ENVELOPE = frozenset(
    {
        "id",
        "source",
        "specversion",
        "time",
        "subject",
        "dataschema",
        "datacontenttype",
        "partitionkey",
        "import",
    }
)


class Line(NamedTuple):
    """One good event: `attributes` go over HTTP, `raw` into the log."""

    number: int
    event: Event
    attributes: dict[str, object]
    raw: bytes


@dataclass(frozen=True)
class Mistake:
    """One bad line."""

    file: str
    number: int
    bad: BadEvent

    def render(self) -> str:
        place = f"{self.file}:{self.number}" if self.number else self.file
        return f"{place}: {self.bad.pointer or '/'}: {self.bad.detail} ({self.bad.reason})"

    def as_dict(self) -> dict[str, object]:
        bad = self.bad
        return {
            "file": self.file,
            "line": self.number,
            "pointer": bad.pointer,
            "reason": bad.reason,
            "detail": bad.detail,
        }


def read_lines(file: str, raws: Iterable[bytes], now: datetime) -> tuple[list[Line], list[Mistake]]:
    """Every event of a JSON Lines file, and every mistake. Empty lines are nothing."""
    lines, mistakes = [], []
    for number, raw in enumerate(raws, 1):
        if not raw.strip():
            continue
        try:
            lines.append(fill(read(raw.strip(b"\r\n")), number, now))
        except BadEvent as bad:
            mistakes.append(Mistake(file, number, bad))
    return lines, mistakes


def fill(value: object, number: int, now: datetime) -> Line:
    """The event with what `emit` fills in: id, source, time, specversion; BadEvent when it cannot be used."""
    if not isinstance(value, dict):
        raise BadEvent("wrong_type", "an event is one JSON object")
    attributes = absolute({"specversion": "1.0", "source": SOURCE, **value}, now)
    attributes.setdefault("id", _id(attributes, number))
    event, raw = admit(attributes, now.astimezone(UTC))
    return Line(number, event, attributes, raw)


def from_words(event_type: str, words: list[str]) -> dict[str, object]:
    """`deadline.set commitment_id=c1 due_at=+20s`: what is no attribute is data; `key:=JSON` gives any JSON value."""
    attributes: dict[str, object] = {"type": event_type}
    data: dict[str, object] = {}
    for word in words:
        name, separator, text = word.partition("=")
        is_json = name.endswith(":")
        name = name.removesuffix(":")
        if not separator or not name:
            raise BadEvent("wrong_use", f"`{word}` is not KEY=VALUE")
        target = attributes if name in ENVELOPE else data
        if name in target:
            raise BadEvent("duplicate_key", f"`{name}` is given twice", f"/data/{name}")
        target[name] = _json(name, text) if is_json else _value(event_type, name, text)
    return {**attributes, "data": data}


def _value(event_type: str, name: str, text: str) -> object:
    """Text stays text, whatever it looks like; a number or a list is read where the type wants no text. One text where
    a list is wanted is a list of it."""
    kind = EVENTS.get(event_type)
    shape = shape_of(kind.data).get(name) if kind is not None and kind.data is not None else None
    if text == "null" and shape is not None and shape.takes_null:
        return None
    if shape is not None and shape.kind in ("ids", "bodies") and not text.startswith("["):
        return [text]
    if shape is None or shape.kind not in ("ids", "bodies", "other"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _json(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadEvent(
            "invalid_json", f"what follows `{name}:=` is no JSON: {error}", f"/data/{name}"
        ) from None


def _id(attributes: dict[str, object], number: int) -> str:
    """Made of the event and its line: the same file with the same times, sent twice, is the same events."""
    told = json.dumps([number, attributes], sort_keys=True, default=str)
    return hashlib.blake2b(told.encode(), digest_size=12).hexdigest()
