"""Files as configurations have them: a pipe or a device in the place of one is refused, reading it may never end."""

import errno
from pathlib import Path


def read_regular(path: Path, limit: int) -> bytes:
    """At most `limit` bytes and one more; OSError where there is no such file, or it is none."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
    with path.open("rb") as file:
        return file.read(limit + 1)


def not_utf8(raw: bytes, error: UnicodeDecodeError) -> tuple[int, int]:
    """Line and column, from 1, of the first byte that is not UTF-8."""
    before = raw[: error.start].decode("utf-8-sig")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
