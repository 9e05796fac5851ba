"""What a template may be made of, and the payments written into it, before a line of it runs.

Reads and rewrites Jinja's syntax tree: an allow-list of nodes, sizes and nesting; then a tick in every loop, macro
and include, bounded `~`, and paid comparisons. The reasons are in `sandbox.py`.
"""

import math
import re
from collections.abc import Collection, Iterator

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.visitor import NodeTransformer

from service.settings.problems import did_you_mean

# Measured: 3,000 parentheses exhaust Python's stack; a long mail template has 600 nodes and nests 8 deep.
SOURCE_CHARS_MAX = 32_768
TOKENS_MAX = 10_000
NODES_MAX = 2_000
BLOCKS_DEEP_MAX = 20
BRACKETS_DEEP_MAX = 20
TREE_DEEP_MAX = 60
NUMBER_MAX = 10**18

_EXPRESSIONS = """
    Add And Call Compare Concat CondExpr Const Dict Div Filter FloorDiv Getattr Getitem Keyword List Mod Mul Name Neg
    Not Operand Or Pair Pos Slice Sub Test Tuple
"""
_STATEMENTS = """
    Assign AssignBlock Block CallBlock Extends FilterBlock For FromImport If Import Include Macro Output Template
    TemplateData With
"""
_ALLOWED = frozenset(f"{_EXPRESSIONS} {_STATEMENTS}".split())
_BLOCKS = tuple(
    getattr(nodes, name)
    for name in ("AssignBlock", "Block", "CallBlock", "FilterBlock", "For", "If", "Macro", "With")
)
_BODIES = (nodes.For, nodes.Macro, nodes.CallBlock)

# A template's name is a path below its folder: names with code in them were an escape (CVE-2024-56201).
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}")


class Refused(TemplateSyntaxError):
    """The template breaks a rule of the sandbox; `hint` says what to write instead."""

    def __init__(self, message: str, lineno: int | None = 1, hint: str = "") -> None:
        super().__init__(message, lineno or 1)  # some nodes of Jinja's carry no line
        self.hint = hint


def check_source(source: str) -> None:
    if len(source) > SOURCE_CHARS_MAX:
        raise Refused(f"is longer than {SOURCE_CHARS_MAX:,} characters")


def check_tokens(tokens: Iterator[tuple[int, str, str]]) -> None:
    """Refuses deep brackets and endless lists before the parser, which is recursive and slower, meets them."""
    deep = 0
    for count, (line, kind, value) in enumerate(tokens):
        if count > TOKENS_MAX:
            raise Refused(f"is made of more than {TOKENS_MAX:,} words", line)
        if kind == "operator":
            deep += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(value, 0)
            if deep > BRACKETS_DEEP_MAX:
                raise Refused(f"brackets are nested deeper than {BRACKETS_DEEP_MAX}", line)


def check_tree(tree: nodes.Node, filters: Collection[str], tests: Collection[str]) -> None:
    """Raises Refused at the first node that breaks a rule. Not recursive."""
    stack: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    count = 0
    while stack:
        node, deep, blocks = stack.pop()
        count += 1
        if count > NODES_MAX:
            raise Refused(f"is made of more than {NODES_MAX:,} parts", node.lineno)
        if deep > TREE_DEEP_MAX or blocks > BLOCKS_DEEP_MAX:
            raise Refused("is nested too deep", node.lineno)
        _check_node(node, filters, tests)
        inside = blocks + isinstance(node, _BLOCKS)
        stack += [(child, deep + 1, inside) for child in node.iter_child_nodes()]


