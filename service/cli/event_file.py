"""Where `emit` finds its lines: a file or standard input, and what is wrong with it as a whole."""

import json
import sys
from pathlib import Path

from service.cli.exits import Exit, Failure

_ENDINGS = (".jsonl", ".ndjson", ".json")
_ACTION = "give a file of JSON lines, or - for stdin"


def is_file(words: list[str]) -> bool:
    """One word that is a file, or looks like one; a type has no slash and no such ending."""
    name = words[0]
    named = name == "-" or "/" in name or name.endswith(_ENDINGS) or Path(name).is_file()
    if named and len(words) > 1:
        raise Failure(
            Exit.WRONG, f"{name} is a file, and `{words[1]}` stands beside it", "give one file alone"
        )
    return named


def lines_of(name: str) -> list[bytes]:
    """Its lines; Failure when it cannot be read."""
    try:
        return _read(name).split(b"\n")
    except OSError as error:
        raise Failure(Exit.WRONG, f"{name} cannot be read: {error.strerror}", _ACTION) from None


def _read(name: str) -> bytes:
    if name != "-":
        return Path(name).read_bytes()
    if sys.stdin is None:  # closed by the shell, as in `<&-`
        raise Failure(Exit.WRONG, "standard input is closed", _ACTION)
    return sys.stdin.buffer.read()


def shape_hint(lines: list[bytes]) -> str:
    """What to do with a file that is good JSON, but not one event a line; empty for any other file."""
    try:
        whole = json.loads(b"\n".join(lines))
    except (ValueError, RecursionError):
        return ""
    if isinstance(whole, list):
        return "it is one list: write each of its events on a line of its own (jq -c '.[]')"
    return "it is one event over several lines: write it on one (jq -c .)" if isinstance(whole, dict) else ""
