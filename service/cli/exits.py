"""What a command answers to the shell, and how it gives up: one sentence, and one thing the user can do about it.

The numbers are a contract (design: outside contract); scripts and container health checks depend on them.
"""

from collections.abc import Mapping
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    FINE = 0
    FINDINGS = 1
    WRONG = 2  # wrong use, or a configuration that cannot load
    DOWN = 3  # a dependency is down
    INTERRUPTED = 130  # 128 + SIGINT, as shells count


class Failure(Exception):
    """A command cannot do its work. `action` is what the user can do; `more` goes into `--json` beside the two."""

    def __init__(
        self, code: Exit, text: str, action: str = "", more: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(text)
        self.code, self.text, self.action, self.more = code, text, action, dict(more or {})
