"""`followthrough config`: every value in force and its origin: a line of a file, the environment, or a default."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from service.cli.configuration import VARIABLE, config_dir, read_settings
from service.cli.options import AsJson, Config
from service.cli.output import put_json, put_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.settings.document import Document, Path_

HIDDEN = "********"


class Value(NamedTuple):
    """One value in force."""

    key: str
    value: object
    origin: str


def config(config: Config = None, as_json: AsJson = False) -> None:
    """Print each value in force, and where it comes from.

    Secrets are hidden.

    Example: followthrough config
    """
    values = [Value("config", str(config_dir(config)), _origin_of_folder(config)), *values_of(config)]
    if as_json:
        put_json([value._asdict() for value in values])
    else:
        put_table(("key", "value", "origin"), [(v.key, _shown(v.value), v.origin) for v in values])


def values_of(given: Path | None) -> list[Value]:
    """Everything in followthrough.yaml, channels.yaml and integrations, defaults included."""
    from service.cli.config_integrations import integration_values
    from service.settings import channels, service
    from service.settings.environment import expand, override

    settings, folder = read_settings(given), config_dir(given)
    document = read_file(folder / "followthrough.yaml", service.SHOWN_KEYS)
    data = expand(document, os.environ, folder)
    override(document, data if isinstance(data, dict) else {}, os.environ, service.PATHS)
    found = list(flat(settings.service, (), document))
    document = read_file(folder / "channels.yaml", channels.SHOWN_KEYS)
    expand(document, os.environ, folder)
    for name, channel in settings.channels.items():
        found += flat(channel, (name,), document)
    return [*found, *integration_values(settings, folder)]


def read_file(path: Path, shown_keys: frozenset[str]) -> "Document":
    """The file with its lines; an empty document when there is none."""
    from service.settings.document import Document
    from service.settings.problems import Report
    from service.settings.yaml_reader import read

    if not path.exists():
        return Document(str(path), None, Report())
    return read(path, str(path), Report(), shown_keys=shown_keys)


def flat(value: object, path: "Path_", document: "Document") -> "Iterator[Value]":
    from pydantic import BaseModel, SecretStr

    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from flat(getattr(value, name), (*path, field.alias or name), document)
        return
    if isinstance(value, list) and value and isinstance(value[0], BaseModel | SecretStr):
        for index, item in enumerate(value):
            yield from flat(item, (*path, index), document)
        return
    if isinstance(value, SecretStr):
        value = _masked(value.get_secret_value())
    yield Value(_key(path), str(value) if isinstance(value, Path) else value, origin_in(path, document))


def origin_in(path: "Path_", document: "Document") -> str:
    for length in range(len(path), 0, -1):
        here = path[:length]
        if here in document.elsewhere:
            return document.elsewhere[here]
        if here in document.values:
            written = document.get(here)
            via = f" ({written})" if isinstance(written, str) and "${" in written else ""
            mark = document.values[here]
            # A parent that is written says nothing about a child that is not.
            return (
                f"{document.file}:{mark.line}{via}" if length == len(path) or _is_leaf(written) else "default"
            )
    return "default"


def _is_leaf(written: object) -> bool:
    return not isinstance(written, dict | list)


def _masked(secret: str) -> str:
    """A URL keeps its host, so that one sees where it leads; everything else is hidden whole."""
    from urllib.parse import urlsplit

    try:
        url = urlsplit(secret)
        host, port = url.hostname or "", f":{url.port}" if url.port else ""
    except ValueError:
        return HIDDEN
    if not url.scheme or not (host or url.path.startswith("/")):
        return HIDDEN
    user = f"{HIDDEN}@" if "@" in url.netloc else ""
    return f"{url.scheme}://{user}{host}{port}{url.path if url.scheme != 'https' else ''}"


def _key(path: "Path_") -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _shown(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "[]"
    return str(value)


def _origin_of_folder(given: Path | None) -> str:
    if given:
        return "--config"
    return f"${VARIABLE}" if os.environ.get(VARIABLE) else "default"
