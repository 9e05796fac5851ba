"""The one Jinja environment in which other people's templates and conditions run. There is no second one.

A template sees its variables and nothing else, and costs a bounded amount. The rules, and what each one stops:

1. Variables are plain data: no object with a method comes in (`render` checks).
2. Filters, tests and functions are an allow-list; Jinja's globals (range, lipsum, cycler, namespace …) are gone.
3. Dots and brackets look up keys and items, never attributes; `str.format` in every disguise is refused.
4. `+ - * / // %` work on small numbers, `+` also joins bounded text; `**` is refused.
5. `~` is a bounded filter; every loop body, macro and include costs fuel, every copied character costs work.
6. Output has a limit, counted while it is made.
7. Sources, syntax trees and nesting have limits, checked before anything is compiled.
8. Names of templates are plain texts; nothing compiles under a name with code in it.
9. Everything is compiled at load, conditions are also tried on a sample (messages does so for templates).
10. What fails while rendering raises `RenderFailed` in words: the caller sends its built-in text and tells the author.
11. Undefined names are errors.

Every escape in Jinja's history needed `format` or a path of attributes, so both are gone by construction.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from types import TracebackType
from typing import Any, NoReturn

from jinja2 import BaseLoader, StrictUndefined, Template, nodes, pass_context
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.parser import Parser
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from service.settings import filters as allowed
from service.settings import meter, sandbox_rules
from service.settings.meter import OUTPUT_CHARS_MAX, LimitExceeded
from service.settings.sandbox_rules import Refused

__all__ = ["LimitExceeded", "Refused", "RenderFailed", "Sandbox", "environment", "render"]

# Values in the variables of one rendering; a digest of 500 commitments has some 10,000.
VALUES_MAX = 50_000
_PLAIN = (str, int, float, Decimal, date, time, type(None))  # bool is an int, datetime a date
# Nearly every value is of one of these very types; asked by type, what a condition sees is checked in a third of the
# time (measured 2026-11).
_PLAIN_TYPES = frozenset({*_PLAIN, bool, datetime})
_LOOP = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem"}
)
_NUMBERS = (int, float, Decimal)


class RenderFailed(Exception):
    """A template could not be rendered; the text says why and, where it is known, in which line."""


@pass_context
def _finalize(_: Context, value: object) -> object:
    """Every `{{ … }}` comes through here, captured or not, and is paid for. Nothing at all is written as nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return meter.charge(value)
    if isinstance(value, (Undefined, *_PLAIN)):
        return value  # StrictUndefined raises when it is written
    if isinstance(value, list | tuple | dict):
        raise TypeError("a list cannot be written, write its items or `join` them")
    raise SecurityError("only text and numbers can be written into a message")


