"""`followthrough run`: the service, in this terminal, until Ctrl-C."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.configuration import cannot_load, command, config_dir
from service.cli.exits import Exit, Failure
from service.cli.options import AsJson, Config
from service.cli.output import GREEN, put, put_json

if TYPE_CHECKING:
    from service.app import Info

ROLES = ("all", "worker", "deliver", "web")
EXAMPLE = Path("examples/first-day.jsonl")


def run(
    name: Annotated[
        str | None,
        typer.Option(help="This worker's name, stable over restarts. [dim](default: host.0)[/dim]"),
    ] = None,
    role: Annotated[str, typer.Option(help="all, or one of worker, deliver and web.")] = "all",
    accept_state_loss: Annotated[
        bool, typer.Option("--accept-state-loss", help="Go on where the store and Kafka do not fit together.")
    ] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Start the service.

    Web, engine and delivery in one process. Ctrl-C stops it gracefully.

    Example: followthrough run
    """
    import asyncio

    from service import app
    from service.telemetry import logs

    if log_level not in ("debug", "info", "warning", "error"):
        raise Failure(
            Exit.WRONG, f"`{log_level}` is no level of the log", "use debug, info, warning or error"
        )
    if role not in ROLES:
        raise Failure(Exit.WRONG, f"`{role}` is no role", f"use {', '.join(ROLES)}")
    logs.set_up(log_level)
    try:
        asyncio.run(
            app.serve(
                config_dir(config),
                name,
                lambda info: show(info, config, as_json=as_json),
                role,
                accepts_state_loss=accept_state_loss,
            )
        )
    except Exception as error:
        failure = _failure(_cause(error), config)
        if failure is None:
            raise
        raise failure from error


def show(info: "Info", config: Path | None, *, as_json: bool) -> None:
    """Where to look, and what to type next."""
    caught = f"{info.url}/caught"
    nothing_leaves = not info.leaves_machine
    following = command(f"emit {EXAMPLE}", config) if EXAMPLE.exists() else command("emit --help")
    if as_json:
        put_json(
            {
                "url": info.url,
                "caught": caught,
                "data_dir": str(info.data_dir.absolute()),
                "leaves_machine": list(info.leaves_machine),
                "next": following,
            }
        )
        return
    put(f"Followthrough is up: {info.url}", GREEN)
    put(f"  messages   {caught}")
    put(f"  data       {info.data_dir.absolute()}")
    if nothing_leaves:
        put("  channels   all caught: nothing leaves this machine")
    else:
        put(f"  channels   {', '.join(info.leaves_machine)} really sends")
    put(f"  next       {following}      (in a second terminal)")
    put("  stop       Ctrl-C")


def _cause(error: Exception) -> Exception:
    """The first error inside a task group's bundle."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _failure(error: Exception, config: Path | None) -> Failure | None:
    """What an error of the start means for whoever typed the command; None for an error of ours."""
    import errno

    from service.app import NoSharedKey
    from service.consumers.names import NameTaken
    from service.settings.problems import ConfigError
    from service.store.contract import LogDown, StoreDown, Unfit
    from service.web.doors import OpenDoor

    if isinstance(error, ConfigError):
        return cannot_load(error.problems, config)
    if isinstance(error, StoreDown):
        what = "event log" if isinstance(error, LogDown) else "store"
        return Failure(
            Exit.DOWN, f"the {what} cannot be used: {error}", f"check with `{command('doctor', config)}`"
        )
    if isinstance(error, Unfit):
        return Failure(Exit.DOWN, str(error))
    if isinstance(error, NoSharedKey):
        return Failure(Exit.WRONG, str(error), "set signing_keys; make one with `openssl rand -base64 48`")
    if isinstance(error, NameTaken):
        return Failure(Exit.WRONG, str(error), f"or end the other with `{command('stop', config)}`")
    if isinstance(error, OpenDoor):
        return Failure(Exit.WRONG, str(error), "add api_keys, or listen on 127.0.0.1")
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return Failure(
            Exit.WRONG,
            "the address of web.listen is used by another program, perhaps a running followthrough",
            f"end that with `{command('stop', config)}`, or set FOLLOWTHROUGH_WEB__LISTEN=127.0.0.1:8081"
            " FOLLOWTHROUGH_WEB__PUBLIC_URL=http://127.0.0.1:8081",
        )
    if isinstance(error, PermissionError):
        return Failure(Exit.WRONG, str(error), "choose a data_dir and a port that this user may use")
    return None
