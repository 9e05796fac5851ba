"""Whether the files of a configuration have changed, told by their names, times and sizes: no content is read.

A mounted folder whose files are links that are swapped whole (as Kubernetes does) is seen like any other change.
"""

from collections.abc import Iterator
from pathlib import Path

# What may be a part of a configuration; editors' own files beside it are not.
_SUFFIXES = (".yaml", ".yml", ".csv", ".j2")

Look = tuple[tuple[str, int, int, int], ...]


def look(config_dir: Path, people_file: Path | None = None) -> Look:
    """Equal as long as nothing has changed. `people_file` may lie elsewhere."""
    return tuple(sorted(_seen(config_dir, people_file)))


def _seen(config_dir: Path, people_file: Path | None) -> Iterator[tuple[str, int, int, int]]:
    folders = (
        config_dir,
        config_dir / "policies",
        config_dir / "templates",
        config_dir / "templates/layouts",
    )
    found = {path for folder in folders for path in folder.glob("*") if path.suffix in _SUFFIXES}
    for path in found | ({people_file} if people_file else set()):
        try:
            about = path.stat()
        except OSError:  # gone between two looks, or a link that leads nowhere: the load will say so
            continue
        yield str(path), about.st_mtime_ns, about.st_size, about.st_ino
