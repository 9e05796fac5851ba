"""Our messages in Slack are kept true: after an answer, by whatever door, the first message of every reader's thread
shows how things stand. What is not remembered any more, or cannot be reached, stays as it is.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from service.channels.slack_places import Place, life
from service.channels.slack_standing import Standing, payload
from service.core.message import Action
from service.messages.links import BadLink
from service.web import answering
from service.web.answer_choices import LABELS
from service.web.answer_pages import Visit
from service.web.background import soon
from service.web.deps import WebDeps

if TYPE_CHECKING:
    from service.channels.slack import SlackChannel  # The HTTP client: only who uses Slack pays for it.


def slack_channels(deps: WebDeps) -> Iterator[tuple[str, "SlackChannel"]]:
    """Those of channels.yaml that really send."""
    for name, channel in deps.channels.items():
        if channel.kind == "slack":
            yield name, cast("SlackChannel", channel)


def show_soon(visit: Visit, note: str, deps: WebDeps) -> None:
    """After an answer: every reader's thread, in the background."""
    if any(True for _ in slack_channels(deps)):
        soon("slack: standing", show(visit, note, deps))


async def show(visit: Visit, note: str, deps: WebDeps, pressed: Place | None = None) -> None:
    """The first message of every reader's thread, but the one with the button that was pressed.

    `note` is said to whoever answered, in their words and zone: the others read how things stand.
    """
    state = visit.state
    subject = life(visit.asker.subject, state.checkin.period if state.checkin else "")
    readers = dict.fromkeys([visit.asker.person, state.owner, *(told.to for told in state.told)])
    for _, channel in slack_channels(deps):
        for reader in readers:
            place = await channel.places.of(reader, subject)
            if place is not None and (pressed is None or place.ts != pressed.ts):
                await _update(channel, place, note if reader == visit.asker.person else "", deps)


async def show_pressed(channel: "SlackChannel", pressed: Place, note: str, deps: WebDeps) -> None:
    """The message with the button that was pressed."""
    await _update(channel, pressed, note, deps)


async def _update(channel: "SlackChannel", place: Place, note: str, deps: WebDeps) -> None:
    try:
        link = deps.links().read(place.token)
    except BadLink:
        return  # It had no button, or the keys were changed.
    visit = await answering.visit_of(place.token, link, deps, "slack")
    if visit is not None:
        await channel.update(place, payload(standing_of(visit, note, deps), is_heard=channel.is_heard))


def standing_of(visit: Visit, note: str, deps: WebDeps) -> Standing:
    """What the page behind the link says, in short."""
    words, links = visit.words, deps.links()
    at = words.moment.at
    named = [name for name in visit.offered if name in visit.actions] or ["open"]
    labels = {**LABELS, "open": "See where it stands"}
    actions = tuple(Action(labels[name], links.url(visit.token, name), name) for name in named)
    due = (words.label(), words.at(at), at) if at is not None else None
    return Standing(words.title(), tuple(words.standing()), due, actions, note)
