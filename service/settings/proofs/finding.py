"""What a proof finds: the place, what is so and why it matters, what to do; a warning, or a note that may be meant."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from service.settings.document import Document, Path_
from service.settings.problems import Problem

# More names than this help nobody on one line.
NAMED_MAX = 5


class Finding(NamedTuple):
    """`warning`: somebody will not hear what they should. `note`: it may be meant, and is good to know."""

    severity: Literal["warning", "note"]
    problem: Problem

    def render(self) -> str:
        return f"{self.severity}: {self.problem.render()}"

    def as_dict(self) -> dict[str, str | int]:
        """For `--json`."""
        return {"severity": self.severity, **self.problem.as_dict()}


def warning(document: Document, path: Path_, message: str, hint: str) -> Finding:
    return Finding("warning", document.problem(path, message, hint))


def note(document: Document, path: Path_, message: str, hint: str) -> Finding:
    return Finding("note", document.problem(path, message, hint))


def few(names: Sequence[str]) -> str:
    """`ana`, `ana and leo`, `ana, leo, kim, dana, omar and 7 more`."""
    if len(names) > NAMED_MAX:
        return f"{', '.join(names[:NAMED_MAX])} and {len(names) - NAMED_MAX} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
