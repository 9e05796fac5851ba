"""`followthrough schema`: the JSON Schema of a configuration file, or the AsyncAPI document of the events."""

import json
from typing import Annotated

import typer

from service.cli.exits import Exit, Failure
from service.cli.options import AsJson, Config
from service.cli.output import put, put_json


def schema(
    name: Annotated[
        str | None,
        typer.Argument(
            help="followthrough, channels, directory, calendars, policy, integration or asyncapi."
        ),
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Print the JSON Schema of a configuration file, or `asyncapi`: every event that may be sent.

    Without a name: which ones there are.

    Example: followthrough schema policy > policy.json
    """
    del config  # Schemas come from the program, not from a configuration.
    from service.settings.problems import did_you_mean
    from service.settings.schema import schemas
    from service.web.asyncapi import document

    known = schemas() | {"asyncapi": document()}
    if name is None:
        if as_json:
            put_json(sorted(known))
        else:
            for each in sorted(known):
                put(each)
        return
    if name not in known:
        raise Failure(Exit.WRONG, f"there is no schema `{name}`", did_you_mean(name, known))
    put(json.dumps(known[name], indent=None if as_json else 2, ensure_ascii=False))
