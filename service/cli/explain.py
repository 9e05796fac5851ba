"""`followthrough explain`: one commitment's story from the record: what came in, who was told and why, or why not."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from service.cli.configuration import command, read_settings
from service.cli.exits import Exit, Failure
from service.cli.options import AsJson, Config
from service.cli.output import DIM, GREEN, put, put_json

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from service.core.effects import LogEntry
    from service.core.model import Commitment
    from service.store.contract import Shard, Store

_KEY = re.compile(r"[0-9a-f]{32}")
_PAGE = 1_000
# The due index is asked from its start; who has more open commitments in one shard sees no next time here.
_TIMERS_MAX = 100_000
_FAR_MS = 2**52


class Decided(NamedTuple):
    """One decision about the subject, and what became of each word it asked for: the inbox, then the channel."""

    entry: "LogEntry"
    after: "list[LogEntry]"


class Story(NamedTuple):
    subject: str
    state: "Commitment | None"
    next_at: "datetime | None"
    decided: list[Decided]


def explain(
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="SUBJECT", help="deadline/c1, deal/42, a bare id of a deadline, or the key of a message."
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option("--person", metavar="ID", help="Only what concerns this person: why, or why not."),
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

    settings = read_settings(config)
    if subject is None or policy is not None or svg is not None:
        from service.cli.policy_words import say_policies

        if subject is not None or person is not None:
            raise Failure(Exit.WRONG, "a policy is explained alone", "leave SUBJECT and --person out")
        say_policies(settings, policy, svg, as_json=as_json)
        return
    if person is not None and person not in settings.graph.people:
        from service.core.nearest import nearest

        raise Failure(Exit.WRONG, f"there is no person {person!a}{nearest(person, settings.graph.people)}")
    story = asyncio.run(_look(settings, subject))
    if story is None:
        raise Failure(
            Exit.WRONG,
            f"nothing is on record about {subject}",
            f"`{command('dead-letters list', config)}` shows what could not be used",
        )
    if person is not None:
        story = _about(story, person)
    if as_json:
        put_json(_as_dict(story))
    else:
        _show(story, settings.graph.zone_of(person or (story.state.owner if story.state else "")), person)


async def _look(settings: Any, asked: str) -> Story | None:
    from service.cli.connection import open_store
    from service.core.events import TOPIC_OF_FAMILY
    from service.core.ids import partition_of, split_subject
    from service.core.model import Commitment, decode_state
    from service.store.contract import Shard

    partitions = settings.service.partitions
    async with open_store(settings) as store:
        inboxes = [
            entry for number in range(partitions) for entry in await _log(store, Shard("inbox", number))
        ]
        subject = asked if "/" in asked else f"deadline/{asked}"
        if _KEY.fullmatch(asked):
            subject = _subject_of(asked, inboxes) or subject
        family, bare = split_subject(subject)
        if family not in TOPIC_OF_FAMILY:
            known = ", ".join(sorted(TOPIC_OF_FAMILY))
            raise Failure(Exit.WRONG, f"there is no family {family!a}", f"known: {known}")
        shard = Shard(TOPIC_OF_FAMILY[family], partition_of(bare, partitions))
        own = [entry for entry in await _log(store, shard) if entry.subject == subject]
        [raw] = await store.load(shard, [subject])
        state = decode_state(raw) if raw else None
        if not own and state is None:
            return None
        next_at = await _next_at(store, shard, subject)
    decided = [Decided(entry, _what_became(entry, inboxes)) for entry in own]
    return Story(subject, state if isinstance(state, Commitment) else None, next_at, decided)


async def _log(store: "Store", shard: "Shard") -> "list[LogEntry]":
    from service.core.effects import decode_log

    found: list[LogEntry] = []
    after = "0"
    while page := await store.log(shard, after, _PAGE):
        found += [decode_log(logged.value) for logged in page]
        after = page[-1].id
    return found


async def _next_at(store: "Store", shard: "Shard", subject: str) -> "datetime | None":
    from datetime import UTC, datetime

    due = await store.due(shard, _FAR_MS, _TIMERS_MAX)
    return next((datetime.fromtimestamp(at_ms / 1000, UTC) for found, at_ms in due if found == subject), None)


def _subject_of(key: str, inboxes: "list[LogEntry]") -> str:
    """What a message was about, by its own key or by that of the request for it."""
    keys = {key}
    for one in inboxes:
        if one.input == "notification.requested" and one.input_id.endswith(key):
            keys |= {made for what, made, _ in one.effects if what == "deliver"}
    return next((one.subject for one in inboxes if one.input == "delivery" and one.input_id in keys), "")


def _what_became(entry: "LogEntry", inboxes: "list[LogEntry]") -> "list[LogEntry]":
    """The inboxes' decisions on what `entry` asked for, each with the attempts to deliver it."""
    asked = {key for what, key, _ in entry.effects if what == "notify"}
    found = []
    for one in inboxes:
        if one.input == "notification.requested" and one.input_id.rpartition(" ")[2] in asked:
            owed = {key for what, key, _ in one.effects if what == "deliver"}
            found += [one, *(sent for sent in inboxes if sent.input == "delivery" and sent.input_id in owed)]
    return found


def _about(story: Story, person: str) -> Story:
    """Only the decisions that told this person anything, or that name them; all of them when there is none."""
    named = re.compile(rf"\b{re.escape(person)}\b")
    found = [
        one
        for one in story.decided
        if any(to == person for _, _, to in one.entry.effects)
        or any(named.search(reason.text) for reason in one.entry.reasons)
    ]
    return story._replace(decided=found or story.decided)


def _show(story: Story, zone: "ZoneInfo", person: str | None) -> None:
    state = story.state
    if state is None:
        put(f"{story.subject}: closed long enough to be forgotten; the record says:")
    else:
        whose = f", {state.owner} owns it" if state.owner else ""
        put(f"{story.subject}: {state.title or 'not announced yet'} ({state.status}{whose})")
        for name, moment in state.moments.items():
            if moment.at:
                put(f"  {name.replace('_', ' ')}: {_when(moment.at, zone)}")
    told = {to for one in story.decided for what, _, to in one.entry.effects if what == "notify"}
    if person is not None and person not in told:
        put(f"{person} was told nothing. What was decided instead:")
    for entry, after in story.decided:
        came = "time" if entry.input == "timer" else entry.input
        put(f"{_when(entry.at, zone)}  {came}", DIM)
        for reason in entry.reasons:
            put(f"    {reason.text}  [{reason.code}]")
        for one in after:
            who = one.subject.removeprefix("inbox/") if one.input != "delivery" else "delivery"
            for reason in one.reasons:
                put(f"      {_when(one.at, zone)}  {who}: {reason.text}  [{reason.code}]", GREEN)
    if story.next_at is not None:
        put(f"next: {_when(story.next_at, zone)}")


def _when(at: "datetime", zone: "ZoneInfo") -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M:%S}"


def _as_dict(story: Story) -> dict[str, object]:
    return {
        "subject": story.subject,
        "status": story.state.status if story.state else None,
        "owner": story.state.owner if story.state else None,
        "next_timer_at": story.next_at.isoformat() if story.next_at else None,
        "decisions": [
            {**_entry(entry), "afterwards": [_entry(one) for one in after]} for entry, after in story.decided
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
