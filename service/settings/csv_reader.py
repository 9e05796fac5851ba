"""One CSV file as cells, each with its line and column: what a spreadsheet or an HR system exports.

UTF-8 with or without a byte order mark, `,` or `;` between cells, quotes as in RFC 4180. Must not know what the cells
mean. Python's own reader does not say where a cell stands.
"""

from pathlib import Path
from typing import NamedTuple

from service.settings.problems import Mark
from service.settings.regular import Unreadable, read_text

# Some 50,000 people; a file beyond that is not a list of people.
BYTES_MAX = 10_000_000


class Cell(NamedTuple):
    mark: Mark
    text: str


def read_table(path: Path) -> str:
    """The text of the file; every line ends in one sign, however it did."""
    text = read_text(path, BYTES_MAX, if_not_utf8="save it as `CSV UTF-8`")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def rows_of(text: str) -> list[list[Cell]]:
    """The rows that are not blank, the header first; the header says which sign stands between cells."""
    header = text.lstrip("\n").partition("\n")[0]
    return _Rows(text, ";" if ";" in header else ",").read()


class _Rows:
    """The reader's place in the text."""

    def __init__(self, text: str, delimiter: str) -> None:
        self._text, self._delimiter = text, delimiter
        self._at, self._line, self._line_began = 0, 1, 0

    def read(self) -> list[list[Cell]]:
        rows: list[list[Cell]] = []
        while self._at < len(self._text):
            row = [self._cell()]
            while self._next_is(self._delimiter):
                self._at += 1
                row.append(self._cell())
            self._end_line()
            if any(cell.text for cell in row):
                rows.append(row)
        return rows

    def _cell(self) -> Cell:
        mark = Mark(self._line, self._at - self._line_began + 1)
        text = self._quoted(mark) if self._next_is('"') else self._plain()
        return Cell(mark, " ".join(text.split()))  # a line end inside a cell is typing, not meaning

    def _plain(self) -> str:
        end = self._at
        while end < len(self._text) and self._text[end] not in (self._delimiter, "\n"):
            end += 1
        found, self._at = self._text[self._at : end], end
        return found

    def _quoted(self, mark: Mark) -> str:
        """A quote inside is written twice; a cell may go over several lines."""
        parts: list[str] = []
        while self._next_is('"'):
            end = self._text.find('"', self._at + 1)
            if end < 0:
                raise Unreadable(mark, "this quote is never closed", 'a quote inside quotes is written `""`')
            parts.append(self._text[self._at + 1 : end])
            self._at = end + 1
        if self._at < len(self._text) and self._text[self._at] not in (self._delimiter, "\n"):
            place = Mark(self._line, self._at - self._line_began + 1)
            raise Unreadable(place, "text goes on after the closing quote", 'a quote inside is written `""`')
        found = '"'.join(parts)
        if "\n" in found:
            self._line += found.count("\n")
            self._line_began = self._text.rindex("\n", 0, self._at) + 1
        return found

    def _next_is(self, sign: str) -> bool:
        return self._at < len(self._text) and self._text[self._at] == sign

    def _end_line(self) -> None:
        self._at += 1
        self._line, self._line_began = self._line + 1, self._at
