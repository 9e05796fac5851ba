"""Deals from a spreadsheet or a CRM's export: which column is which field, and what each row becomes.

Pure. Every row is history: its events carry `import`, and ids and times made of the file alone, so that the same file
taken in twice is the same events. What a row says is told to nobody.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.core.errors import BadEvent
from service.core.nearest import nearest
from service.core.strict_json import quoted
from service.integrations.cells import as_amount, as_day, as_instant
from service.integrations.values import exact

SOURCE = "followthrough/import"
NEEDED = ("deal_id", "title", "owner")
# Our fields, and what others call them. Compared without case, spaces and signs.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "deal_id": ("id", "deal id", "record id", "opportunity id"),
    "title": ("name", "deal name", "deal title", "opportunity name", "deal"),
    "owner": ("deal owner", "owner name", "owner email", "opportunity owner", "sales rep"),
    "team": (),
    "amount": ("value", "deal value", "deal amount", "sum"),
    "currency": ("deal currency", "deal currency code", "amount currency", "currency of value"),
    "stage": ("deal stage", "stage name"),
    "status": ("deal status",),
    "close_on": ("close date", "expected close date", "closing date"),
    "next_step": ("next activity",),
    "next_step_on": ("next step date", "next step at", "next activity date"),
    "url": ("link", "deal url"),
    "closed_at": ("won time", "lost time", "closed date", "date closed", "closed on"),
    "reason": ("lost reason", "closed lost reason"),
    "time": ("updated", "update time", "last modified", "last modified date", "updated at", "last updated"),
}
# How a CRM says that a deal has ended, in its status or in its stage.
_ENDS = {"won": "won", "closedwon": "won", "lost": "lost", "closedlost": "lost"}
_STATUSES = {**_ENDS, "open": "", "": ""}


class WrongColumns(ValueError):
    """The file cannot be read as it is; the text says why, `hint` what to do."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.text, self.hint = text, hint


class Row(NamedTuple):
    """One line with something in it; `number` is where it begins in the file."""

    number: int
    cells: dict[str, str]  # by our field


class Table(NamedTuple):
    """`columns` is our field -> their column; the rest of their columns is left alone."""

    columns: dict[str, str]
    unused: list[str]
    rows: list[Row]
    refused: list[tuple[int, BadEvent]]


def read_table(raw: bytes, given: Mapping[str, str]) -> Table:
    """The file's rows by our fields; `given` is their column -> our field, before what the names say."""
    text = _text(raw)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    columns: dict[str, str] = {}
    names: list[str] = []
    rows: list[Row] = []
    refused: list[tuple[int, BadEvent]] = []
    number = 1
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                pass
            elif not names:
                names = [cell.strip() for cell in cells]
                columns = _columns(names, given)
            elif len(cells) > len(names):
                detail = f"it has {len(cells)} cells, and there are {len(names)} columns"
                refused.append((number, BadEvent("wrong_shape", detail, "the row")))
            else:
                by_name = dict(zip(names, cells, strict=False))
                rows.append(Row(number, {f: by_name.get(c, "").strip() for f, c in columns.items()}))
            number = reader.line_num + 1
    except csv.Error as error:
        raise WrongColumns(f"line {number} is no CSV: {error}", "is a quote left open there?") from None
    if not names:
        raise WrongColumns("it is empty", "its first line names the columns")
    return Table(columns, [name for name in names if name not in columns.values()], rows, refused)


