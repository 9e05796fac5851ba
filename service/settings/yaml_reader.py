"""One YAML 1.2 file as a Document.

Built from ruamel's events, so that what makes YAML surprising never gets built: duplicate keys, anchors, aliases,
merge keys, tags, deep nesting and big files are refused with a reason. Must not know what the data means.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from service.settings.document import Document, Path_
from service.settings.problems import Mark, Report
from service.settings.regular import Unreadable, read_text
from service.settings.yaml_words import syntax_error

# A megabyte is some 4,000 people; 32 levels are four times what any file here needs (YAML bombs: safety tests).
BYTES_MAX = 1_000_000
DEPTH_MAX = 32
# Amounts and counts fit in 18 digits; longer ones are refused before `int` may take quadratic time.
DIGITS_MAX = 18

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
# What YAML 1.1 tools read as a boolean or as a number in base 60, and YAML 1.2 as text. As keys they are names of ours.
_OLD_BOOLEAN = re.compile(r"y|n|yes|no|on|off", re.IGNORECASE)
_OLD_SEXAGESIMAL = re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?")
_OLD_OCTAL = re.compile(r"[-+]?0[0-9]+")


class Refused(Unreadable):
    """The file cannot be read any further."""


def read(path: Path, name: str, report: Report, *, shown_keys: frozenset[str] | None = None) -> Document:
    """The file as a Document, empty (`data` None) when it could not be read; its problems are in `report`.

    With `shown_keys`, source lines in problems show only the values of those keys: the rest may be secret.
    """
    document = Document(name, None, report, shown_keys=shown_keys)
    try:
        text = _text(path)
        document.lines = [] if shown_keys is not None else text.splitlines()
        builder = _Builder(document)
        builder.build(text)
        if shown_keys is not None:
            document.lines = builder.hide(text.splitlines())
            builder.fill_in_lines()
    except Unreadable as refused:
        report.errors.append(document.problem_at(refused.mark, refused.message, refused.hint))
        document.data = None
    return document


def _text(path: Path) -> str:
    return read_text(
        path,
        BYTES_MAX,
        if_larger="split it, or import people from HR",
        if_not_utf8="save the file as UTF-8",
    )


def _mark(event: Event) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


class _Builder:
    """Turns parse events into data, one at a time, with its own stack: no recursion to exhaust."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.hidden: list[Event] = []
        self.early = (len(document.report.errors), len(document.report.warnings))

    def build(self, text: str) -> None:
        try:
            events = self._events(text)
            first = next(events, None)
            if first is not None:
                self.document.data = self._root(first, events)
            next(events, None)  # a second document is refused when it begins
        except MarkedYAMLError as error:
            raise self._syntax(error) from error
        except ReaderError as error:
            before = text[: error.position]
            mark = Mark(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
            said = f"is not YAML: a character that no text has (U+{error.character:04X})"
            raise Refused(mark, said, "remove it; save the file as UTF-8") from error
        except (YAMLError, ValueError) as error:
            message = " ".join(str(error).split())[:200] or "is not YAML"
            raise Refused(Mark(), f"is not YAML: {message}") from error

    @staticmethod
    def _syntax(error: MarkedYAMLError) -> Refused:
        said = syntax_error(error.context or "", error.problem or "")
        mark = error.context_mark if said.is_at_its_beginning else error.problem_mark or error.context_mark
        return Refused(Mark(mark.line + 1, mark.column + 1) if mark else Mark(), said.message, said.hint)

    @staticmethod
    def _events(text: str) -> Iterator[Event]:
        documents = 0
        for event in YAML(typ="safe", pure=True).parse(text):
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise Refused(
                        _mark(event), "a second document (`---`) in one file", "use one file for each"
                    )
            elif isinstance(event, NodeEvent | MappingEndEvent | SequenceEndEvent):
                yield event

    def _root(self, first: Event, events: Iterator[Event]) -> object:
        root, opened = self._node(first, (), 0)
        stack: list[tuple[object, Path_]] = [(root, ())] if opened else []
        while stack:
            container, path = stack[-1]
            event = next(events)
            if isinstance(event, MappingEndEvent | SequenceEndEvent):
                stack.pop()
                continue
            if isinstance(container, dict):
                key = self._key(event, container, path)
                event, here = next(events), (*path, key)
                self.document.keys.setdefault(here, _mark(event))
                value, opened = self._node(event, here, len(stack))
                container[key] = value
            else:
                assert isinstance(container, list)
                here = (*path, len(container))
                value, opened = self._node(event, here, len(stack))
                container.append(value)
            if opened:
                stack.append((value, here))
        return root

    def _key(self, event: Event, mapping: dict[str, object], path: Path_) -> str:
        self._plain_node(event)
        if not isinstance(event, ScalarEvent):
            raise Refused(_mark(event), "a list or a mapping cannot be a key")
        key = event.value
        if key == "<<" and event.style is None:
            raise Refused(_mark(event), "merge keys (`<<`) are not used here", "write the keys out")
        here = (*path, key)
        if key in mapping:
            first = self.document.keys[here].line
            self._soon(_mark(event), f"`{key}` is written twice, first in line {first}", "keep one of them")
        self.document.keys[here] = _mark(event)
        return self._encodable(event, key)

    def _node(self, event: Event, path: Path_, depth: int) -> tuple[object, bool]:
        """The value that begins with this event, and whether it is a container still to be filled."""
        self._plain_node(event)
        is_written = not isinstance(event, ScalarEvent) or event.value or event.style
        self.document.values[path] = _mark(event) if is_written else self.document.mark(path, at_key=True)
        if depth >= DEPTH_MAX:
            raise Refused(_mark(event), f"is nested deeper than {DEPTH_MAX} levels")
        if isinstance(event, MappingStartEvent):
            return {}, True
        if isinstance(event, SequenceStartEvent):
            return [], True
        assert isinstance(event, ScalarEvent)
        hidden = self.document.hides(path)
        if hidden:
            self.hidden.append(event)
        if event.style is not None:
            if event.style in "'\"":
                self.document.quoted.add(path)
            return self._encodable(event, event.value), False
        return self._plain_scalar(event, event.value, "this" if hidden else f"`{event.value}`"), False

    def _plain_node(self, event: Event) -> None:
        """Refuses what makes one value stand for another."""
        if isinstance(event, AliasEvent):
            raise Refused(_mark(event), f"aliases (`*{event.anchor}`) are not used here", "write it out")
        anchor = getattr(event, "anchor", None)
        if anchor:
            raise Refused(_mark(event), f"anchors (`&{anchor}`) are not used here", "write it out")
        tag = getattr(event, "tag", None)
        if tag:
            written = str(tag).replace("tag:yaml.org,2002:", "!!")
            raise Refused(_mark(event), f"tags (`{written}`) are not used here", "write the value without it")

    def _plain_scalar(self, event: ScalarEvent, text: str, shown: str) -> object:
        """YAML 1.2's core schema: null, true, false, numbers; everything else is text."""
        if text in ("", "~", "null", "Null", "NULL"):
            return None
        if text in ("true", "True", "TRUE"):
            return True
        if text in ("false", "False", "FALSE"):
            return False
        if _OLD_OCTAL.fullmatch(text):
            hint = "quote it if it is text, else write it without the leading zero"
            self._soon(_mark(event), f"{shown} means different numbers to different readers", hint)
        if _INT.fullmatch(text) or _FLOAT.fullmatch(text):
            if len(text) > DIGITS_MAX:
                self._soon(
                    _mark(event), f"a number of more than {DIGITS_MAX} digits", "quote it if it is text"
                )
                return 0
            return int(text) if _INT.fullmatch(text) else float(text)
        if _OLD_BOOLEAN.fullmatch(text):
            message = f"{shown} is true or false to some readers and text to others"
            self._soon(_mark(event), message, "write true or false, or quote it if it is text")
        elif _OLD_SEXAGESIMAL.fullmatch(text):
            message = f"{shown} is a number in base 60 to some readers and text to others"
            self._soon(_mark(event), message, "quote it")
        return self._encodable(event, text)

    def _encodable(self, event: Event, text: str) -> str:
        if any("\ud800" <= char <= "\udfff" or char == "\0" for char in text):
            raise Refused(_mark(event), "holds NUL or half of a surrogate pair, which no channel can carry")
        return text

    def _soon(self, mark: Mark, message: str, hint: str) -> None:
        """Wrong, but the rest of the file can still be read."""
        self.document.spoilt.add(mark)
        self.document.report.errors.append(self.document.problem_at(mark, message, hint))

    def hide(self, lines: list[str]) -> list[str]:
        """The source lines with asterisks where a value may be secret; columns stay where they were."""
        for event in self.hidden:
            start, end = event.start_mark, event.end_mark
            for number in range(start.line, min(end.line + 1, len(lines))):
                line = lines[number]
                first = start.column if number == start.line else 0
                last = end.column if number == end.line else len(line)
                lines[number] = line[:first] + "*" * (last - first) + line[last:]
        return lines

    def fill_in_lines(self) -> None:
        """Problems found while reading get their source line now that it is safe to show."""
        report = self.document.report
        for found, start in zip((report.errors, report.warnings), self.early, strict=True):
            for index in range(start, len(found)):
                old = found[index]
                found[index] = self.document.problem_at(Mark(old.line, old.column), old.message, old.hint)
