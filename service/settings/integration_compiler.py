"""The rules of an integration, compiled: what cannot work is reported at its place, with the nearest right name.

Must not know how a file is read, nor what a request is.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from service.core.events import EVENTS, INTERNAL
from service.core.payload import shape_of
from service.settings.document import Document, Path_
from service.settings.expressions import ExpressionError
from service.settings.integration_model import Lookup, Rule
from service.settings.mapping_values import EXPRESSION, MISSING, Getter, expression, getter, looked_up
from service.settings.problems import did_you_mean


@dataclass(frozen=True)
class CompiledRule:
    """One of our events, and where its fields come from."""

    type: str
    when: Getter | None
    each: str | None
    is_import: Getter
    data: dict[str, Getter]


class Compiler:
    """Compiles one file's values; what cannot work is reported at its place, and stands in as a constant."""

    def __init__(self, document: Document, tables: Mapping[str, Mapping[str, Any]]) -> None:
        self._document, self._tables = document, tables

    def rule(self, path: Path_, rule: Rule) -> CompiledRule:
        kind = EVENTS.get(rule.type)
        known = sorted(set(EVENTS) - INTERNAL)
        if rule.type not in known or kind is None or kind.data is None:
            self._document.error(
                (*path, "type"), f"`{rule.type[:60]}` is no event of ours", did_you_mean(rule.type, known)
            )
        else:
            self._check_fields(path, rule, shape_of(kind.data))
        return CompiledRule(
            rule.type,
            self.condition((*path, "when"), rule.when),
            rule.each,
            self.value((*path, "import"), rule.is_import),
            {name: self.value((*path, "data", name), value) for name, value in rule.data.items()},
        )

    def _check_fields(self, path: Path_, rule: Rule, shapes: Mapping[str, Any]) -> None:
        for name in rule.data:
            if name not in shapes:
                message = f"{rule.type} has no field `{name[:60]}`"
                self._document.error((*path, "data", name), message, did_you_mean(name, shapes), at_key=True)
        for name, shape in shapes.items():
            if shape.is_required and name not in rule.data:
                self._document.error((*path, "data"), f"{rule.type} needs `{name}`", at_key=True)

    def condition(self, path: Path_, source: str | None) -> Getter | None:
        if source is None:
            return None
        return self._compiled(path, 0, lambda: expression(source, self._tables))

    def value(self, path: Path_, value: Any) -> Getter:
        if not isinstance(value, Lookup):
            return self._compiled(path, len(EXPRESSION), lambda: getter(value, self._tables))
        inner = self._compiled((*path, "value"), len(EXPRESSION), lambda: getter(value.value, self._tables))
        self._check_table(path, value.table, self._tables)
        otherwise = value.otherwise if "otherwise" in value.model_fields_set else MISSING
        return looked_up(inner, self._tables.get(value.table, {}), otherwise)

    def _check_table(self, path: Path_, table: str, tables: Collection[str]) -> None:
        if table not in tables:
            self._document.error(
                (*path, "table"), f"there is no table `{table[:60]}`", did_you_mean(table, tables)
            )

    def _compiled(self, path: Path_, offset: int, compiled: Callable[[], Getter]) -> Getter:
        try:
            return compiled()
        except ExpressionError as error:
            self._document.error(
                path, f"`{path[-1]}`: {error.message}", error.hint, shift=offset + error.column - 1
            )
            return lambda _: None
