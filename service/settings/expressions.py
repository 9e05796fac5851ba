"""Conditions: `when` and `skip_if`, Jinja expressions in the sandbox over one plain view of the subject.

Names are checked at load against the view on this page, with the column and the nearest name; the condition is also
tried on a sample commitment. One that fails at run time raises ConditionFailed and never silences anybody.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.lexer import TokenStream
from jinja2.parser import Parser
from jinja2.runtime import Undefined

from service.core.policy import Condition, ConditionFailed, View
from service.settings import meter
from service.settings.expression_view import SAMPLES, check_names
from service.settings.sandbox import Refused, Sandbox, check_plain, environment

# A condition is a sentence, not a program.
SOURCE_CHARS_MAX = 1_000


class ExpressionError(ValueError):
    """The author's condition cannot work; `column` counts from 1 within it."""

    def __init__(self, message: str, column: int = 1, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.column, self.hint = message, column, hint


class ValueFailed(ValueError):
    """An expression has no value for this view; the text says why."""


class _ColumnParser(Parser):
    """Jinja's parser with the column of a token where its line would be: conditions have one line."""

    def __init__(self, sandbox: Sandbox, source: str) -> None:
        super().__init__(sandbox, source, state="variable")
        tokens = sandbox.lexer.wrap(_with_columns(sandbox, source), None, None)
        self.stream = TokenStream(tokens, None, None)

    def parse_whole(self) -> nodes.Expr:
        expression = self.parse_expression()
        if not self.stream.eos:
            token = self.stream.current
            hint = "did you mean `==`?" if token.type == "assign" else ""
            raise Refused(f"`{token.value}` is not expected here", token.lineno, hint)
        return expression


def _with_columns(sandbox: Sandbox, source: str) -> Iterator[tuple[int, str, str]]:
    column = 1
    for _, kind, value in sandbox.lexer.tokeniter(source, None, None, "variable"):
        yield column, kind, value
        column += len(value)


_sandbox = environment(autoescape=False)


def parse_condition(source: str) -> nodes.Expr:
    """The tree of a condition that is known to be one."""
    return _ColumnParser(_sandbox, " ".join(source.splitlines())).parse_whole()


def compile_condition(
    source: str, *, has_event: bool = True, checked: bool = True, family: str = "deadline"
) -> Condition:
    """The predicate of `source`; ExpressionError with its column when it cannot work.

    `has_event` says whether `event` has anything in it (reactions). A pinned condition was checked when it was new:
    with `checked` off, a name that is gone since fails at run time, in words.
    """
    sample, names = SAMPLES[family], set[str]()

    def check(tree: nodes.Expr) -> None:
        names.update(node.name for node in nodes.Tuple([tree], "load").find_all(nodes.Name))
        if checked:
            check_names(tree, sample, has_event)

    condition = _condition(_compiled(_sandbox, source, check), names)
    if checked:
        try:
            condition(sample)
        except ConditionFailed as error:
            is_mixed = "not supported between" in str(error)
            hint = "compare numbers with numbers, without quotes, and texts with texts" if is_mixed else ""
            raise ExpressionError(f"fails on a sample commitment: {error}", 1, hint) from error
    return condition


def compile_value(
    sandbox: Sandbox, source: str, sample: Mapping[str, Any]
) -> Callable[[Mapping[str, Any]], Any]:
    """What gives the value of `source`, an expression over the names in `sample`; ExpressionError as above.

    The view it is given must be plain data already. What fails when it runs raises ValueFailed, in words.
    """
    template = _compiled(sandbox, source, lambda tree: check_names(tree, sample, has_event=True))

    def value(view: Mapping[str, Any]) -> Any:
        with meter.metered():
            try:
                found = _result(template, dict(view))
                if isinstance(found, Undefined):
                    str(found)  # raises, and names what is missing
                return str(found) if isinstance(found, str) else found
            except Exception as error:  # whatever an author's expression does is the author's to mend
                raise ValueFailed(_words(error)) from error

    return value


def _compiled(sandbox: Sandbox, source: str, check: Callable[[nodes.Expr], None]) -> Any:
    one_line = " ".join(source.splitlines())
    if len(one_line) > SOURCE_CHARS_MAX:
        raise ExpressionError(f"is longer than {SOURCE_CHARS_MAX:,} characters")
    if not one_line.strip():
        raise ExpressionError("is empty", 1, "leave it out")

    def parse() -> nodes.Expr:
        tree = _ColumnParser(sandbox, one_line).parse_whole()
        check(tree)
        return tree

    try:
        return sandbox.expression(one_line, parse)
    except TemplateSyntaxError as error:
        column = error.lineno if 0 < error.lineno <= len(one_line) + 1 else 1
        raise ExpressionError(_said(error), column, _hint(error, one_line)) from error


def _result(template: Any, view: dict[str, Any]) -> Any:
    context = template.new_context(view)
    for _ in template.root_render_func(context):
        pass
    return context.vars["result"]


def _said(error: TemplateSyntaxError) -> str:
    """Jinja's sentence, about a condition rather than a template."""
    words = (error.message or "cannot be read").rstrip(".").replace("end of template", "end")
    return words.replace("'", "`")


def _hint(error: TemplateSyntaxError, source: str) -> str:
    if source.lstrip().startswith("{{"):
        return "write the condition without {{ and }}"
    return error.hint if isinstance(error, Refused) else ""


def _condition(template: Any, names: set[str]) -> Condition:
    template.globals = dict(
        template.globals
    )  # copied at each use, which takes longest where it is a ChainMap

    def holds(view: View) -> bool:
        with meter.metered():
            try:
                named = {name: view[name] for name in names if name in view}  # the rest nobody can reach
                check_plain(named)
                return bool(_result(template, named))  # an undefined value raises and names itself
            except Exception as error:  # an author's condition must never stop a decision
                raise ConditionFailed(_words(error)) from error

    return holds


def _words(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep"
    words = " ".join(str(error).split())[:200] or type(error).__name__
    return words.replace("NoneType", "nothing").replace("'", "`")
