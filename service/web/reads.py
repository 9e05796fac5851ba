"""Questions about one commitment, answered from the store. Lists and history are the read model's, when it is there.

The store knows subjects by key only; a list of open commitments from here would leave out those whose ladder has
ended, so there is none.
"""

from datetime import UTC, datetime

import msgspec
from fastapi import APIRouter, Response

from service.core.effects import decode_log
from service.core.events import TOPIC_OF_FAMILY
from service.core.ids import subject_key
from service.core.model import Commitment, Moment, decode_state
from service.core.view import facts, iso
from service.store.contract import Shard
from service.web.deps import Deps, WebDeps
from service.web.problems import problem

router = APIRouter(tags=["reads"])

# Decisions of a shard looked through for those about one subject; older ones are the read model's.
LOG_DEPTH = 500
# The due index is asked from its start, 3 µs a timer; who has more open commitments reads the read model.
TIMERS_DEPTH = 5000
_FAR_MS = 2**52  # later than any timer, and exact as the index's number


@router.get("/v1/commitments/{family}/{subject_id:path}")
async def commitment(family: str, subject_id: str, deps: Deps) -> Response:
    """What is known of one commitment, when it is looked at next, and what was decided about it lately and why."""
    subject = subject_key(family, subject_id)
    topic = TOPIC_OF_FAMILY.get(family)
    if topic is None:
        known = ", ".join(sorted(TOPIC_OF_FAMILY))
        return problem(404, "not_found", f"there is no family {family!r}; there are {known}")
    shard = Shard(topic, deps.broker.partition(subject))
    [raw] = await deps.store.load(shard, [subject])
    state = decode_state(raw) if raw else None
    if not isinstance(state, Commitment):
        return problem(404, "not_found", f"nothing is known of {subject}")
    moment = next(iter(state.moments.values()), Moment())
    body = {
        **facts(subject, state, moment),
        "flags": state.flags,
        "next_timer_at": await _next_timer(shard, subject, deps),
        "decisions": await _decisions(shard, subject, deps),
    }
    return Response(msgspec.json.encode(body), media_type="application/json")


async def _next_timer(shard: Shard, subject: str, deps: WebDeps) -> str | None:
    """When the subject is looked at next; None when never, or only after all of the shard's first TIMERS_DEPTH."""
    for found, at_ms in await deps.store.due(shard, _FAR_MS, TIMERS_DEPTH):
        if found == subject:
            return iso(datetime.fromtimestamp(at_ms / 1000, UTC))
    return None


async def _decisions(shard: Shard, subject: str, deps: WebDeps) -> list[dict[str, object]]:
    """Newest first."""
    entries = [decode_log(logged.value) for logged in await deps.store.recent_log(shard, LOG_DEPTH)]
    return [
        {
            "at": iso(entry.at),
            "input": entry.input,
            "input_id": entry.input_id,
            "before": entry.before,
            "after": entry.after,
            "effects": [{"what": what, "key": key, "to": to} for what, key, to in entry.effects],
            "reasons": [{"code": reason.code, "text": reason.text} for reason in entry.reasons],
        }
        for entry in entries
        if entry.subject == subject
    ]
