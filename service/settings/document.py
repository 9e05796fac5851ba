"""One file's data, every value with its line and column, so that a problem can be reported by path.

`yaml_reader.py` makes one. Must not know what the data means.
"""

from dataclasses import dataclass, field

from service.settings.problems import Mark, Problem, Report

Path_ = tuple[str | int, ...]


@dataclass
class Document:
    """`data` is plain; `keys` and `values` say where each path stands. Problems are reported by path."""

    file: str
    data: object
    report: Report
    lines: list[str] = field(default_factory=list)
    keys: dict[Path_, Mark] = field(default_factory=dict)
    values: dict[Path_, Mark] = field(default_factory=dict)
    quoted: set[Path_] = field(default_factory=set)
    # Path -> the environment variable that gave its value.
    elsewhere: dict[Path_, str] = field(default_factory=dict)
    # With these, only values of these keys may be shown: the rest may be secret.
    shown_keys: frozenset[str] | None = None
    # Places where something is wrong already, so that what follows from it is not reported as well.
    spoilt: set[Mark] = field(default_factory=set)
    # Top-level key -> the other file that its value was read from.
    parts: dict[str | int, "Document"] = field(default_factory=dict)

    def error(
        self, path: Path_, message: str, hint: str = "", *, at_key: bool = False, shift: int | None = None
    ) -> None:
        """Report an error at the value of `path` (or its key); `shift` moves the column into a scalar. Where something
        is wrong already, nothing that follows from it is reported."""
        if self.mark(path, at_key=at_key) in self.spoilt:
            return
        self.report.errors.append(self.problem(path, message, hint, at_key=at_key, shift=shift))

    def spoil(self, path: Path_, message: str, hint: str = "") -> None:
        """Report an error at `path`; nothing else is reported at its place by `check`."""
        self.error(path, message, hint)
        self.spoilt.add(self.mark(path))

    def is_spoilt(self, path: Path_) -> bool:
        """Whether something at the place of `path` was reported that says all there is to say."""
        owner = self.parts.get(path[0], self) if path else self
        return owner.mark(path) in owner.spoilt

    def warn(self, path: Path_, message: str, hint: str = "", *, at_key: bool = False) -> None:
        self.report.warnings.append(self.problem(path, message, hint, at_key=at_key))

    def problem(
        self, path: Path_, message: str, hint: str = "", *, at_key: bool = False, shift: int | None = None
    ) -> Problem:
        if path and path[0] in self.parts:
            return self.parts[path[0]].problem(path, message, hint, at_key=at_key, shift=shift)
        for length in range(len(path), 0, -1):
            if path[:length] in self.elsewhere:
                return Problem(self.elsewhere[path[:length]], 0, 0, message, hint)
        mark = self.mark(path, at_key=at_key)
        if shift is not None and mark.line:
            mark = Mark(mark.line, mark.column + self._offset(path, mark, shift))
        return self.problem_at(mark, message, hint)

    def _offset(self, path: Path_, mark: Mark, shift: int) -> int:
        """How far into the line `shift` characters of the scalar are; 0 when it is not written literally there."""
        start = mark.column - 1 + (path in self.quoted)
        written = self.lines[mark.line - 1][start:] if mark.line <= len(self.lines) else ""
        return shift + (path in self.quoted) if written.startswith(str(self.get(path))) else 0

    def problem_at(self, mark: Mark, message: str, hint: str = "") -> Problem:
        text = self.lines[mark.line - 1] if 0 < mark.line <= len(self.lines) else ""
        return Problem(self.file, mark.line, mark.column, message, hint, text)

    def mark(self, path: Path_, *, at_key: bool = False) -> Mark:
        """Where `path` stands, or the nearest parent that does."""
        if path and path[0] in self.parts:
            return self.parts[path[0]].mark(path, at_key=at_key)
        first, second = (self.keys, self.values) if at_key else (self.values, self.keys)
        while path:
            found = first.get(path) or second.get(path)
            if found:
                return found
            path = path[:-1]
            first, second = self.keys, self.values  # for what is missing, the parent's name is the place
        return self.values.get((), Mark())

    def hides(self, path: Path_) -> bool:
        """Whether the value at `path` may be a secret."""
        names = [part for part in path if isinstance(part, str)]
        return self.shown_keys is not None and (not names or names[-1] not in self.shown_keys)

    def get(self, path: Path_) -> object:
        """The value at `path`, or None."""
        here = self.data
        for part in path:
            if isinstance(here, dict):
                here = here.get(part)
            elif isinstance(here, list) and isinstance(part, int) and part < len(here):
                here = here[part]
            else:
                return None
        return here
