"""`followthrough config`, the part about config/integrations: each file, where it is answered, and what it takes."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.cli.config import Value
    from service.settings.integrations import Integration
    from service.settings.model import Settings


def integration_values(settings: "Settings", folder: Path) -> "Iterator[Value]":
    """Secrets are hidden; of the rules only the types are told, because the file says the rest better."""
    for name, integration in settings.integrations.items():
        yield from _of(name, integration, settings, folder)


def _of(name: str, integration: "Integration", settings: "Settings", folder: Path) -> "Iterator[Value]":
    from service.cli.config import Value, flat, read_file
    from service.settings.environment import expand
    from service.settings.integrations import SHOWN_KEYS, VENDORS

    model = integration.model
    own = read_file(folder / "integrations" / f"{name}.yaml", SHOWN_KEYS)
    expand(own, os.environ, folder / "integrations")
    vendor = read_file(VENDORS / f"{model.vendor}.yaml", SHOWN_KEYS) if model.vendor else own
    prefix = f"integrations.{name}"
    token = "/TOKEN" if model.authenticate.scheme == "path-token" else ""
    url = f"{settings.service.web.public_url}/integrations/{name}{token}"
    yield Value(f"{prefix}.url", url, "web.public_url, and the name of the file")
    for field in type(model).model_fields:
        if field == "events":
            continue
        shown = zip(
            flat(getattr(model, field), (field,), own),
            flat(getattr(model, field), (field,), vendor),
            strict=True,
        )
        for mine, shipped in shown:
            yield mine._replace(
                key=f"{prefix}.{mine.key}", origin=shipped.origin if mine.origin == "default" else mine.origin
            )
    types = list(dict.fromkeys(rule.type for rule in model.events))
    written = own if ("events",) in own.values else vendor
    yield Value(f"{prefix}.events", types, f"{written.file}:{written.values['events',].line}")
