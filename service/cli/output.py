"""Where words go: data to standard output, progress and errors to standard error. Colour only on a terminal.

Nothing here knows a command.
"""

import json
import sys
from collections.abc import Sequence

from service.cli.exits import Failure

GREEN, YELLOW, RED, DIM = "green", "yellow", "red", "dim"


def put(text: str, style: str = "") -> None:
    """A line of data for people."""
    _line(text, style, is_data=True)


def put_json(value: object) -> None:
    """The one object of `--json`."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def say(text: str, style: str = "") -> None:
    """Progress, warnings, hints: never data."""
    _line(text, style, is_data=False)


def put_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns side by side. Where nobody looks (a pipe) no cell is cut and none is wrapped."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    for number, row in enumerate([columns, *rows]):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        put("  ".join(cells).rstrip(), DIM if number == 0 else "")


def report(failure: Failure, *, as_json: bool) -> None:
    """Say why a command gave up, and what to do."""
    if as_json:
        put_json({"error": failure.text, "action": failure.action, "exit": int(failure.code), **failure.more})
        return
    say(failure.text if "\n" in failure.text else f"error: {failure.text}", RED)
    if failure.action:
        say(failure.action)


def visible(text: str) -> str:
    """`text` with what a terminal would obey, or a reader would not see, written out: events are strangers' text."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


def _line(text: str, style: str, *, is_data: bool) -> None:
    stream = sys.stdout if is_data else sys.stderr
    text = visible(text)
    if style and stream.isatty():
        from rich.console import Console
        from rich.text import Text

        # Text, not markup: what is printed may hold brackets that somebody else wrote.
        Console(file=stream, soft_wrap=True).print(Text(text, style=style))
    else:
        stream.write(text + "\n")
    stream.flush()