def _check_node(node: nodes.Node, filters: Collection[str], tests: Collection[str]) -> None:
    if isinstance(node, nodes.Pow):
        raise Refused("`**` is not allowed", node.lineno)
    if type(node).__name__ not in _ALLOWED:
        raise Refused(f"{type(node).__name__} is not allowed in a template", node.lineno)
    for name in _names(node):
        if name.startswith("_") or name == "self":
            raise Refused(f"the name `{name[:40]}` is not allowed", node.lineno)
    if isinstance(node, nodes.Const):
        _check_constant(node)
    if isinstance(node, nodes.Filter) and node.name not in filters:
        raise Refused(f"there is no filter `{node.name}`", node.lineno, did_you_mean(node.name, filters))
    if isinstance(node, nodes.Test) and node.name not in tests:
        raise Refused(f"there is no test `{node.name}`", node.lineno, did_you_mean(node.name, tests))
    if isinstance(node, nodes.For) and node.recursive:
        raise Refused("recursive loops are not allowed", node.lineno)
    if isinstance(node, nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport):
        _check_template_name(node)
    if isinstance(node, nodes.Call) and (node.dyn_args is not None or node.dyn_kwargs is not None):
        raise Refused("`*` and `**` arguments are not allowed", node.lineno)


def _names(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Name | nodes.Macro | nodes.Block | nodes.Keyword):
        yield node.name if not isinstance(node, nodes.Keyword) else node.key
    if isinstance(node, nodes.Getattr):
        yield node.attr
    if isinstance(node, nodes.Import):
        yield node.target
    if isinstance(node, nodes.FromImport):
        for name in node.names:
            yield from (name,) if isinstance(name, str) else name


def _check_constant(node: nodes.Const) -> None:
    value = node.value
    if isinstance(value, int | float) and not (math.isfinite(value) and abs(value) <= NUMBER_MAX):
        raise Refused("a number of more than 18 digits", node.lineno)


def _check_template_name(node: nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport) -> None:
    name = node.template.value if isinstance(node.template, nodes.Const) else None
    if not isinstance(name, str) or not NAME.fullmatch(name) or ".." in name:
        raise Refused(
            "templates are named by a plain text",
            node.lineno,
            "write it as in {% extends 'layouts/email.html' %}",
        )


def rewrite(tree: nodes.Node) -> nodes.Node:
    """The tree with its payments written in."""
    rewritten: nodes.Node = _Payments().visit(tree)
    if isinstance(rewritten, nodes.Template):
        rewritten.body.insert(0, _tick_statement(rewritten.body, rewritten.lineno))
    return rewritten


def _call(name: str, argument: nodes.Expr, line: int) -> nodes.Call:
    """`environment.name(argument)`, a node that no template can write."""
    return nodes.Call(nodes.EnvironmentAttribute(name, lineno=line), [argument], [], None, None, lineno=line)


def _tick(characters: int, line: int) -> nodes.Call:
    return _call("tick", nodes.Const(characters, lineno=line), line)


def _tick_statement(body: list[nodes.Node], line: int) -> nodes.Node:
    return nodes.ExprStmt(_tick(sum(_literal_text(node) for node in body), line), lineno=line)


def _literal_text(node: nodes.Node) -> int:
    """Characters of literal text that one pass through the node may write; inner loops and macros pay their own."""
    if isinstance(node, nodes.TemplateData):
        return len(node.data)
    if isinstance(node, _BODIES):
        return 0
    return sum(_literal_text(child) for child in node.iter_child_nodes())


class _Payments(NodeTransformer):
    """Jinja calls `visit_<Node>`; each method returns what stands in the node's place."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  # jinja's names, here and below
        self.generic_visit(node)
        node.body.insert(0, _tick_statement(node.body, node.lineno))
        if node.test is not None:  # an item that the test refuses costs as well
            node.test = nodes.And(_tick(0, node.lineno), node.test, lineno=node.lineno)
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.body.insert(0, _tick_statement(node.body, node.lineno))
        return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.body.insert(0, _tick_statement(node.body, node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return nodes.Filter(node.nodes[0], "concat", list(node.nodes[1:]), [], None, None, lineno=node.lineno)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = _paid(node.expr)
        for operand in node.ops:
            operand.expr = _paid(operand.expr)
        return node


def _paid(node: nodes.Expr) -> nodes.Expr:
    return node if isinstance(node, nodes.Const) else _call("charge", node, node.lineno)
