"""`followthrough explain`: why this message, why not this person, what has happened to this. Answers: `explaining/`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.configuration import command, read_settings
from service.cli.exits import Exit, Failure
from service.cli.options import AsJson, Config
from service.cli.output import DIM, GREEN, put, put_json

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from service.core.effects import LogEntry
    from service.explaining.ask import Asking
    from service.explaining.notification import Explained
    from service.explaining.record import Decided, Record
    from service.explaining.silence import Untold
    from service.explaining.versions import Versions

_KEY = re.compile(r"[0-9a-f]{32}")


def explain(
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="SUBJECT", help="deadline/c1, deal/42, a bare id of a deadline, or the key of a message."
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option("--person", metavar="ID", help="Why this person was told, or why not."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="By then, as in 2026-05-01T17:00Z or -2h. [dim](default: now)[/dim]"
        ),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option("--policy", metavar="NAME", help="What this policy does, in plain words."),
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="With --policy: its ladder as a picture.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say why somebody was told, or why nobody was.

    Read from the record of decisions, which is kept for thirty days. Without a SUBJECT: what the policies do.

    Example: followthrough explain deadline/tour-1 --person dana
    """
    import asyncio

    from service.explaining.ask import NotFound

    settings = read_settings(config)
    if subject is None or policy is not None or svg is not None:
        from service.cli.policy_words import say_policies

        if subject is not None or person is not None or at is not None:
            raise Failure(Exit.WRONG, "a policy is explained alone", "leave SUBJECT, --person and --at out")
        say_policies(settings, policy, svg, as_json=as_json)
        return
    try:
        if _KEY.fullmatch(subject) and person is None:
            explained = asyncio.run(_ask(settings, lambda asking: asking.about_notification(subject)))
            put_json(explained.as_dict()) if as_json else _show_message(explained)
            return
        told = _Told(person, at, subject)
        found = asyncio.run(_ask(settings, told.look))
    except NotFound as error:
        action = error.hint or f"`{command('dead-letters list', config)}` shows what could not be used"
        raise Failure(Exit.WRONG, str(error), action) from error
    record, untold, versions = found
    zone = settings.graph.zone_of(person or _owner(record))
    if as_json:
        put_json(_as_dict(record, untold, person))
        return
    _show_head(record, zone, versions)
    if untold is not None:
        _show_untold(untold)
    _show_story(_about(record, person), zone, record)


async def _ask(settings: Any, question: Any) -> Any:
    from service.cli.connection import open_store
    from service.explaining.ask import Asking
    from service.people import as_in_force

    async with open_store(settings) as store:
        said = await as_in_force(settings, store)
        return await question(Asking(store, settings.service.partitions, said))


class _Told:
    """The story of a subject, and what of it concerns a person."""

    def __init__(self, person: str | None, at: str | None, subject: str) -> None:
        self._person, self._at, self._subject = person, at, subject

    async def look(self, asking: "Asking") -> "tuple[Record, Untold | None, Versions]":
        from datetime import UTC, datetime

        from service.explaining.silence import why_untold

        if self._person is not None:
            asking.check_person(self._person)
        by = _instant(self._at, datetime.now(UTC)) if self._at else datetime.now(UTC)
        record, versions = await asking.about_subject(self._subject)
        untold = why_untold(record, self._person, by, versions) if self._person else None
        return record, untold, versions


def _instant(text: str, now: "datetime") -> "datetime":
    from datetime import UTC, datetime

    from service.cli.relative import resolve
    from service.core.errors import BadEvent
    from service.core.instants import read_instant

    try:
        found = resolve(text, now, "--at")
        return (found if isinstance(found, datetime) else read_instant(found, "--at", now)).astimezone(UTC)
    except BadEvent as error:
        raise Failure(
            Exit.WRONG, f"--at: {error.detail}", "write it as in 2026-05-01T17:00Z or -2h"
        ) from error


def _owner(record: "Record") -> str:
    """By whose clock it is told; "" where nobody knows any more."""
    if record.subject.startswith("inbox/"):
        return record.subject.removeprefix("inbox/")
    return record.commitment.owner if record.commitment else ""


