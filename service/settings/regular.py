"""Files as configurations have them: a pipe or a device in the place of one is refused, reading it may never end."""

from pathlib import Path

from service.settings.problems import Mark


class Unreadable(Exception):
    """Nothing of the file can be used, or nothing from `mark` on."""

    def __init__(self, mark: Mark, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.mark, self.message, self.hint = mark, message, hint


def read_text(path: Path, limit: int, *, if_larger: str = "", if_not_utf8: str) -> str:
    """The text of a file of at most `limit` bytes, its byte order mark left out; the hints go into Unreadable."""
    if path.exists() and not path.is_file():
        raise Unreadable(Mark(), "cannot be read: it is no regular file")
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise Unreadable(Mark(), f"cannot be read: {error.strerror}") from error
    if len(raw) > limit:
        raise Unreadable(Mark(), f"is larger than {limit:,} bytes", if_larger)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig")
        at = Mark(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise Unreadable(at, f"byte {error.start} is not UTF-8", if_not_utf8) from error
