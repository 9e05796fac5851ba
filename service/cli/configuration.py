"""Which configuration a command works with, and its settings; what cannot be loaded ends the command with 2."""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.exits import Exit, Failure

if TYPE_CHECKING:
    from service.messages.templates import Templates
    from service.settings.model import Settings
    from service.settings.problems import ConfigError

VARIABLE = "FOLLOWTHROUGH_CONFIG"
DEFAULT = Path("config")


def config_dir(given: Path | None) -> Path:
    """`--config`, else FOLLOWTHROUGH_CONFIG, else ./config."""
    return given or Path(os.environ.get(VARIABLE) or DEFAULT)


def read_settings(given: Path | None) -> "Settings":
    """The settings as the service itself would load them."""
    return read_all(given)[0]


def read_all(given: Path | None) -> "tuple[Settings, Templates]":
    """The settings and the templates that go with them; Failure carries every problem."""
    from service.messages.templates import Templates
    from service.settings.load import load
    from service.settings.problems import ConfigError

    folder = config_dir(given)
    try:
        templates = Templates.load(overrides=folder / "templates")
        return load(folder, os.environ, templates.hashes.keys()), templates
    except ConfigError as error:
        raise cannot_load(error, given) from None


def cannot_load(error: "ConfigError", given: Path | None) -> Failure:
    """Exit 2 with every problem at its place."""
    count = len(error.problems)
    many = f"{count} problem{'s' * (count != 1)} in {config_dir(given)}"
    return Failure(
        Exit.WRONG,
        "\n".join(problem.render() for problem in error.problems),
        f"{many}: mend and check with `{command('validate', given)}`",
        {"problems": [problem.as_dict() for problem in error.problems]},
    )


def command(rest: str, given: Path | None = None) -> str:
    """`followthrough REST` as this user can type it here."""
    return " ".join([_program(), rest, *([f"--config {shlex.quote(str(given))}"] if given else [])])


def _program() -> str:
    here = Path(sys.argv[0])
    if here.name == "__main__.py":
        return f"{Path(sys.executable).name} -m service"
    if here.name != "followthrough" or shutil.which(here.name) == str(here.absolute()):
        return "followthrough"
    relative = os.path.relpath(here)
    return relative if not relative.startswith("..") else str(here)
