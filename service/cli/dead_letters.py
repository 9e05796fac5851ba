"""`followthrough dead-letters`: what was given up, why, and the way back.

A dead letter keeps the original bytes for 30 days. An id is the shard it lies on and its place there.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.configuration import command, read_settings
from service.cli.exits import Exit, Failure
from service.cli.letters import Letter, all_letters, original_as_dict, original_as_text, put_back
from service.cli.options import AsJson, Config
from service.cli.output import GREEN, RED, put, put_json, put_table, say

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from service.store.contract import Store

# A page for people; `--limit` for more.
LISTED = 100
_DETAIL_CHARS_MAX = 100

dead_letters = typer.Typer(
    no_args_is_help=True,
    help="""Look at what was given up, and try it again.

    Kept for 30 days with its reason and its original bytes.

    Example: followthrough dead-letters list""",
)


@dead_letters.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = LISTED,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """What was given up, the newest first: when, where it lay, why.

    Example: followthrough dead-letters list --json
    """
    letters = _with_store(config, lambda store, of: all_letters(store, of, limit))[:limit]
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
    letter = _with_store(config, lambda store, of: _one(store, of, id_, config))
    if as_json:
        put_json({**_as_dict(letter), **original_as_dict(letter)})
        return
    for name, value in _as_dict(letter).items():
        say(f"{name:<8} {value}")
    put(original_as_text(letter))


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

    import asyncio

    done, refused = asyncio.run(_requeue(id_, config))
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


async def _one(store: "Store", partitions: int, id_: str, config: "Path | None") -> Letter:
    from service.core.nearest import nearest

    letters = {letter.id: letter for letter in await all_letters(store, partitions, 1_000_000)}
    if id_ in letters:
        return letters[id_]
    raise Failure(
        Exit.WRONG,
        f"there is no dead letter {id_}{nearest(id_, letters)}",
        f"see which there are: {command('dead-letters list', config)}",
    )


async def _requeue(id_: str | None, config: "Path | None") -> tuple[list[str], dict[str, str]]:
    """Ids of what was put back, and the reason of each that was not. The oldest first, as they happened."""
    from service.cli.connection import open_broker

    settings = read_settings(config)
    done, refused = [], {}
    async with open_broker(settings) as (store, broker):
        of = settings.service.partitions
        letters = (
            await all_letters(store, of, 1_000_000) if id_ is None else [await _one(store, of, id_, config)]
        )
        for letter in reversed(letters):
            why = await put_back(settings, store, broker, letter)
            if why:
                refused[letter.id] = why
            else:
                done.append(letter.id)
    return done, refused


def _with_store(given: Any, work: "Callable[[Store, int], Coroutine[Any, Any, Any]]") -> Any:
    import asyncio

    from service.cli.connection import open_store

    settings = read_settings(given)

    async def inside() -> Any:
        async with open_store(settings) as store:
            return await work(store, settings.service.partitions)

    return asyncio.run(inside())


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
