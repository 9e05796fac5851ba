"""The people of a CSV file, as `people: people.csv` in directory.yaml names one: an HR export instead of a list.

The header has the names of a person's fields; lists in a cell are separated by `;`. What the people are checked for is
the same as in YAML; this page only says which cell a problem stands in.
"""

from pathlib import Path
from typing import get_args, get_origin

from pydantic import BaseModel

from service.settings.csv_reader import Cell, read_table, rows_of
from service.settings.document import Document, Path_
from service.settings.people import PersonModel
from service.settings.problems import Problem, did_you_mean
from service.settings.regular import Unreadable

_SEPARATOR = ";"
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NEEDED = ("id", "name")
_LEAVE_OUT = "leave it out, or name it after a field of a person"


class Table(Document):
    """A document whose `("people", 3, "manager")` is a cell."""

    def problem(
        self, path: Path_, message: str, hint: str = "", *, at_key: bool = False, shift: int | None = None
    ) -> Problem:
        column = f"column `{path[2]}`: " if len(path) > 2 else ""
        return super().problem(path[:3], column + message, hint, at_key=at_key, shift=shift)


def people_file(document: Document, folder: Path) -> Path | None:
    """The file that directory.yaml names instead of a list of people."""
    named = document.get(("people",))
    return folder / named if isinstance(named, str) else None


def put_people(document: Document, path: Path) -> None:
    """Put the people of the file where directory.yaml names it; their problems are then told in their own file."""
    assert isinstance(document.data, dict)
    table = Table(str(path), None, document.report)
    document.data = {**document.data, "people": _people(table, path)}
    document.parts["people"] = table


def _people(table: Table, path: Path) -> list[dict[str, object]]:
    """Every person with a row; nobody where the file cannot be used at all, which is said here and only here."""
    table.spoilt.add(table.mark(("people",)))
    try:
        text = read_table(path)
        table.lines = text.split("\n")
        rows = rows_of(text)
    except Unreadable as refused:
        hint = refused.hint or "`people` of directory.yaml names it"
        table.report.errors.append(table.problem_at(refused.mark, refused.message, hint))
        return []
    if len(rows) < 2:
        # Not by `error`: its place is that of `people`, where nothing that follows may be reported.
        hint = "a header, as in id,name,email,manager,teams, and a line a person"
        table.report.errors.append(table.problem((), "there is nobody in it", hint))
        return []
    header, *rest = rows
    names = _names(table, header)
    people: list[dict[str, object]] = []
    if not names:
        return people
    for row in rest:
        table.values["people", len(people)] = row[0].mark
        people.append(_person(table, names, row, len(people)))
    return people


def columns() -> list[str]:
    """What a cell can hold: every field of a person that is a text, a list of texts, or yes and no."""
    return [name for name, field in PersonModel.model_fields.items() if not _has_parts(field.annotation)]


def _has_parts(annotation: object) -> bool:
    return any(
        _has_parts(part) or (isinstance(part, type) and issubclass(part, BaseModel))
        for part in get_args(annotation)
    )


def _names(table: Table, header: list[Cell]) -> list[str]:
    """The field of each column, "" for one that is not known; nothing where every row would be wrong."""
    known, found = columns(), list[str]()
    before = len(table.report.errors)
    for cell in header:
        name = cell.text.casefold().replace(" ", "_").replace("-", "_")
        if name not in known:
            said = f"column `{cell.text}` is not known here" if cell.text else "a column without a name"
            table.report.errors.append(
                table.problem_at(cell.mark, said, did_you_mean(name, known) or _LEAVE_OUT)
            )
        elif name in found:
            table.report.errors.append(table.problem_at(cell.mark, f"column `{name}` is written twice"))
        found.append(name if name in known and name not in found else "")
    if len(table.report.errors) == before:  # a name that is misspelt may be the one that is missing
        for name in _NEEDED:
            if name not in found:
                said = f"column `{name}` is missing"
                table.report.errors.append(table.problem_at(header[0].mark, said))
    return [] if any(name not in found for name in _NEEDED) else found


def _person(table: Table, names: list[str], row: list[Cell], index: int) -> dict[str, object]:
    """The cells that say something; an empty one is as if it were not there."""
    if len(row) != len(names):
        cells, wanted = f"{len(row)} cell{'s' * (len(row) != 1)}", len(names)
        hint = "put quotes around a cell that holds the sign between cells"
        message = f"{cells} in a table of {wanted} columns"
        table.report.errors.append(table.problem_at(row[0].mark, message, hint))
    person: dict[str, object] = {}
    for name, cell in zip(names, row, strict=False):
        if not name:
            continue
        path: Path_ = ("people", index, name)
        table.values[path] = cell.mark
        if cell.text:
            person[name] = _value(table, path, name, cell.text)
    return person


def _value(table: Table, path: Path_, name: str, text: str) -> object:
    annotation = PersonModel.model_fields[name].annotation
    if get_origin(annotation) is list:
        if _SEPARATOR not in text and "," in text:
            parts = _SEPARATOR.join(part.strip() for part in text.split(","))
            table.spoil(path, f"in one cell several are separated by `{_SEPARATOR}`", f'write "{parts[:40]}"')
            return []
        return [part.strip() for part in text.split(_SEPARATOR) if part.strip()]
    if annotation is bool:
        if text.casefold() not in _BOOLEANS:
            table.spoil(path, f"true or false is expected, not `{text[:40]}`")
        return _BOOLEANS.get(text.casefold(), text)
    return text
