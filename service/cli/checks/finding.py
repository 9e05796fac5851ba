"""One thing the doctor found. Red needs a hand now and says which; yellow may be meant; green is fine."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    """How it looks on a terminal."""

    FINE = "✓"
    LOOK = "!"
    BAD = "✗"


class Finding(NamedTuple):
    """`fix` is what to do, in the imperative; `is_down` says that a dependency does not answer."""

    mark: Mark
    text: str
    fix: str = ""
    is_down: bool = False


def fine(text: str) -> Finding:
    return Finding(Mark.FINE, text)


def look(text: str, fix: str = "") -> Finding:
    return Finding(Mark.LOOK, text, fix)


def bad(text: str, fix: str, *, is_down: bool = False) -> Finding:
    return Finding(Mark.BAD, text, fix, is_down)


def at(instant: datetime) -> str:
    """In the zone of whoever looks."""
    return f"{instant.astimezone():%Y-%m-%d %H:%M:%S}"
