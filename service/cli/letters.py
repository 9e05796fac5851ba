"""Dead letters as they lie in the store: found, read, and put back where they came from.

What they look like on a terminal is `dead_letters.py`.
"""

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from service.broker import Broker
    from service.core.effects import Dead
    from service.settings.model import Settings
    from service.store.contract import Shard, Store


class Letter(NamedTuple):
    """One dead letter and where it lies. `dead` is None when this version cannot read it."""

    shard: "Shard"
    position: str
    raw: bytes
    dead: "Dead | None"

    @property
    def id(self) -> str:
        return f"{self.shard}:{self.position}"


async def all_letters(store: "Store", partitions: int, limit: int) -> list[Letter]:
    """Over all shards, the newest first."""
    from service.core.events import TOPICS
    from service.store.contract import Shard

    found: list[Letter] = []
    for topic in TOPICS:
        for partition in range(partitions):
            shard = Shard(topic, partition)
            found += [_letter(shard, *record) for record in await store.dead_letters(shard, limit)]
    found.sort(key=lambda letter: _place(letter.position), reverse=True)
    return found


async def put_back(settings: "Settings", store: "Store", broker: "Broker", letter: Letter) -> str:
    """Put one back and forget its dead letter, or say why not. Put back first: twice is harmless, lost is not."""
    dead = letter.dead
    from service.core.reasons import Code

    if dead is None:
        return "another version wrote it: use that one"
    if dead.reason == Code.STUB:
        return "nothing of it is left to try; send the event it begins with, and then the later ones again"
    if dead.kind == "event" and dead.reason == Code.REFUSED:
        return "the rest of it counts already; send what was refused again, mended"
    if dead.kind == "webhook":
        return await _map_again(settings, store, broker, letter, dead)
    if dead.kind == "event":
        return await _append_again(store, broker, letter, dead)
    if dead.kind == "unroutable" and not dead.source:  # it never came as far as the outbox
        return await _ask_again(store, broker, letter, dead)
    return await _owe_again(store, letter, dead)


async def _append_again(store: "Store", broker: "Broker", letter: Letter, dead: "Dead") -> str:
    from service.broker import Publication
    from service.core.envelope import decode
    from service.core.errors import BadEvent

    try:
        event = decode(dead.raw, dead.at, trusted=True)
    except BadEvent as bad:
        return f"it still cannot be read ({bad.detail}); mend a copy and `emit` that"
    await broker.publish([Publication(event.topic, event.subject, dead.raw)])
    await store.forget_dead(letter.shard, letter.position)
    return ""


async def _map_again(
    settings: "Settings", store: "Store", broker: "Broker", letter: Letter, dead: "Dead"
) -> str:
    """What another system sent, by its mapping of today; what was taken of it then counts once."""
    from service.broker import Publication
    from service.integrations.mapping import understood

    name = dead.source.rpartition("/")[2]
    integration = settings.integrations.get(name)
    if integration is None:
        return f"there is no integrations/{name}.yaml any more"
    *_, outcome = understood(integration, dead.raw, dead.at, settings.book.id_of_email)
    if outcome.refused:
        return f"it still cannot be mapped ({outcome.refused[0][1].detail}); mend integrations/{name}.yaml"
    await broker.publish([Publication(event.topic, event.subject, raw) for event, raw in outcome.admitted])
    await store.forget_dead(letter.shard, letter.position)
    return ""


async def _ask_again(store: "Store", broker: "Broker", letter: Letter, dead: "Dead") -> str:
    """A notification nobody was there for: its inbox decides once more, with the directory of today."""
    import msgspec

    from service.broker import Publication
    from service.core.effects import Emit
    from service.core.envelope import encode_internal
    from service.core.events import NotificationRequested
    from service.core.ids import effect_key

    try:
        to = msgspec.json.decode(dead.raw, type=NotificationRequested).to
    except msgspec.MsgspecError:
        return "there was nobody to tell; mend directory.yaml or the policy, the next step is told to whom they name"
    key = effect_key("requeue", letter.id)
    emit = Emit(key, "inbox", "notification.requested", f"inbox/{to}", await store.now(), dead.raw)
    await broker.publish([Publication(emit.topic, emit.subject, encode_internal(emit))])
    await store.forget_dead(letter.shard, letter.position)
    return ""


async def _owe_again(store: "Store", letter: Letter, dead: "Dead") -> str:
    import msgspec

    from service.core.effects import decode_owed, encode_effect

    try:
        owed = decode_owed(dead.raw)
    except msgspec.MsgspecError:
        return "its outbox entry cannot be read by this version"
    again = msgspec.structs.replace(owed, attempt=0)
    await store.owe_again(letter.shard, letter.position, owed.key, encode_effect(again))
    return ""


def original_as_dict(letter: Letter) -> dict[str, object]:
    """The bytes, always; and what they say, when they can be read."""
    import base64

    raw = letter.dead.raw if letter.dead else letter.raw
    return {"raw_base64": base64.b64encode(raw).decode(), "original": _readable(letter)}


def original_as_text(letter: Letter) -> str:
    original = _readable(letter)
    if isinstance(original, str):
        return original
    return json.dumps(original, indent=2, ensure_ascii=False)


def _readable(letter: Letter) -> object:
    """JSON as JSON, a delivery by its fields, anything else as text with its strange bytes written out."""
    import msgspec

    from service.core.effects import decode_owed

    raw = letter.dead.raw if letter.dead else letter.raw
    if letter.dead is not None and letter.dead.kind != "event":
        try:
            return msgspec.to_builtins(_named(decode_owed(raw)))
        except msgspec.MsgspecError:
            pass
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode(errors="backslashreplace")


def _named(owed: Any) -> dict[str, object]:
    """An entry of the outbox with the names of its fields; in the store they are left out."""
    return {name: getattr(owed, name) for name in owed.__struct_fields__}


def _letter(shard: "Shard", position: str, raw: bytes) -> Letter:
    import msgspec

    from service.core.effects import decode_dead

    try:
        return Letter(shard, position, raw, decode_dead(raw))
    except msgspec.MsgspecError:
        return Letter(shard, position, raw, None)


def _place(position: str) -> tuple[int, int]:
    ms, _, number = position.partition("-")
    return int(ms), int(number)
