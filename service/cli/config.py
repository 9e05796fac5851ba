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
    from service.settings.integrations import Integration
    from service.settings.model import Settings

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
    from service.settings import channels, service
    from service.settings.environment import expand, override

    settings, folder = read_settings(given), config_dir(given)
    document = _read(folder / "followthrough.yaml", service.SHOWN_KEYS)
    data = expand(document, os.environ, folder)
    override(document, data if isinstance(data, dict) else {}, os.environ, service.PATHS)
    found = list(_flat(settings.service, (), document))
    document = _read(folder / "channels.yaml", channels.SHOWN_KEYS)
    expand(document, os.environ, folder)
    for name, channel in settings.channels.items():
        found += _flat(channel, (name,), document)
    return [*found, *_integrations(settings, folder)]


def _integrations(settings: "Settings", folder: Path) -> "Iterator[Value]":
    """Secrets are hidden; of the rules only the types are told, because the file says the rest better."""
    for name, integration in settings.integrations.items():
        yield from _integration(name, integration, settings, folder)


def _integration(
    name: str, integration: "Integration", settings: "Settings", folder: Path
) -> "Iterator[Value]":
    from service.settings.environment import expand
    from service.settings.integrations import SHOWN_KEYS, VENDORS

    model = integration.model
    own = _read(folder / "integrations" / f"{name}.yaml", SHOWN_KEYS)
    expand(own, os.environ, folder / "integrations")
    vendor = _read(VENDORS / f"{model.vendor}.yaml", SHOWN_KEYS) if model.vendor else own
    prefix = f"integrations.{name}"
    token = "/TOKEN" if model.authenticate.scheme == "path-token" else ""
    url = f"{settings.service.web.public_url}/integrations/{name}{token}"
    yield Value(f"{prefix}.url", url, "web.public_url, and the name of the file")
    for field in type(model).model_fields:
        if field == "events":
            continue
        shown = zip(
            _flat(getattr(model, field), (field,), own),
            _flat(getattr(model, field), (field,), vendor),
            strict=True,
        )
        for mine, shipped in shown:
            yield mine._replace(
                key=f"{prefix}.{mine.key}", origin=shipped.origin if mine.origin == "default" else mine.origin
            )
    types = list(dict.fromkeys(rule.type for rule in model.events))
    written = own if ("events",) in own.values else vendor
    yield Value(f"{prefix}.events", types, f"{written.file}:{written.values['events',].line}")


def _read(path: Path, shown_keys: frozenset[str]) -> "Document":
    """The file with its lines; an empty document when there is none."""
    from service.settings.document import Document
    from service.settings.problems import Report
    from service.settings.yaml_reader import read

    if not path.exists():
        return Document(str(path), None, Report())
    return read(path, str(path), Report(), shown_keys=shown_keys)


def _flat(value: object, path: "Path_", document: "Document") -> "Iterator[Value]":
    from pydantic import BaseModel, SecretStr

    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _flat(getattr(value, name), (*path, field.alias or name), document)
        return
    if isinstance(value, list) and value and isinstance(value[0], BaseModel | SecretStr):
        for index, item in enumerate(value):
            yield from _flat(item, (*path, index), document)
        return
    if isinstance(value, SecretStr):
        value = _masked(value.get_secret_value())
    yield Value(_key(path), str(value) if isinstance(value, Path) else value, _origin(path, document))


def _origin(path: "Path_", document: "Document") -> str:
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