def _about(record: "Record", person: str | None) -> "list[Decided]":
    """The decisions that told this person anything, that name them, or that are about what they own; all of them when
    there is none."""
    if person is None or person == _owner(record):
        return record.decided
    named = re.compile(rf"(?<![\w-]){re.escape(person)}(?![\w-])")
    found = [
        one
        for one in record.decided
        if any(to == person for entry in (one.entry, *one.afterwards) for _, _, to in entry.effects)
        or any(named.search(reason.text) for reason in one.entry.reasons)
    ]
    return found or record.decided


def _show_message(explained: "Explained") -> None:
    put(f"{explained.subject}: {explained.title or 'closed long enough to be forgotten'}")
    said = (
        f"{' and '.join(explained.told)} was told"
        if explained.told
        else f"{explained.to} was not told so far"
    )
    put(f"{said}, notification {explained.key}")
    for sentence in explained.sentences:
        put(f"  {sentence.about + ':':11} {sentence.text}")


def _show_head(record: "Record", zone: "ZoneInfo", versions: "Versions") -> None:
    from service.core.people import SUBJECT as PEOPLE

    state = record.commitment
    if record.subject.startswith("inbox/"):
        _show_inbox(record, versions)
        return
    if record.subject == PEOPLE:
        put(f"{record.subject}: what events have said of people; the record says:")
        return
    if state is None:
        put(f"{record.subject}: closed long enough to be forgotten; the record says:")
        return
    whose = f", {state.owner} owns it" if state.owner else ""
    put(f"{record.subject}: {state.title or 'not announced yet'} ({state.status}{whose})")
    for name, moment in state.moments.items():
        if moment.at:
            put(f"  {name.replace('_', ' ')}: {_when(moment.at, zone)}")


def _show_inbox(record: "Record", versions: "Versions") -> None:
    from service.core.model import Inbox
    from service.explaining.inbox import in_words, next_of_inbox

    person, inbox = _owner(record), record.state if isinstance(record.state, Inbox) else None
    put(f"{record.subject}: what {person} is told, and when")
    for said in (*in_words(inbox, person, versions), next_of_inbox(inbox, person, versions)):
        put(f"  {said}")


def _show_untold(untold: "Untold") -> None:
    put(f"{untold.person} was told{'' if untold.was_told else ' nothing'}, because:")
    for one in untold.reasons:
        put(f"  - {one.text}  [{one.code}]")
    put("What was decided:")


def _show_story(decided: "list[Decided]", zone: "ZoneInfo", record: "Record") -> None:
    for one in decided:
        entry = one.entry
        put(f"{_when(entry.at, zone)}  {'time' if entry.input == 'timer' else entry.input}", DIM)
        for reason in entry.reasons:
            put(f"    {reason.text}  [{reason.code}]")
        for after in one.afterwards:
            who = after.subject.removeprefix("inbox/") if after.input != "delivery" else "delivery"
            for reason in after.reasons:
                put(f"      {_when(after.at, zone)}  {who}: {reason.text}  [{reason.code}]", GREEN)
    if record.next_at is not None:
        put(f"next: {_when(record.next_at, zone)}")


def _when(at: "datetime", zone: "ZoneInfo") -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M:%S}"


def _as_dict(record: "Record", untold: "Untold | None", person: str | None) -> dict[str, object]:
    state = record.commitment
    return {
        "subject": record.subject,
        "status": state.status if state else None,
        "owner": state.owner if state else None,
        "next_timer_at": record.next_at.isoformat() if record.next_at else None,
        **({"why": untold.as_dict()} if untold else {}),
        "decisions": [
            {**_entry(one.entry), "afterwards": [_entry(after) for after in one.afterwards]}
            for one in _about(record, person)
        ],
    }


def _entry(entry: "LogEntry") -> dict[str, object]:
    return {
        "at": entry.at.isoformat(),
        "subject": entry.subject,
        "input": entry.input,
        "input_id": entry.input_id,
        "before": entry.before,
        "after": entry.after,
        "effects": [{"what": what, "key": key, "to": to} for what, key, to in entry.effects],
        "reasons": [{"code": str(reason.code), "text": reason.text} for reason in entry.reasons],
    }
