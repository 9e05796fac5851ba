"""`followthrough emit`: tell the service what happened, from a file or in a few words."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.configuration import command, read_settings
from service.cli.event_file import is_file, lines_of, shape_hint
from service.cli.exits import Exit, Failure
from service.cli.options import AsJson, Config
from service.cli.output import GREEN, YELLOW, put, put_json, say

if TYPE_CHECKING:
    from service.cli.event_lines import Line, Mistake
    from service.cli.sending import Sent
    from service.settings.model import Settings

# A person mends the first mistakes and looks again.
MISTAKES_SHOWN_MAX = 50
EVENTS_SHOWN_MAX = 20


def emit(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE | - | TYPE KEY=VALUE…", help="JSON lines of CloudEvents, or one event in words."
        ),
    ],
    now: Annotated[
        bool, typer.Option("--now", help="Send events whose time lies ahead at once, too.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Send the good lines although others are bad.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Tell the service what happened.

    An event whose time lies ahead is sent when its time comes; `id source time specversion` are filled in.

    Instants may be relative: +20s, -5m, +4h, +1d, Sat 08:00.
    `time` counts from now, the other instants from that time.

    Example: followthrough emit examples/first-day.jsonl

    Example: followthrough emit deadline.set commitment_id=c1 title="Call back" owner=ana due_at=+20s
    """
    import asyncio

    began = datetime.now().astimezone()
    lines, mistakes, hint = _read(what, began)
    show_mistakes(mistakes)
    if mistakes and not (skip_bad and lines):
        raise Failure(
            Exit.FINDINGS if is_file(what) else Exit.WRONG,
            f"nothing was sent: {_count(len(mistakes), 'event')} cannot be used",
            hint or "mend what is named above" + (", or send the others with --skip-bad" if lines else ""),
            {"accepted": 0, "ids": [], "problems": [mistake.as_dict() for mistake in mistakes]},
        )
    settings = read_settings(config)
    warn_nobody(lines, settings)
    asyncio.run(_emit(lines, mistakes, settings, began, config, at_once=now, as_json=as_json))
    if mistakes:
        raise typer.Exit(Exit.FINDINGS)


async def _emit(
    lines: "list[Line]",
    mistakes: "list[Mistake]",
    settings: "Settings",
    began: datetime,
    config: Path | None,
    *,
    at_once: bool,
    as_json: bool,
) -> None:
    import asyncio

    from service.cli.sending import send

    due = [line for line in lines if at_once or line.event.time <= began]
    ahead = [line for line in lines if not at_once and line.event.time > began]
    ahead.sort(key=lambda line: line.event.time)
    sent = await send(due, settings)
    ids, is_running = list(sent.ids), sent.is_running
    _tell(due, sent, as_json=as_json)
    while ahead:
        wait_s = (ahead[0].event.time - datetime.now().astimezone()).total_seconds()
        if wait_s > 0:
            _tell_wait(wait_s, ahead)
        try:
            await asyncio.sleep(max(wait_s, 0))
        except asyncio.CancelledError:
            say(f"stopped: {_count(len(ahead), 'event')} not sent", YELLOW)
            raise
        # What falls due within the same tenth of a second goes together.
        until = datetime.now().astimezone() + timedelta(seconds=0.1)
        turn = [line for line in ahead if line.event.time <= until]
        ahead = ahead[len(turn) :]
        sent = await send(turn, settings)
        ids, is_running = ids + sent.ids, sent.is_running
        _tell(turn, sent, as_json=as_json)
    if as_json:
        via = "service" if is_running else "log"
        problems = [mistake.as_dict() for mistake in mistakes]
        put_json({"accepted": len(ids), "ids": ids, "via": via, "problems": problems})
    if lines:
        _tell_next(settings, config, is_running=is_running)


