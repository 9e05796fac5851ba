"""`followthrough version`."""

import platform

from service import __version__
from service.cli.options import AsJson, Config
from service.cli.output import put, put_json


def version(config: Config = None, as_json: AsJson = False) -> None:
    """Print the version.

    Example: followthrough version --json
    """
    del config  # Every command takes it; this one reads nothing.
    python = f"{platform.python_implementation()} {platform.python_version()}"
    if as_json:
        put_json({"version": __version__, "python": python, "system": platform.platform()})
    else:
        put(f"followthrough {__version__} ({python}, {platform.system()} {platform.machine()})")
