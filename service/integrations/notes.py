"""What is remembered of each integration for `doctor`: the last request it sent, and the last one that was refused."""

from datetime import datetime

import msgspec
from msgspec import Struct

SEEN, REFUSED = "seen", "refused"


class Seen(Struct, frozen=True):
    """The last genuine request. `type`, `subject` and `input_id` are of its last event; empty when it made none."""

    at: datetime
    accepted: int
    ignored: int = 0
    refused: int = 0
    type: str = ""
    subject: str = ""
    input_id: str = ""  # as the record of decisions calls it


class Refused(Struct, frozen=True):
    """The last request that was refused whole, or in part."""

    at: datetime
    reason: str
    detail: str


_seen, _refused = msgspec.json.Decoder(Seen), msgspec.json.Decoder(Refused)


def name_of(integration: str) -> str:
    return f"integration {integration}"


def encode(note: Seen | Refused) -> bytes:
    return msgspec.json.encode(note)


def decode(notes: dict[str, bytes]) -> tuple[Seen | None, Refused | None]:
    """Both notes, None for one that there is not."""
    seen, refused = notes.get(SEEN), notes.get(REFUSED)
    return _seen.decode(seen) if seen else None, _refused.decode(refused) if refused else None
