"""Named places where a fault run may kill the process: `FAULT=after_commit:3` dies at the third hit of that point.

Without the variable a point costs one comparison. Each name stands once in the code; search for `fault_point(`.
"""

import os

# What a shell reports for SIGKILL: the death leaves no chance to clean up, exactly like `kill -9`.
KILLED = 137


def _armed(setting: str) -> dict[str, int]:
    name, _, hits = setting.partition(":")
    return {name: int(hits or 1)} if name else {}


_left = _armed(os.environ.get("FAULT", ""))


def fault_point(name: str) -> None:
    """Die here, without a word, when a fault run asked for it."""
    if _left and name in _left:
        _left[name] -= 1
        if _left[name] <= 0:
            os._exit(KILLED)
