"""One answer on its way, by whichever door it came: what its link allows, its event, and what became of it.

An answer is an event: it is published like any other, then the subject is read until it has applied it. Nothing here
decides. The doors: `answers.py` (a page), `slack_presses.py` and `slack_commands.py` (Slack).
"""

import asyncio

from service.broker import Publication
from service.core.effects import LogEntry, decode_log
from service.core.envelope import admit
from service.core.events import TOPIC_OF_FAMILY
from service.core.ids import event_mark, split_subject
from service.core.model import Commitment, decode_state
from service.core.reasons import Code
from service.messages.links import LinkPayload
from service.store.contract import Shard
from service.web.answer_choices import SOURCE, Asker, Choice, NotAnAnswer, attributes
from service.web.answer_pages import Visit
from service.web.answer_words import Words, moment_of
from service.web.deps import WebDeps

# How long a person waits for the new state before they are told that it will come (design, section 10).
APPLIED_WITHIN_S = 3.0
_POLL_S = 0.02

# The newest decisions of a shard in which the one about an answer is looked for.
_LOG_DEPTH = 200


async def visit_of(token: str, link: LinkPayload, deps: WebDeps, via: str = "link") -> Visit | None:
    """What the link is about, as it stands now; None when the link is too old, or nothing is known any more."""
    now = await deps.clock.now()
    shard = shard_of(link.subject, deps)
    state = await load(shard, link.subject, deps)
    if link.expires_at <= now or state is None:
        return None
    graph = deps.settings().graph
    shown = moment_of(state, link.moment).cycle if state.owner == link.person else link.as_of
    zones = graph.zone_of(link.person), graph.zone_of(state.owner)
    period = state.checkin.period if state.checkin else ""
    asker = Asker(link.person, link.subject, link.as_of, *zones, shown, link.moment, period, via)
    words = Words(state, link.person, asker.zone, now, deps.settings().book.name, link.moment)
    return Visit(token, asker, link.actions, shard, state, words, now)


def shard_of(subject: str, deps: WebDeps) -> Shard:
    family, _ = split_subject(subject)
    return Shard(TOPIC_OF_FAMILY.get(family, "deadlines"), deps.broker.partition(subject))


async def load(shard: Shard, subject: str, deps: WebDeps) -> Commitment | None:
    """The state of a subject of which more than hearsay is known."""
    [raw] = await deps.store.load(shard, [subject])
    state = decode_state(raw) if raw else None
    return state if isinstance(state, Commitment) and state.status != "stub" else None


def check_offered(visit: Visit, choice: Choice) -> None:
    """The link must offer the answer; whether it is still in time is decided where every event is decided."""
    if choice.action not in visit.offered and not (choice.action == "undo" and visit.may_undo):
        raise NotAnAnswer("Your message does not offer that answer. Please choose one of those on this page.")


async def publish(visit: Visit, choice: Choice, answer_id: str, deps: WebDeps) -> None:
    """Publish the answer through the same door as any event, unless it has been applied already; raises BadEvent
    before anything is written."""
    if has_applied(visit.state, answer_id):
        return
    event, raw = admit(attributes(choice, visit.asker, answer_id, visit.now), visit.now)
    await deps.broker.publish([Publication(event.topic, event.subject, raw)])
    deps.metrics.answers.labels(choice.action, visit.asker.via).inc()


def has_applied(state: Commitment, answer_id: str) -> bool:
    mark = event_mark(SOURCE, answer_id)
    return any(state.seen[at : at + len(mark)] == mark for at in range(0, len(state.seen), len(mark)))


async def applied(visit: Visit, answer_id: str, deps: WebDeps) -> Visit | None:
    """The visit with the subject's state once it has applied the answer; None when that takes too long."""
    ends_at = asyncio.get_running_loop().time() + APPLIED_WITHIN_S
    while True:
        state = await load(visit.shard, visit.asker.subject, deps)
        if state is not None and has_applied(state, answer_id):
            return visit.with_state(state, deps.settings().book.name)
        if asyncio.get_running_loop().time() >= ends_at:
            return None
        await asyncio.sleep(_POLL_S)


async def decided(visit: Visit, answer_id: str, deps: WebDeps) -> LogEntry | None:
    """The decision that applied the answer; what a repeat of it met ("duplicate") says nothing."""
    for logged in await deps.store.recent_log(visit.shard, _LOG_DEPTH):
        entry = decode_log(logged.value)
        is_it = entry.subject == visit.asker.subject and entry.input_id == f"{SOURCE} {answer_id}"
        if is_it and not any(reason.code == Code.DUPLICATE for reason in entry.reasons):
            return entry
    return None
