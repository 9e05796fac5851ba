"""The slash commands `/commit`, `/done` and `/snooze`: each becomes one of our events, and answers with what it did.

A person commits themselves, and answers for what they own; nothing else can be said in a command.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from service.broker import Publication
from service.core.envelope import admit
from service.core.errors import BadEvent
from service.core.ids import effect_key
from service.core.view import iso
from service.messages.links import LinkPayload
from service.web import answering, slack_find, slack_standing, slack_when
from service.web.answer_choices import Choice, NotAnAnswer, choose, snooze
from service.web.deps import WebDeps
from service.web.rendering import local_time
from service.web.slack_find import Found
from service.web.slack_odd import is_two_lengths
from service.web.slack_payload import Command
from service.web.slack_when import NotATime
from service.web.slack_who import UNKNOWN, person_of

if TYPE_CHECKING:
    from service.channels.slack import SlackChannel
    from service.web.answer_pages import Visit

SOURCE = "/slack"
# The limit of a title in events (core/events.py, `Line`).
TITLE_CHARS_MAX = 300
_BY = re.compile(r"(?P<title>.*) by (?P<when>.*)", re.IGNORECASE)  # the last one: titles hold it too

_COMMIT_HELP = (
    "Write /commit, what you promise, “by”, and the date: “/commit Send the offer to Acme by {day}”."
)
_NOTHING_OPEN = "Nothing of yours is open. You commit yourself with “/commit Send the offer by Friday”."


class Said(Exception):
    """The command ends with this answer."""


async def answer(command: Command, channel: "SlackChannel", deps: WebDeps) -> str:
    """Do what the command says. Returns the answer for whoever typed it."""
    act = _COMMANDS.get(command.name)
    if act is None:
        return f"{command.name} is no command of Followthrough; there are {', '.join(_COMMANDS)}."
    person = await person_of(command, channel, deps)
    if person is None:
        return UNKNOWN.format(member=command.member)
    try:
        return await act(command, person, deps)
    except (Said, NotATime, NotAnAnswer) as said:
        return str(said)
    except BadEvent as bad:
        return f"That cannot be recorded: {bad.detail}."


async def _commit(command: Command, person: str, deps: WebDeps) -> str:
    now, zone = await deps.clock.now(), deps.settings().graph.zone_of(person)
    parts = _BY.fullmatch(command.text)
    title, when = (parts["title"].strip(' "“”'), parts["when"]) if parts else ("", "")
    if not title or not when.strip():
        day = f"{(now.astimezone(zone) + timedelta(days=7)):%A}"
        lacks = "a date" if command.text.strip() and not parts else "a title and a date"
        raise Said(f"That lacks {lacks}. {_COMMIT_HELP.format(day=day)}")
    if len(title) > TITLE_CHARS_MAX:
        raise Said(f"Please use at most {TITLE_CHARS_MAX} characters for what you promise.")
    found = slack_when.moment(when, now, zone)
    if deps.is_full():
        raise Said(
            "Nothing new can be taken in at the moment: the store is full. Please tell your administrator."
        )
    date = {"due_at": iso(found)} if isinstance(found, datetime) else {"due_on": found.isoformat()}
    bare = f"slack-{effect_key('slack', command.id)[:12]}"
    data: dict[str, object] = {"commitment_id": bare, "title": title, "owner": person, **date}
    event, raw = admit(_attributes(command, "deadline.set", bare, data, now), now)
    await deps.broker.publish([Publication(event.topic, event.subject, raw)])
    deps.metrics.events_accepted.labels(event.topic).inc()
    day = local_time(found, zone) if isinstance(found, datetime) else f"{found:%a} {found.day} {found:%b %Y}"
    return f"You committed to “{title}” by {day}. When it is done, say “/done {bare}”, or press Done."


async def _done(command: Command, person: str, deps: WebDeps) -> str:
    if not command.text:
        raise Said(_ask("Say what is done", await slack_find.open_of(person, deps), person, deps))
    found = await _meant(command.text, person, deps)
    visit = await _visit(found, person, "done", deps)
    return await _give(visit, choose({"do": "done"}, visit.asker, visit.now), command, deps)


async def _snooze(command: Command, person: str, deps: WebDeps) -> str:
    now, zone = await deps.clock.now(), deps.settings().graph.zone_of(person)
    what, how_long = _split(command.text)
    if not what or not how_long:
        how = _unclear(command.text)
        how += "Write /snooze, which one, and how long: “/snooze offer to Acme 2 hours” or “… until tomorrow”"
        raise Said(_ask(how, await slack_find.open_of(person, deps), person, deps))
    whole = " ".join([*what.split(" ")[-1:], how_long])
    if is_two_lengths(whole.casefold()):
        how = "Write it as in “/snooze offer to Acme 2 hours” or “… until tomorrow”."
        raise Said(f"{slack_when.unclear(whole)} {how}")
    until = slack_when.later(how_long, now, zone)
    visit = await _visit(await _meant(what, person, deps), person, "snooze", deps)
    return await _give(visit, snooze(str(iso(until)), until, visit.asker), command, deps)


_COMMANDS: dict[str, Callable[[Command, str, WebDeps], Awaitable[str]]] = {
    "/commit": _commit,
    "/done": _done,
    "/snooze": _snooze,
}


def _split(text: str) -> tuple[str, str]:
    """What, and how long: the longest end of the text that says a time."""
    words = text.split(" ")
    for at in range(max(1, len(words) - 4), len(words)):
        if slack_when.is_later(" ".join(words[at:])):
            return " ".join(words[:at]), " ".join(words[at:])
    return text, ""


def _unclear(text: str) -> str:
    """What was taken for a time and is none, of the end of the text; then a blank."""
    words = text.split(" ")
    for at in range(max(1, len(words) - 4), len(words)):
        if said := slack_when.unclear(" ".join(words[at:])):
            return f"{said} "
    return ""


async def _meant(what: str, person: str, deps: WebDeps) -> Found:
    known = await slack_find.open_of(person, deps)
    found = slack_find.meant(what, known)
    if isinstance(found, Found):
        return found
    raise Said(_ask(f"“{what[:60]}” does not name one of your open commitments", found, person, deps))


def _ask(said: str, found: list[Found], person: str, deps: WebDeps) -> str:
    if not found:
        return _NOTHING_OPEN
    zone = deps.settings().graph.zone_of(person)
    lines = [
        f"• {one.title} ({'due ' + local_time(one.due_at, zone) if one.due_at else 'no date'}): {one.name}"
        for one in found[: slack_find.SHOWN_MAX]
    ]
    return "\n".join([f"{said}. Your nearest ones, and the id that names each for certain:", *lines])


async def _visit(found: Found, person: str, action: str, deps: WebDeps) -> "Visit":
    """As if their message of today were answered."""
    now = await deps.clock.now()
    link = LinkPayload(
        "", person, found.subject, found.changed, (action,), now, now + timedelta(minutes=1), found.moment
    )
    visit = await answering.visit_of("", link, deps, "slack")
    if visit is None:
        raise Said("It is not there any more.")
    return visit


async def _give(visit: "Visit", choice: Choice, command: Command, deps: WebDeps) -> str:
    answer_id = effect_key("slack", command.id)
    await answering.publish(visit, choice, answer_id, deps)
    after = await answering.applied(visit, answer_id, deps)
    if after is None:
        return f"{visit.words.title()}: received; it takes effect when the queue is read."
    outcome = after.words.outcome(choice, await answering.decided(visit, answer_id, deps))
    told = " ".join([f"{outcome.headline}.".replace("..", "."), *outcome.sentences])
    if not outcome.is_refused:
        slack_standing.show_soon(after, told, deps)
    return f"{visit.words.title()}: {told}"


def _attributes(
    command: Command, type_: str, bare: str, data: dict[str, object], now: datetime
) -> dict[str, object]:
    """The structured CloudEvent; a command that is sent again has the same id."""
    return {
        "specversion": "1.0",
        "id": effect_key("slack", command.id),
        "source": SOURCE,
        "type": type_,
        "subject": bare,
        "time": iso(now),
        "data": data,
    }