def _read(what: list[str], now: datetime) -> "tuple[list[Line], list[Mistake], str]":
    """The good events, the mistakes, and what is wrong with the whole file where that is plain."""
    from service.cli.event_lines import Mistake, fill, from_words, read_lines
    from service.core.errors import BadEvent

    if is_file(what):
        name, raws = "stdin" if what[0] == "-" else what[0], lines_of(what[0])
        lines, mistakes = read_lines(name, raws, now)
        if not lines and not mistakes:
            say(f"{name} holds no event", YELLOW)
        for event_type in dict.fromkeys(line.event.type for line in lines):
            _warn_unknown(event_type)
        return lines, mistakes, "" if lines or not mistakes else shape_hint(raws)
    try:
        line = fill(from_words(what[0], what[1:]), 1, now)
    except BadEvent as bad:
        return [], [Mistake(what[0], 0, bad)], ""
    _warn_unknown(what[0])
    return [line], [], ""


def _warn_unknown(event_type: str) -> None:
    from service.core.events import EVENTS, INTERNAL
    from service.core.nearest import nearest

    if event_type not in EVENTS:
        near = nearest(event_type, set(EVENTS) - INTERNAL)
        say(f"warning: no rule reads the type `{event_type}` yet{near}", YELLOW)


def warn_nobody(lines: "list[Line]", settings: "Settings") -> None:
    """Owners, and people asked for check-ins, who are nobody we know: nobody can be reminded. Whoever these events say
    has joined is somebody, and a goal may be a team's."""
    from service.core.nearest import nearest

    if not _strangers(lines, settings):
        return
    settings = _in_force(settings)
    for who in _strangers(lines, settings):
        say(f"warning: `{who}` is not in directory.yaml{nearest(who, settings.graph.people)}", YELLOW)


def _strangers(lines: "list[Line]", settings: "Settings") -> list[str]:
    graph, book = settings.graph, settings.book
    joined = {getattr(line.event.data, "person", "") for line in lines if line.event.type == "person.joined"}
    found: dict[str, None] = {}
    for line in lines:
        known = {*graph.teams, *joined} if line.event.type == "goal.set" else joined
        for who in (getattr(line.event.data, name, None) for name in ("owner", "person")):
            if not isinstance(who, str) or who in graph.people or who in known:
                continue
            if "@" not in who or book.id_of_email(who) is None:
                found[who] = None
    return list(found)


def _in_force(files: "Settings") -> "Settings":
    """With what events have said of people; the files alone where the store cannot be asked."""
    import asyncio

    from service.cli.connection import has_store, open_store
    from service.people import as_in_force

    async def read() -> "Settings":
        async with open_store(files) as store:
            return await as_in_force(files, store)

    try:
        return asyncio.run(read()) if has_store(files) else files
    except Failure:
        return files


def show_mistakes(mistakes: "list[Mistake]") -> None:
    for mistake in mistakes[:MISTAKES_SHOWN_MAX]:
        say(mistake.render())
    if len(mistakes) > MISTAKES_SHOWN_MAX:
        say(f"… and {len(mistakes) - MISTAKES_SHOWN_MAX} more")


def _tell(lines: "list[Line]", sent: "Sent", *, as_json: bool) -> None:
    if not lines:
        return
    if len(lines) <= EVENTS_SHOWN_MAX and not as_json:
        for line in lines:
            put(f"{_clock(line.event.time)}  {line.event.type:<22} {line.event.subject}")
    where = "accepted" if sent.is_running else "stored in the log"
    say(f"{_count(len(lines), 'event')} {where}", GREEN)


def _tell_wait(wait_s: float, ahead: "list[Line]") -> None:
    first = ahead[0].event
    say(
        f"{_count(len(ahead), 'event')} ahead; next {first.type} at {_clock(first.time)}, in {_span(wait_s)}"
        " (Ctrl-C stops, --now sends at once)"
    )


def _tell_next(settings: "Settings", config: Path | None, *, is_running: bool) -> None:
    if is_running:
        say(f"see {settings.service.web.public_url}/caught")
        return
    say("the service is not running; the events wait in the log and are decided when it starts", YELLOW)
    say(f"start it: {command('run', config)}")


def _clock(at: datetime) -> str:
    local = at.astimezone()
    today = datetime.now().astimezone().date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1, round(seconds))} s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
