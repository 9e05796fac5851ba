"""What conditions compare: each path of the view with the constants it is held against.

It is the whole of conditions made of comparisons with constants, `and`, `or` and `not`; of any other a part.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from jinja2 import nodes

from service.settings.expression_view import SAMPLES, path_of
from service.settings.expressions import parse_condition

Name = tuple[str, ...]

# Two names of one thing.
_SAME: dict[Name, Name] = {("owner", "id"): ("commitment", "owner"), ("team", "id"): ("commitment", "team")}


class Compared(NamedTuple):
    """`is_whole` when there is nothing in the conditions but what is compared here."""

    values: dict[Name, list[object]]
    is_whole: bool

    @property
    def about_people(self) -> list[Name]:
        """The paths that say whose commitment it is."""
        return sorted(name for name in self.values if is_about_people(name))


def is_about_people(name: Name) -> bool:
    return name[0] in ("owner", "team") or name in _SAME.values()


def compared(sources: Iterable[str | None], family: str) -> Compared:
    values: dict[Name, list[object]] = {}
    are_whole = [_gather(parse_condition(source), values) for source in sources if source is not None]
    samples = [look_up(SAMPLES[family], name) for name in values]
    are_plain = all(isinstance(sample, str | bool | int | Decimal | list) for sample in samples)
    return Compared(values, all(are_whole) and are_plain and ("commitment", "told") not in values)


def look_up(seen: Mapping[str, Any], name: Name) -> Any:
    here: Any = seen
    for part in name:
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


def _gather(node: nodes.Node, values: dict[Name, list[object]]) -> bool:
    """Adds every comparison at and below `node`; whether there is nothing else."""
    name = _name(node)
    if name is not None:
        values.setdefault(name, [])
        return True
    if isinstance(node, nodes.Compare) and len(node.ops) == 1 and _compare(node, values):
        return True
    are_whole = [_gather(inner, values) for inner in node.iter_child_nodes()]
    return isinstance(node, nodes.And | nodes.Or | nodes.Not | nodes.Const) and all(are_whole)


def _compare(node: nodes.Compare, values: dict[Name, list[object]]) -> bool:
    """Whether a path is held against constants, or constants against each other."""
    left, right = node.expr, node.ops[0].expr
    for path, other in ((left, right), (right, left)):
        name, constants = _name(path), _constants(other)
        if name is not None and constants is not None:
            known = values.setdefault(name, [])
            known += [value for value in constants if value not in known]
            return True
    return _constants(left) is not None and _constants(right) is not None


def _name(node: nodes.Node) -> Name | None:
    path: Name | None = path_of(node)
    if path is None or len(path) < 2:
        return None
    path = ("commitment", *path[1:]) if path[0] == "deal" else path
    return _SAME.get(path, path)


def _constants(node: nodes.Node) -> list[object] | None:
    if isinstance(node, nodes.Const):
        return [node.value]
    if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const):
        return [-node.node.value]
    if not isinstance(node, nodes.List | nodes.Tuple):
        return None
    inner = [_constants(item) for item in node.items]
    return None if None in inner else [value for found in inner for value in found or ()]
