"""Which configuration a command works with, and its settings; what cannot be loaded ends the command with 2."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from service.cli.exits import Exit, Failure

if TYPE_CHECKING:
    from service.settings.model import Settings
    from service.settings.problems import Problem

VARIABLE = "FOLLOWTHROUGH_CONFIG"
DEFAULT = Path("config")


class Examined(NamedTuple):
    """A configuration with everything that is wrong with it; `settings` only when there is no error."""

    settings: "Settings | None"
    errors: "list[Problem]"
    warnings: "list[Problem]"


def config_dir(given: Path | None) -> Path:
    """`--config`, else FOLLOWTHROUGH_CONFIG, else ./config."""
    return given or Path(os.environ.get(VARIABLE) or DEFAULT)


def read_settings(given: Path | None) -> "Settings":
    """The settings as the service itself would load them; Failure carries every problem."""
    found = examine_all(given)
    if found.settings is None:
        raise cannot_load(found.errors, given)
    return found.settings


def examine_all(given: Path | None) -> Examined:
    """Every file of the configuration and every template, checked together."""
    from service.messages.templates import SUFFIX, Templates
    from service.settings.load import SHIPPED_TEMPLATES, ConfigError, examine

    folder = config_dir(given)
    broken: list[Problem] = []
    try:
        names = frozenset(Templates.load(overrides=folder / "templates").hashes)
    except ConfigError as error:
        # Which names there are is known from the files; a policy that uses a broken one is not wrong itself.
        broken = error.problems
        own = (folder / "templates").glob(f"*{SUFFIX}")
        names = SHIPPED_TEMPLATES | {path.name.removesuffix(SUFFIX) for path in own}
    settings, report = examine(folder, os.environ, names)
    return Examined(None if broken else settings, sorted([*report.errors, *broken]), report.quiet_warnings())


def cannot_load(problems: "Sequence[Problem]", given: Path | None) -> Failure:
    """Exit 2 with every problem at its place."""
    many = f"{len(problems)} problem{'s' * (len(problems) != 1)} in {config_dir(given)}"
    return Failure(
        Exit.WRONG,
        "\n".join(problem.render() for problem in problems),
        f"{many}: mend and check with `{command('validate', given)}`",
        {"problems": [problem.as_dict() for problem in problems]},
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
