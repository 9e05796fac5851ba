"""The command line: one file a command. Imports of a command stand inside its function, so that `--help` stays quick.

`COMMANDS` is the list; a new command is one file and one row. Exit codes are in `exits.py`.
"""

import sys
from collections.abc import Callable

import typer

from service.cli.config import config
from service.cli.dead_letters import dead_letters
from service.cli.demo import demo
from service.cli.doctor import doctor
from service.cli.emit import emit
from service.cli.exits import Exit, Failure
from service.cli.explain import explain
from service.cli.import_deals import import_deals
from service.cli.output import report
from service.cli.people import people
from service.cli.plan import plan
from service.cli.policy_tests import policy_tests
from service.cli.run import run
from service.cli.schema import schema
from service.cli.simulate import simulate
from service.cli.stop import stop
from service.cli.validate import validate
from service.cli.version import version

# A command is a function; one with commands of its own is a Typer.
COMMANDS: dict[str, Callable[..., None] | typer.Typer] = {
    "run": run,
    "demo": demo,
    "emit": emit,
    "import": import_deals,
    "validate": validate,
    "test": policy_tests,
    "simulate": simulate,
    "explain": explain,
    "people": people,
    "plan": plan,
    "doctor": doctor,
    "dead-letters": dead_letters,
    "config": config,
    "schema": schema,
    "stop": stop,
    "version": version,
}

# Commands of the contract that are not written yet: what they will do, for whoever types one today.
LATER = {
    "init": "writes a configuration to begin with",
    "preview": "shows a template as its reader would see it",
    "replay": "decides a recorded history again",
    "export": "writes what is stored to files",
    "archive": "keeps the decision log in monthly files",
    "audit": "verifies the chain of the audit log",
}


# Whatever is typed behind a command of later: its answer is the same.
_ANYTHING = {"ignore_unknown_options": True, "allow_extra_args": True}


def make() -> typer.Typer:
    """The whole command line."""
    cli = typer.Typer(
        name="followthrough",
        help="Remembers what sales people promised, tells the right person, celebrates what was kept.",
        no_args_is_help=True,
        add_completion=True,
        rich_markup_mode="rich",
        # Rich's traceback prints local variables, and those hold secrets.
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, command in COMMANDS.items():
        if isinstance(command, typer.Typer):
            cli.add_typer(command, name=name)
        else:
            cli.command(name)(command)
    for name, what in LATER.items():
        cli.command(name, hidden=True, context_settings=_ANYTHING)(_later(name, what))
    return cli


def main() -> None:
    """Run one command and exit with its code."""
    try:
        make()()
    except Failure as failure:
        report(failure, as_json="--json" in sys.argv)
        sys.exit(failure.code)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)


def _later(name: str, what: str) -> Callable[[], None]:
    def later() -> None:
        raise Failure(Exit.WRONG, f"`followthrough {name}` comes with a later version; it {what}")

    return later
