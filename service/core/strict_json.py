"""JSON from strangers: whatever two readers could understand differently is refused, with its place.

`parse` finds what is no JSON, `inspect` what is JSON and still unusable (a key twice, a number nobody can hold, half
a character). Two steps, because a batch is parsed once and inspected event by event.
"""

import json
import math
import re

from msgspec import Struct

from service.core.errors import BadEvent

# Deeper than any event of ours by far; a parser of somebody further on may break at a few hundred.
DEPTH_MAX = 32
# What every JSON reader holds exactly as an integer, or as text in 64 bits.
INTEGER_MAX = 2**63 - 1
_DIGITS_MAX = len(str(INTEGER_MAX))

_UNUSABLE = re.compile("[\x00\ud800-\udfff]")


class _Flaw(Struct, frozen=True):
    """Stands in the parsed tree where something was wrong, so that `inspect` can say where."""

    reason: str
    detail: str


def _object(pairs: list[tuple[str, object]]) -> object:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    keys = [key for key, _ in pairs]
    twice = next(key for key in keys if keys.count(key) > 1)
    return _Flaw("duplicate_key", f"the key {quoted(twice)} stands here more than once")


def _integer(digits: str) -> object:
    if len(digits.lstrip("-")) <= _DIGITS_MAX and abs(number := int(digits)) <= INTEGER_MAX:
        return number
    return _Flaw(
        "number_out_of_range", f"a whole number may have {_DIGITS_MAX - 1} digits; send it as a string"
    )


def _real(digits: str) -> object:
    number = float(digits)
    return number if math.isfinite(number) else _Flaw("number_out_of_range", f"{digits[:40]} is too large")


def _constant(name: str) -> object:
    return _Flaw("invalid_json", f"{name} is not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant
)


def quoted(text: object) -> str:
    """`text` as it may stand in an error: short, in quotes, with nothing in it that a terminal obeys."""
    shown = str(text)
    return ascii(shown if len(shown) <= 60 else shown[:59] + "…").replace("\\u2026", "…")


def parse(raw: bytes) -> object:
    """The JSON in `raw`, not yet fit for use: call `inspect` on it, or on each of its items."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _invalid(error.start, "this is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise _invalid(0, "it begins with a byte order mark; leave that out")
    if not text.strip(" \t\r\n"):
        raise _invalid(0, "it is empty")
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise _invalid(len(text[: error.pos].encode()), error.msg[:1].lower() + error.msg[1:]) from None
    except RecursionError:
        raise _too_deep("") from None


def inspect(value: object, depth_max: int = DEPTH_MAX) -> None:
    """Raise BadEvent, with the JSON pointer, at the first thing in `value` that cannot be used."""
    _inspect(value, [], depth_max)


def _inspect(value: object, path: list[str | int], depth_left: int) -> None:
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, dict):
        if not depth_left:
            raise _too_deep(pointer(*path))
        for key, inner in value.items():
            path.append(key)
            _check_text(key, path)
            _inspect(inner, path, depth_left - 1)
            path.pop()
    elif isinstance(value, list):
        if not depth_left:
            raise _too_deep(pointer(*path))
        for index, inner in enumerate(value):
            path.append(index)
            _inspect(inner, path, depth_left - 1)
            path.pop()
    elif isinstance(value, _Flaw):
        raise BadEvent(value.reason, value.detail, pointer(*path), 400)


def _check_text(text: str, path: list[str | int]) -> None:
    found = _UNUSABLE.search(text)
    if found:
        what = "the character NUL" if found[0] == "\x00" else f"{quoted(found[0])}, half of a surrogate pair"
        raise BadEvent("invalid_text", f"the text holds {what}", pointer(*path), 400)


def pointer(*path: str | int) -> str:
    """The JSON pointer (RFC 6901) of a place; a lone surrogate is shown, not sent on."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps).encode(errors="backslashreplace").decode()


def _invalid(position: int, detail: str) -> BadEvent:
    return BadEvent("invalid_json", f"at byte {position}: {detail}", "", 400)


def _too_deep(where: str) -> BadEvent:
    return BadEvent("too_deep", f"objects and lists may lie {DEPTH_MAX} deep", where, 400)