def events_of(
    row: Row, as_of: str, zone: ZoneInfo, person: Callable[[str], str]
) -> Iterator[dict[str, object]]:
    """What one row becomes: the deal, and its end where it has one; BadEvent names the field that cannot be used."""
    cells = row.cells
    for name in NEEDED:
        if not cells[name]:
            raise BadEvent("missing_field", f"{name} is empty", name)
    status = _status(cells)
    time = as_instant(cells.get("time", ""), "time", zone) or as_of
    data: dict[str, object] = {
        name: cells[name] for name in ("deal_id", "title", "team", "stage", "url") if cells.get(name)
    }
    data["owner"] = person(cells["owner"])
    money = {name: cells[name].upper() for name in ("currency",) if cells.get(name)}
    if cells.get("amount"):
        money["amount"] = exact(as_amount(cells["amount"], "amount"))
    next_step = {"next_step": cells["next_step"]} if cells.get("next_step") else {}
    if step_at := as_instant(cells.get("next_step_on", ""), "next_step_on", zone):
        next_step["next_step_at"] = step_at
    close_on = {"close_on": as_day(cells["close_on"], "close_on")} if cells.get("close_on") else {}
    # Its end goes first, so that nobody is told of a date that no longer matters.
    if status:
        ended = (
            {"at": as_instant(cells.get("closed_at", ""), "closed_at", zone)}
            if cells.get("closed_at")
            else {}
        )
        why = {"reason": cells["reason"]} if cells.get("reason") else {}
        yield _event(f"deal.{status}", {"deal_id": cells["deal_id"], **money, **ended, **why}, time)
    yield _event("deal.created", {**data, **money, **close_on, **next_step}, time)


def _event(event_type: str, data: dict[str, object], time: str) -> dict[str, object]:
    told = json.dumps([event_type, data, time], sort_keys=True)
    return {
        "specversion": "1.0",
        "id": hashlib.blake2b(told.encode(), digest_size=12).hexdigest(),
        "source": SOURCE,
        "type": event_type,
        "time": time,
        "import": True,
        "data": data,
    }


def _status(cells: Mapping[str, str]) -> str:
    """`won`, `lost` or nothing; by the stage's name where there is no status."""
    if "status" not in cells:
        return _ENDS.get(_plain(cells.get("stage", "")), "")
    found = _STATUSES.get(_plain(cells["status"]))
    if found is None:
        raise BadEvent("invalid_value", f"{quoted(cells['status'])} is none of open, won, lost", "status")
    return found


def _columns(names: list[str], given: Mapping[str, str]) -> dict[str, str]:
    """Our field -> their column. What `given` says goes first; two columns for one field are a question."""
    twice = {name for name in names if names.count(name) > 1 and name}
    columns: dict[str, str] = {}
    for column, field in given.items():
        if column not in names:
            raise WrongColumns(
                f"there is no column {column!a}{nearest(column, names)}", f"columns: {_listed(names)}"
            )
        if field not in FIELDS:
            raise WrongColumns(
                f"there is no field {field!a}{nearest(field, FIELDS)}", f"fields: {_listed(FIELDS)}"
            )
        columns[field] = column
    for field, others in FIELDS.items():
        known = {_plain(field), *map(_plain, others)}
        found = [name for name in names if _plain(name) in known and name not in given]
        if field not in columns and len(set(found)) > 1:
            which = " and ".join(repr(name) for name in found)
            raise WrongColumns(f"{which} could both be {field}", f"say which: --map {found[0]!r}={field}")
        if field not in columns and found:
            columns[field] = found[0]
    for field in NEEDED:
        if field not in columns:
            hint = f"name it: --map COLUMN={field}; columns: {_listed(names)}"
            raise WrongColumns(f"no column is {field}", hint)
    for field, column in columns.items():
        if column in twice:
            raise WrongColumns(f"two columns are called {column!r}", f"rename the one that is not {field}")
    return columns


def _plain(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


def _listed(names: Mapping[str, object] | list[str]) -> str:
    return ", ".join(name for name in names if name)


def _text(raw: bytes) -> str:
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise WrongColumns(f"line {line} is not UTF-8", "save it as CSV UTF-8") from None
    if "\0" in text:
        raise WrongColumns("it holds the character NUL, so it is no text", "save it as CSV UTF-8")
    return text


def _delimiter(text: str) -> str:
    """The sign that stands most often in the first line: spreadsheets write `;` where `,` is in numbers."""
    first = text.lstrip().partition("\n")[0]
    return max(",;\t", key=first.count)
