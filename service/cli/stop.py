"""`followthrough stop`: ends the service of this data folder the gentle way, and waits until it has gone."""

import os
import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from service.cli.configuration import read_settings
from service.cli.exits import Exit, Failure
from service.cli.options import AsJson, Config
from service.cli.output import GREEN, put, put_json, say

# A stop finishes what is in hand: an attempt to deliver may take 30 s (design, "Delivery"), the store a moment more.
WITHIN_S = 40.0
_POLL_S = 0.1


def stop(
    within: Annotated[float, typer.Option(help="Seconds to wait until it has ended.")] = WITHIN_S,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Stop the running service.

    Every one of this configuration's data_dir; what is in hand is finished first.

    Example: followthrough stop
    """
    from service.consumers.names import running

    data_dir = read_settings(config).service.data_dir
    found = running(data_dir)
    for name, pid in found.items():
        say(f"stopping {name} (pid {pid})")
        _ask(pid)
    left = _wait(data_dir, found, within)
    if left:
        named = ", ".join(f"{name} (pid {pid})" for name, pid in left.items())
        raise Failure(
            Exit.FINDINGS,
            f"still running after {within:.0f} s: {named}",
            "it finishes deliveries in hand; wait and ask again, or `kill -9` it: nothing accepted is lost",
        )
    if as_json:
        put_json({"stopped": [{"name": name, "pid": pid} for name, pid in found.items()]})
    elif found:
        put(f"stopped: {', '.join(found)}", GREEN)
    else:
        put(f"nothing runs on {data_dir}")


def _ask(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # It has ended since we looked.
    except PermissionError:
        raise Failure(Exit.WRONG, f"pid {pid} belongs to another user", "stop it as that user") from None


def _wait(data_dir: Path, asked: dict[str, int], within_s: float) -> dict[str, int]:
    """Those of `asked` that have not ended in time."""
    from service.consumers.names import running

    deadline = time.monotonic() + within_s
    while True:
        now = running(data_dir)
        left = {name: pid for name, pid in asked.items() if now.get(name) == pid}
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(_POLL_S)