class Sandbox(ImmutableSandboxedEnvironment):
    """See the module. Make one with `environment`, render with `render`."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(
        self, *, autoescape: bool, loader: BaseLoader | None, functions: tuple[Callable[..., Any], ...]
    ) -> None:
        super().__init__(
            autoescape=autoescape,
            loader=loader,
            undefined=StrictUndefined,
            finalize=_finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
            extensions=(),
        )
        self.tick, self.charge = meter.tick, meter.charge
        self._functions = functions

    # --- compiling ---------------------------------------------------------------------------------------------

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Every source becomes a tree here, and every tree is checked and rewritten."""
        parsed = self._checked(source, lambda: Parser(self, source, name, filename).parse(), None)
        assert isinstance(parsed, nodes.Template)
        return parsed

    def _checked(self, source: str, parse: Callable[[], nodes.Node], state: str | None) -> nodes.Node:
        sandbox_rules.check_source(source)
        try:
            sandbox_rules.check_tokens(self.lexer.tokeniter(source, None, None, state))
            tree = parse()
            sandbox_rules.check_tree(tree, self.filters, self.tests)
            return sandbox_rules.rewrite(tree).set_environment(self)
        except TemplateError:
            raise
        except (RecursionError, ValueError, MemoryError, OverflowError) as error:
            raise Refused(f"cannot be read: {type(error).__name__}") from error

    def compile(  # type: ignore[override]  # the base has an overload for each value of `raw`
        self,
        source: str | nodes.Template,
        name: str | None = None,
        filename: str | None = None,
        **options: Any,
    ) -> Any:
        """Code for a source, or for a tree made by `expression`."""
        if name is not None and (not sandbox_rules.NAME.fullmatch(name) or ".." in name):
            raise Refused(f"`{name[:40]}` cannot name a template")
        try:
            return super().compile(source, name, filename, **options)
        except (RecursionError, SyntaxError, ValueError, MemoryError) as error:
            if isinstance(error, TemplateSyntaxError):
                raise
            raise Refused(f"cannot be compiled: {type(error).__name__}") from error

    def compile_expression(self, *_: Any, **__: Any) -> NoReturn:
        raise Refused("expressions are compiled by settings.expressions")

    def expression(self, source: str, parse: Callable[[], nodes.Expr]) -> Template:
        """A template that leaves the value of the parsed expression in the variable `result`."""
        tree = self._checked(source, parse, "variable")
        assert isinstance(tree, nodes.Expr)
        body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store", lineno=1), tree, lineno=1)]
        template = nodes.Template(body, lineno=1)
        template.set_environment(self)
        return self.from_string(template)

    # --- running -----------------------------------------------------------------------------------------------

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Keys of mappings, items and slices of lists and text, the counters of a loop. No attribute of anything."""
        if isinstance(obj, Undefined):
            str(obj)  # StrictUndefined raises and names what is missing
        if isinstance(obj, Mapping):
            if isinstance(argument, str) and argument in obj:
                return obj[argument]
            return self.undefined(obj={}, name=str(argument)[:60])
        if isinstance(obj, list | tuple | str) and isinstance(argument, int | slice):
            try:
                return meter.charge(obj[argument])
            except (IndexError, ValueError, TypeError):
                return self.undefined(obj=[], name=str(argument)[:60])
        if isinstance(obj, LoopContext) and argument in _LOOP:
            return getattr(obj, argument)
        if isinstance(obj, TemplateModule) and isinstance(argument, str) and not argument.startswith("_"):
            return obj.__dict__.get(argument, self.undefined(name=argument[:60]))
        return self.undefined(f"{type(obj).__name__} has no `{str(argument)[:40]}` here", exc=SecurityError)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063  # jinja's names
        if __obj is meter.tick or __obj is meter.charge:
            return __obj(*args)
        if isinstance(__obj, Undefined):
            str(__obj)
        if not __self.is_safe_callable(__obj):
            raise SecurityError(f"{type(__obj).__name__} cannot be called")
        return __context.call(__obj, *args, **kwargs)

    def is_safe_callable(self, obj: Any) -> bool:
        return isinstance(obj, Macro | BlockReference) or any(obj is function for function in self._functions)

    def is_safe_attribute(self, *_: Any) -> bool:
        return False

    def wrap_str_format(self, *_: Any) -> NoReturn:
        raise SecurityError("format is not allowed")

    def format_string(self, *_: Any, **__: Any) -> NoReturn:
        raise SecurityError("format is not allowed")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            meter.running().spend(len(left) + len(right))
            return left + right
        if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS) and operator != "**":
            small = allowed.number(left), allowed.number(right)
            return allowed.number(super().call_binop(context, operator, *small))
        for side in (left, right):
            if isinstance(side, Undefined):
                str(side)
        raise SecurityError(f"`{operator}` works on numbers")


def environment(
    autoescape: bool,
    filters: Mapping[str, Callable[..., Any]] | None = None,
    loader: BaseLoader | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> Sandbox:
    """A sandbox with these filters and functions besides the built-in ones. They must do bounded work on plain data."""
    given = dict(functions or {})
    sandbox = Sandbox(autoescape=autoescape, loader=loader, functions=tuple(given.values()))
    everyone = {**allowed.FILTERS, **(filters or {}), "concat": allowed.concat}
    sandbox.filters = {name: allowed.metered(filter_) for name, filter_ in everyone.items()}
    sandbox.tests = dict(allowed.TESTS)
    sandbox.globals = dict(given)
    return sandbox


def render(
    template: Template, variables: Mapping[str, object], block: str = "", output_max: int = OUTPUT_CHARS_MAX
) -> str:
    """The text of the template, or of one of its own blocks; RenderFailed in words when it cannot be made.

    The same template and variables always give the same text.
    """
    with meter.metered():
        try:
            check_plain(variables)
            return "".join(_bounded(_pieces(template, variables, block), output_max))
        except RenderFailed:
            raise
        except Exception as error:  # a template may fail in any way; its author is told, and nobody else
            raise RenderFailed(_words(error, template)) from error


def _pieces(template: Template, variables: Mapping[str, object], block: str) -> Iterator[str]:
    context = template.new_context(dict(variables))
    if not block:
        yield from template.root_render_func(context)
        return
    if block not in context.blocks:
        raise LimitExceeded(f"there is no block `{block}`")
    yield from context.blocks[block][0](context)


def _bounded(pieces: Iterator[str], output_max: int) -> Iterator[str]:
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > output_max:
            raise LimitExceeded(f"more than {output_max:,} characters of output")
        yield piece


def check_plain(variables: object) -> None:
    """Raises RenderFailed unless everything in `variables` is plain data of bounded size."""
    stack, count = [variables], 1
    while stack:
        value, inner = stack.pop(), tuple[object, ...]()
        if isinstance(value, dict | Mapping):
            for key in value:
                if not isinstance(key, str):
                    raise RenderFailed("a key that is not text")
            inner = tuple(value.values())
        elif isinstance(value, list | tuple):
            inner = tuple(value)
        elif not isinstance(value, _PLAIN):
            raise RenderFailed(f"{type(value).__name__} is not plain data")
        count += len(inner)
        if count > VALUES_MAX:
            raise RenderFailed(f"more than {VALUES_MAX:,} values")
        stack += [one for one in inner if type(one) not in _PLAIN_TYPES]


def _words(error: Exception, template: Template) -> str:
    line = _line(error.__traceback__)
    if isinstance(error, RecursionError):
        said = "nested too deep"
    elif isinstance(error, ZeroDivisionError):
        said = "division by zero"
    else:
        said = " ".join(str(error).split())[:200] or type(error).__name__
    place = " ".join(part for part in (template.name or "", f"line {line}" if line else "") if part)
    return f"{place}: {said}" if place else said


def _line(trace: TracebackType | None) -> int:
    """The template line in which it happened: the innermost frame of compiled template code."""
    line = 0
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line
