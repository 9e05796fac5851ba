"""Time zones with other rules from some moment on, as after an update of a machine's zone database.

It holds for the whole process, and is put back at the end. A service takes such rules when it starts.
"""

import zoneinfo
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from service.core.directory import forget_zones


class ZoneUpdates:
    """`take` gives each zone the rules that another one has today."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path, self._changed = folder, zoneinfo.TZPATH, list[str]()

    def take(self, rules: Mapping[str, str]) -> None:
        for zone, like in rules.items():
            (self._folder / zone).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / zone).write_bytes(self._raw(like))
        zoneinfo.reset_tzpath([str(self._folder), *self._path])
        self._changed += rules
        self._forget()

    def put_back(self) -> None:
        if not self._changed:
            return  # what is remembered of zones is still true
        zoneinfo.reset_tzpath(self._path)
        self._forget()

    def _forget(self) -> None:
        zoneinfo.ZoneInfo.clear_cache(only_keys=self._changed)
        forget_zones()

    def _raw(self, zone: str) -> bytes:
        """As the standard library finds it: this machine's, else those of the package."""
        found = next((at for base in self._path if (at := Path(base) / zone).is_file()), None)
        return found.read_bytes() if found else files("tzdata").joinpath("zoneinfo", zone).read_bytes()


@contextmanager
def zone_updates() -> Iterator[ZoneUpdates]:
    """Updates that end with this."""
    with TemporaryDirectory() as folder:
        updates = ZoneUpdates(Path(folder))
        try:
            yield updates
        finally:
            updates.put_back()
