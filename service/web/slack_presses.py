"""A button pressed in Slack: the same answer as on the page behind its link, given at once.

A press may do what its message's link allows, and only by whoever the message was for. What became of it stands in
the message; what could not be done is told to whoever pressed, and to nobody else.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

from service.core.errors import BadEvent
from service.messages.links import BadLink, LinkPayload
from service.store.contract import StoreDown
from service.web import answering, slack_standing
from service.web.answer_choices import NotAnAnswer, choose, event_id
from service.web.deps import WebDeps
from service.web.slack_payload import Press
from service.web.slack_who import UNKNOWN, person_of

if TYPE_CHECKING:
    from service.channels.slack import SlackChannel
    from service.web.answer_choices import Choice
    from service.web.answer_pages import Visit

_OLD = "This message does not work any more. Please use the newest one about it."
_LATER = "Your answer is received; it takes effect when the queue is read."


async def press(pressed: Press, channel: "SlackChannel", deps: WebDeps) -> str:
    """Give the answer and show what became of it. Returns what the presser is told, empty when the message says it."""
    person = await person_of(pressed, channel, deps)
    if person is None:
        return UNKNOWN.format(member=pressed.member)
    link = _link(pressed.token, deps)
    if link is None:
        return _OLD
    if link.person != person:
        name = deps.settings().book.name(link.person)
        return f"These buttons are for {name}, to whom this message was sent. Nothing was changed."
    visit = await answering.visit_of(pressed.token, link, deps, "slack")
    if visit is None:
        return _OLD
    try:
        choice = choose({"do": pressed.action, "until": pressed.value}, visit.asker, visit.now)
        answering.check_offered(visit, choice)
        # The cycle as it is now: a press that is sent again, or a second click, is the same answer.
        answer_id = event_id(visit.token, choice, str(visit.asker.shown))
        await answering.publish(visit, choice, answer_id, deps)
    except NotAnAnswer as problem:
        return str(problem)
    except BadEvent:
        return "That could not be recorded; please use the page behind the message."
    return await _shown(visit, choice, answer_id, pressed, channel, deps)


async def _shown(
    visit: "Visit",
    choice: "Choice",
    answer_id: str,
    pressed: Press,
    channel: "SlackChannel",
    deps: WebDeps,
) -> str:
    after = await answering.applied(visit, answer_id, deps)
    if after is None:
        return _LATER
    outcome = after.words.outcome(choice, await answering.decided(visit, answer_id, deps))
    told = " ".join([f"{outcome.headline}.".replace("..", "."), *outcome.sentences])
    note = "" if outcome.is_refused else told
    with suppress(StoreDown):  # The answer counts, whatever the messages show.
        await slack_standing.show_pressed(channel, pressed.pressed, note, deps)
        await slack_standing.show(after, note, deps, pressed.pressed)
    return told if outcome.is_refused else ""


def _link(token: str, deps: WebDeps) -> LinkPayload | None:
    try:
        return deps.links().read(token)
    except BadLink:
        return None
