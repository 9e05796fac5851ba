"""The filters and tests that every template and condition may use. Each does bounded work on plain data.

Filters of one use (dates, money) belong to that use: pass them to `sandbox.environment`.
"""

import math
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any, cast

from jinja2 import pass_eval_context
from jinja2.filters import do_default
from jinja2.nodes import EvalContext
from jinja2.runtime import Undefined
from jinja2.tests import TESTS as JINJA_TESTS
from markupsafe import Markup, escape

from service.settings.meter import LimitExceeded, charge, running

Number = int | float | Decimal
# Whole numbers as in our events: 18 digits.
NUMBER_MAX = 10**18
ROUND_DIGITS_MAX = 10
NUMBER_CHARS_MAX = 40


def number(value: Any) -> Number:
    """The value when it is a number of reasonable size."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError(f"a number is needed, not {_kind(value)}")
    if not math.isfinite(value) or not -NUMBER_MAX <= value <= NUMBER_MAX:
        raise LimitExceeded("a number of more than 18 digits")
    checked: Number = value
    return checked


def text(value: object) -> str:
    """The value as text; lists and mappings are not text."""
    if isinstance(value, Undefined):
        return str(value)  # StrictUndefined raises and names what is missing
    if isinstance(value, str):
        return value  # Markup stays Markup
    if isinstance(value, bool | date | time):
        return str(value)
    if isinstance(value, int | float | Decimal):
        return str(number(value))
    raise TypeError(f"text is needed, not {_kind(value)}")


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    return {"list": "a list", "tuple": "a list", "dict": "a mapping", "str": "text"}.get(
        type(value).__name__, type(value).__name__
    )


def _items_of(value: object) -> list[Any]:
    if isinstance(value, Undefined):
        str(value)
    if not isinstance(value, list | tuple | dict | str):
        raise TypeError(f"a list is needed, not {_kind(value)}")
    running().spend(len(value))
    return list(value)


@pass_eval_context
def _join(context: EvalContext, value: object, separator: str = "") -> str:
    parts, glue = [text(item) for item in _items_of(value)], text(separator)
    running().spend(sum(map(len, parts)) + len(glue) * len(parts))
    if not context.autoescape:
        return glue.join(parts)
    return escape(glue).join(escape(part) for part in parts)


@pass_eval_context
def concat(context: EvalContext, *values: object) -> str:
    """`a ~ b`: bounded, and escaping what is not markup when any part is."""
    parts = [text(value) for value in values]
    running().spend(sum(map(len, parts)))
    if context.autoescape and any(hasattr(part, "__html__") for part in parts):
        return Markup("").join(escape(part) for part in parts)
    return "".join(parts)


def _length(value: object) -> int:
    if isinstance(value, Undefined):
        str(value)
    if not isinstance(value, str | list | tuple | dict):
        raise TypeError(f"{_kind(value)} has no length")
    return len(value)


def _first(value: object) -> object:
    return _items_of(value)[0] if _length(value) else ""


def _last(value: object) -> object:
    return _items_of(value)[-1] if _length(value) else ""


def _sort(value: object, reverse: bool = False) -> list[Any]:
    return sorted(_items_of(value), reverse=bool(reverse))


def _unique(value: object) -> list[Any]:
    items = _items_of(value)
    return list(dict.fromkeys(text(item) for item in items))


def _items(value: object) -> list[tuple[str, object]]:
    if not isinstance(value, Mapping):
        raise TypeError(f"a mapping is needed, not {_kind(value)}")
    running().spend(len(value))
    return list(value.items())


def _truncate(value: object, length: int = 80, end: str = "…") -> str:
    whole = text(value)
    return whole if len(whole) <= int(length) else whole[: max(0, int(length) - len(end))].rstrip() + end


def _read(value: Any) -> Any:
    """Text as the number it shows; anything else as it is."""
    if not isinstance(value, str):
        return value
    if len(value) > NUMBER_CHARS_MAX:
        raise LimitExceeded(f"a number of more than {NUMBER_CHARS_MAX} characters")
    return Decimal(value)  # an InvalidOperation is an ArithmeticError, and told as such


def _int(value: object) -> int:
    return int(number(_read(value)))


def _float(value: object) -> float:
    return float(number(_read(value)))


def _round(value: object, digits: int = 0) -> Number:
    if not 0 <= int(digits) <= ROUND_DIGITS_MAX:
        raise LimitExceeded(f"rounding to more than {ROUND_DIGITS_MAX} digits")
    exact: Any = number(value)  # `round` and `abs` have no common type for the three kinds of numbers
    rounded: Number = round(exact, int(digits))
    return int(rounded) if digits == 0 else rounded


def _abs(value: object) -> Number:
    exact: Any = number(value)
    size: Number = abs(exact)
    return size


def _escape(value: object) -> Markup:
    return escape(text(value))


def _on_text(method: Callable[[str], str]) -> Callable[[object], str]:
    def apply(value: object) -> str:
        return method(text(value))

    return apply


FILTERS: dict[str, Callable[..., Any]] = {
    "abs": _abs,
    "capitalize": _on_text(lambda value: value.capitalize()),
    "count": _length,
    "d": do_default,
    "default": do_default,
    "e": _escape,
    "escape": _escape,
    "first": _first,
    "float": _float,
    "int": _int,
    "items": _items,
    "join": _join,
    "last": _last,
    "length": _length,
    "list": _items_of,
    "lower": _on_text(lambda value: value.lower()),
    "round": _round,
    "sort": _sort,
    "string": text,
    "title": _on_text(lambda value: value.title()),
    "trim": _on_text(lambda value: value.strip()),
    "truncate": _truncate,
    "unique": _unique,
    "upper": _on_text(lambda value: value.upper()),
}

# Tests look at plain data; `callable`, `filter`, `test`, `sameas` and `escaped` look at the machinery.
TESTS: dict[str, Callable[..., Any]] = {
    name: cast("Callable[..., Any]", JINJA_TESTS[name])
    for name in (
        *(
            "boolean",
            "defined",
            "divisibleby",
            "even",
            "false",
            "float",
            "in",
            "integer",
            "iterable",
            "lower",
        ),
        *("mapping", "none", "number", "odd", "sequence", "string", "true", "undefined", "upper"),
        *(
            "==",
            "!=",
            "<",
            "<=",
            ">",
            ">=",
            "eq",
            "ne",
            "lt",
            "le",
            "gt",
            "ge",
            "equalto",
            "lessthan",
            "greaterthan",
        ),
    )
}


def metered(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, with its result paid for; it keeps how Jinja calls it."""

    def run(*arguments: Any, **options: Any) -> Any:
        running().spend(1)
        return charge(filter_(*arguments, **options))

    run.__dict__.update(filter_.__dict__)
    run.__name__, run.__doc__ = getattr(filter_, "__name__", "filter"), filter_.__doc__
    return run
