"""`followthrough dead-letters`: what was given up, why, and the way back.

A dead letter keeps the original bytes for 30 days. An id is the shard it lies on and its place there.
"""

import json
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from service.cli.configuration import command, read_settings
from service.cli.exits import Exit, Failure
from service.cli.options import AsJson, Config
from service.cli.output import GREEN, RED, put, put_json, put_table, say

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from service.core.effects import Dead
    from service.store.contract import Shard, Store

# A page for people; `--limit` for more.
LISTED = 100
_DETAIL_CHARS_MAX = 100

dead_letters = typer.Typer(
    no_args_is_help=True,
    help="""Look at what was given up, and try it again.

    Kept for 30 days with its reason and its original bytes.

    Example: followthrough dead-letters list""",
)


class Letter(NamedTuple):
    """One dead letter and where it lies. `dead` is None when this version cannot read it."""

    shard: "Shard"
    position: str
    raw: bytes
    dead: "Dead | None"

    @property
    def id(self) -> str:
        return f"{self.shard}:{self.position}"


@dead_letters.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = LISTED,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """What was given up, the newest first: when, where it lay, why.

    Example: followthrough dead-letters list --json
    """
    letters = _with_store(config, lambda store: _all(store, limit))[:limit]
    if as_json:
        put_json({"dead_letters": [_as_dict(letter) for letter in letters]})
        return
    if not letters:
        say("no dead letters", GREEN)
        return
    put_table(
        ("id", "when", "kind", "where", "subject", "reason", "detail"), [_row(letter) for letter in letters]
    )
    say(f"see the original: {command('dead-letters show ID', config)}")


@dead_letters.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `list` prints it.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Print the original bytes of one; what is known about it goes to standard error.

    Example: followthrough dead-letters show deadlines.2:1764000000000-0
    """
    letter = _with_store(config, lambda store: _one(store, id_))
    if as_json:
        put_json({**_as_dict(letter), **_original_as_dict(letter)})
        return
    for name, value in _as_dict(letter).items():
        say(f"{name:<8} {value}")
    put(_original_as_text(letter))


@dead_letters.command()
def requeue(
    id_: Annotated[
        str | None, typer.Argument(metavar="ID", help="As `list` prints it.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that can be requeued.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Try again: an event is read from the log once more, a delivery is owed once more; its dead letter goes.

    Example: followthrough dead-letters requeue --all
    """
    if (id_ is None) != everything:
        raise Failure(Exit.WRONG, "name one dead letter, or say --all", command("dead-letters list", config))

    async def work(store: "Store") -> tuple[list[str], dict[str, str]]:
        letters = await _all(store, 1_000_000) if id_ is None else [await _one(store, id_)]
        return await _requeue(store, letters)

    done, refused = _with_store(config, work)
    if as_json:
        put_json({"requeued": done, "refused": refused})
    for each in done if not as_json else ():
        put(f"requeued {each}", GREEN)
    for each, why in refused.items():
        say(f"not requeued {each}: {why}", RED)
    if not done and not refused:
        say("no dead letters", GREEN)
    if refused:
        raise typer.Exit(Exit.FINDINGS)


async def _all(store: "Store", limit: int) -> list[Letter]:
    """Over all shards, the newest first."""
    from service.broker import PARTITIONS
    from service.core.events import TOPICS
    from service.store.contract import Shard

    found: list[Letter] = []
    for topic in TOPICS:
        for partition in range(PARTITIONS):
            shard = Shard(topic, partition)
            found += [_letter(shard, *record) for record in await store.dead_letters(shard, limit)]
    found.sort(key=lambda letter: _place(letter.position), reverse=True)
    return found


async def _one(store: "Store", id_: str) -> Letter:
    for letter in await _all(store, 1_000_000):
        if letter.id == id_:
            return letter
    raise Failure(
        Exit.WRONG, f"there is no dead letter {id_}", f"see which there are: {command('dead-letters list')}"
    )


async def _requeue(store: "Store", letters: list[Letter]) -> tuple[list[str], dict[str, str]]:
    """Ids of what was put back, and the reason of each that was not. The oldest first, as they happened."""
    done, refused = [], {}
    for letter in reversed(letters):
        why = await _put_back(store, letter)
        if why:
            refused[letter.id] = why
        else:
            done.append(letter.id)
    return done, refused


async def _put_back(store: "Store", letter: Letter) -> str:
    """Put one back and forget its dead letter, or say why not. Put back first: twice is harmless, lost is not."""
    dead = letter.dead
    if dead is None:
        return "another version wrote it: use that one"
    if dead.kind == "event":
        return await _append_again(store, letter, dead)
    return await _owe_again(store, letter, dead)


async def _append_again(store: "Store", letter: Letter, dead: "Dead") -> str:
    from service.broker import Broker, Publication
    from service.core.envelope import decode
    from service.core.errors import BadEvent
    from service.store.contract import Shard

    async def append(records: list[tuple[str, int, bytes]]) -> None:
        await store.append([(Shard(topic, partition), value) for topic, partition, value in records])

    try:
        event = decode(dead.raw, dead.at, trusted=True)
    except BadEvent as bad:
        return f"it still cannot be read ({bad.detail}); mend a copy and `emit` that"
    await Broker(append).publish([Publication(event.topic, event.subject, dead.raw)])
    await store.forget_dead(letter.shard, letter.position)
    return ""


async def _owe_again(store: "Store", letter: Letter, dead: "Dead") -> str:
    import msgspec

    from service.core.effects import decode_owed, encode_effect

    try:
        owed = decode_owed(dead.raw)
    except msgspec.MsgspecError:
        if dead.kind == "unroutable":
            return "there was nobody to tell, and the fallback contact was told instead; mend directory.yaml"
        return "its outbox entry cannot be read by this version"
    again = msgspec.structs.replace(owed, attempt=0)
    await store.owe_again(letter.shard, letter.position, owed.key, encode_effect(again))
    return ""


def _with_store(given: Any, work: "Callable[[Store], Coroutine[Any, Any, Any]]") -> Any:
    import asyncio

    from service.cli.connection import open_store

    settings = read_settings(given)

    async def inside() -> Any:
        async with open_store(settings) as store:
            return await work(store)

    return asyncio.run(inside())


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


def _as_dict(letter: Letter) -> dict[str, str]:
    dead = letter.dead
    if dead is None:
        return {
            "id": letter.id,
            "kind": "unreadable",
            "reason": "unreadable",
            "detail": "another version wrote it",
        }
    return {
        "id": letter.id,
        "at": dead.at.isoformat(timespec="milliseconds"),
        "kind": dead.kind,
        "where": dead.source,
        "subject": dead.subject,
        "reason": dead.reason,
        "detail": dead.detail,
    }


def _row(letter: Letter) -> tuple[str, ...]:
    told = _as_dict(letter)
    at = f"{letter.dead.at.astimezone():%Y-%m-%d %H:%M:%S}" if letter.dead else ""
    detail = " ".join(told["detail"].split())
    short = detail if len(detail) <= _DETAIL_CHARS_MAX else detail[: _DETAIL_CHARS_MAX - 1] + "…"
    return (told["id"], at, *(told.get(name, "") for name in ("kind", "where", "subject", "reason")), short)


def _original_as_dict(letter: Letter) -> dict[str, object]:
    """The bytes, always; and what they say, when they can be read."""
    import base64

    raw = letter.dead.raw if letter.dead else letter.raw
    return {"raw_base64": base64.b64encode(raw).decode(), "original": _readable(letter)}


def _original_as_text(letter: Letter) -> str:
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
