"""`followthrough import`: deals from a spreadsheet or a CRM's export, as history: no policy acts on what has passed."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.configuration import command, read_settings
from service.cli.emit import show_mistakes, warn_nobody
from service.cli.exits import Exit, Failure
from service.cli.options import AsJson, Config
from service.cli.output import GREEN, YELLOW, put, put_json, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.cli.event_lines import Line, Mistake
    from service.integrations.deals_csv import Row, Table
    from service.settings.model import Settings

# Some 300,000 deals; they are checked whole before the first is sent.
BYTES_MAX = 64 * 1024 * 1024


def import_deals(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A CSV file; its first line names the columns.")
    ],
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="COLUMN=FIELD", help="Which column is which field, where its name does not say."
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When the file was true; default: when it was last changed."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row and send nothing.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take in deals from a CSV file, as history.

    No policy acts on what has passed; what is overdue is one digest to its owner and one to the manager. The same
    file taken in again changes nothing, so a run that was interrupted is simply started again. Rows that cannot be
    used are named by their line; the others are taken.

    Example: followthrough import deals.csv --map "Account rep=owner"
    """
    import asyncio

    settings = read_settings(config)
    table = _table(file, mapped or [])
    lines, mistakes = _lines(file, table, settings, as_of)
    if not as_json:
        for field, column in table.columns.items():
            say(f"{field:<12} is the column {column}")
        if table.unused:
            say(f"not used: {', '.join(name for name in table.unused if name)}", YELLOW)
    show_mistakes(mistakes)
    warn_nobody(lines, settings)
    sent = [] if dry_run else asyncio.run(_send(lines, settings, quiet=as_json))
    _sum_up(lines, mistakes, sent, dry_run=dry_run, as_json=as_json)
    if not as_json and lines and not dry_run:
        say(f"what is kept of a deal: {command(f'explain {lines[0].event.subject}', config)}")
    if mistakes:
        raise typer.Exit(Exit.FINDINGS)


def _table(file: Path, mapped: list[str]) -> "Table":
    from service.integrations.deals_csv import WrongColumns, read_table

    given: dict[str, str] = {}
    for one in mapped:
        column, separator, field = one.rpartition("=")
        if not separator or not column or not field:
            raise Failure(
                Exit.WRONG, f"`{one}` is not COLUMN=FIELD", 'write it as in --map "Deal name=title"'
            )
        given[column.strip()] = field.strip()
    try:
        with file.open("rb") as opened:
            raw = opened.read(BYTES_MAX + 1)
    except OSError as error:
        raise Failure(Exit.WRONG, f"{file} cannot be read: {error.strerror}", "give a CSV file") from None
    if len(raw) > BYTES_MAX:
        raise Failure(Exit.WRONG, f"{file} is larger than {BYTES_MAX >> 20} MB", "split it")
    try:
        return read_table(raw, given)
    except WrongColumns as wrong:
        raise Failure(Exit.WRONG, f"{file}: {wrong.text}", wrong.hint) from None


def _lines(
    file: Path, table: "Table", settings: "Settings", as_of: str | None
) -> "tuple[list[Line], list[Mistake]]":
    """Every event, and every row that cannot be used, in the order of the file."""
    from zoneinfo import ZoneInfo

    from service.cli.event_lines import Mistake, fill
    from service.core.errors import BadEvent
    from service.integrations.deals_csv import events_of

    now, zone = datetime.now(UTC), ZoneInfo(settings.service.time_zone)
    true_at, person = _as_of(file, as_of, now), _people(settings)
    lines: list[Line] = []
    mistakes = [Mistake(str(file), number, bad) for number, bad in table.refused]
    first: dict[str, int] = {}
    for row in table.rows:
        try:
            _once(row, first)
            lines += [fill(made, row.number, now) for made in events_of(row, true_at, zone, person)]
        except BadEvent as bad:
            named = bad.pointer.removeprefix("/data").removeprefix("/")
            place = f"column {table.columns[named]}" if named in table.columns else bad.pointer
            mistakes.append(Mistake(str(file), row.number, BadEvent(bad.reason, bad.detail, place)))
    return lines, sorted(mistakes, key=lambda mistake: mistake.number)


def _once(row: "Row", first: dict[str, int]) -> None:
    """Which of two rows about one deal is right, the file does not say."""
    from service.core.errors import BadEvent

    name = row.cells["deal_id"]
    before = first.setdefault(name, row.number)
    if name and before != row.number:
        raise BadEvent("duplicate", f"this deal stands in line {before} already", "deal_id")


def _as_of(file: Path, given: str | None, now: datetime) -> str:
    from service.core.errors import BadEvent
    from service.core.instants import read_instant
    from service.core.view import iso

    if given is None:
        return str(iso(min(datetime.fromtimestamp(file.stat().st_mtime, UTC), now)))
    try:
        return str(iso(read_instant(given, "--as-of", now)))
    except BadEvent as bad:
        raise Failure(Exit.WRONG, f"--as-of: {bad.detail}") from None


# Between two people in one cell; a comma may as well stand between somebody's last and first name.
_BETWEEN = re.compile(r"[,;\n]|\s(?:&|and)\s", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"<([^<>\s]+@[^<>\s]+)>\s*$")


def _people(settings: "Settings") -> "Callable[[str], str]":
    """A person by id, address or name, as exports write them: `Ruiz, Ana <ana@example.com>`. BadEvent where several are
    named."""
    from service.core.errors import BadEvent
    from service.settings.text import folded

    known: dict[str, set[str]] = {}
    for person in settings.graph.people:
        known.setdefault(folded(settings.book.name(person)), set()).add(person)

    def find(text: str) -> str:
        address = _IN_BRACKETS.search(text)
        parts = [part.strip() for part in _BETWEEN.split(address[1] if address else text) if part.strip()]
        alone = parts[0] if len(parts) == 1 else text
        for name in (text, alone, " ".join(reversed(parts))):
            if name in settings.graph.people:
                return name
            named = known.get(folded(name), set())
            if len(named) == 1:
                return next(iter(named))
        if len(parts) > 1:
            raise BadEvent(
                "invalid_value",
                f"“{text}” is nobody we know, and may be several people; a deal has one owner: write one id, address"
                " or name",
                "owner",
            )
        return settings.book.id_of_email(alone) or alone if "@" in alone else text

    return find


async def _send(lines: "list[Line]", settings: "Settings", *, quiet: bool) -> list[str]:
    import sys

    from rich.console import Console
    from rich.progress import Progress

    from service.cli.sending import send

    console = Console(stderr=True)
    with Progress(console=console, disable=quiet or not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("sending", total=len(lines))
        sent = await send(lines, settings, lambda count: progress.update(task, completed=count))
    if lines and not sent.is_running:
        say("the service is not running; the deals wait in the log and are decided when it starts", YELLOW)
    return sent.ids


def _sum_up(
    lines: "list[Line]", mistakes: "list[Mistake]", sent: list[str], *, dry_run: bool, as_json: bool
) -> None:
    deals = len({line.event.subject for line in lines})
    if as_json:
        problems = [mistake.as_dict() for mistake in mistakes]
        put_json({"deals": deals, "accepted": len(sent), "dry_run": dry_run, "problems": problems})
        return
    what = "would be taken in" if dry_run else "taken in"
    put(f"{deals} deals {what}, {len(mistakes)} rows refused", YELLOW if mistakes else GREEN)
