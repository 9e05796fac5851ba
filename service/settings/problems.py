"""What is wrong with a configuration, said so that its author can mend it: file, line, column, and what was meant.

Must not know what is being configured. A `Report` gathers every problem of every file; `load` raises them at once.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

# A source line is shown up to here: wide enough for a policy, short enough for one terminal line.
SHOWN_CHARS_MAX = 110


class Mark(NamedTuple):
    """A place in a file, counted from 1; line 0 is "the file as a whole"."""

    line: int = 0
    column: int = 0


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to mend. `text` is the source line, without secrets; `hint` the nearest right thing to write."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    text: str = ""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def render(self) -> str:
        """`config/policies/x.yaml:12:5: …`, then the source line with a caret, then the hint."""
        shown = [f"{self.place}: {self.message}"]
        if self.line and self.text.strip():
            shown += self._source()
        if self.hint:
            shown.append(f"    {self.hint}")
        return "\n".join(shown)

    def _source(self) -> list[str]:
        start = max(0, self.column - SHOWN_CHARS_MAX + 20)
        text = self.text[start : start + SHOWN_CHARS_MAX]
        return [f"{self.line:5} | {text}", f"      | {' ' * (self.column - 1 - start)}^"]

    def as_dict(self) -> dict[str, str | int]:
        """For `--json`."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "hint": self.hint,
        }


class ConfigError(Exception):
    """The configuration cannot be loaded; `problems` are all of them, in the order of the files."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(problem.render() for problem in self.problems))


@dataclass
class Report:
    """Everything found so far. Errors refuse the configuration; warnings are printed and it is used."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def raise_errors(self) -> None:
        """Nothing, or a ConfigError that carries every error."""
        if self.errors:
            raise ConfigError(self.errors)

    def quiet_warnings(self) -> list[Problem]:
        """The warnings in the order of the files, without those at a place that is wrong anyway."""
        wrong = {problem.place for problem in self.errors}
        return sorted({problem for problem in self.warnings if problem.place not in wrong})


def nearest(word: object, known: Iterable[str]) -> str:
    """The known word that was most likely meant, or nothing."""
    candidates = {name.casefold(): name for name in sorted(known)}
    found = difflib.get_close_matches(str(word).casefold(), candidates, n=1, cutoff=0.6)
    return candidates[found[0]] if found else ""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A hint: the nearest known word, else the list when it is short."""
    names = sorted(known)
    near = nearest(word, names)
    if near:
        return f"did you mean `{near}`?"
    # More than a dozen names help nobody on one line.
    return f"known: {', '.join(names)}" if 0 < len(names) <= 12 else ""
