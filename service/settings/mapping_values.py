"""Where a mapping takes a value from: a JSON pointer, an expression, a lookup in a table, or a constant.

Compiled at load, so that what cannot work is found there. Expressions run in the sandbox, over plain JSON.
"""

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from service.settings.expressions import compile_value
from service.settings.sandbox import environment

View = Mapping[str, Any]
Getter = Callable[[View], Any]

# A place that is not there: the field is left out. JSON's null is a value.
MISSING: Any = type("Missing", (), {"__repr__": lambda _: "MISSING", "__bool__": lambda _: False})()

EXPRESSION = "="


def resolve(pointer: str, document: Any) -> Any:
    """What stands at a JSON pointer (RFC 6901), or MISSING."""
    here = document
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, Mapping) and name in here:
            here = here[name]
        elif isinstance(here, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(here):
            here = here[int(name[:9])]
        else:
            return MISSING
    return here


@pass_context
def _at(context: Context, pointer: str) -> Any:
    """What stands at this place of the item; nothing where there is none."""
    found = resolve(pointer, context.resolve("item"))
    return None if found is MISSING else found


_sandbox = environment(autoescape=False, functions={"at": _at})


def expression(source: str, tables: Mapping[str, Mapping[str, Any]]) -> Getter:
    """The value of an expression over `item`, `body`, `one`, `tables` and `at('/pointer')`; ExpressionError if none."""
    sample = {"item": None, "body": None, "one": None, "at": None, "tables": tables}
    return compile_value(_sandbox, source, sample)


def getter(value: Any, tables: Mapping[str, Mapping[str, Any]]) -> Getter:
    """Where a plain value of a mapping is taken from; ExpressionError when it cannot work."""
    if isinstance(value, str) and value.startswith("/"):
        return lambda view: resolve(value, view["item"])
    if isinstance(value, str) and value.startswith(EXPRESSION):
        return expression(value.removeprefix(EXPRESSION), tables)
    return lambda _: value


def looked_up(inner: Getter, table: Mapping[str, Any], otherwise: Any) -> Getter:
    """The table's word for a value; `otherwise` (MISSING: the value itself) for one that is not in it."""

    def get(view: View) -> Any:
        found = inner(view)
        if found is MISSING or found is None:
            return found
        return table.get(str(found), found if otherwise is MISSING else otherwise)

    return get
