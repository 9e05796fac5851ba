"""The options that every command takes, under the same names."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="DIR",
        help="The folder of the configuration. [dim](default: $FOLLOWTHROUGH_CONFIG, else ./config)[/dim]",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")]
