"""Finds what a changed configuration means for everything that is open, and publishes the events that do it.

What changes is decided in core/plan.py; here it is only looked up and sent. Must not write a state: a subject is moved
by its owner, when it reads the event.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

import msgspec

from service.broker import Broker, Publication
from service.core.envelope import encode_internal
from service.core.plan import Plan, plan, request
from service.store.contract import Shard, Store
from service.worlds import Worlds, policies_of

# Events published in one go: as many as the door takes.
PUBLISHED_MAX = 500
_NEVER_PLANNED = "inbox"  # has no policies, and is most of what there is


async def find_plans(
    store: Store, worlds: Worlds, now: datetime, looked: Callable[[int], None] = lambda _: None
) -> AsyncIterator[Plan]:
    """Every open subject for which the world says something else than what it runs under, each once. `looked` is told
    how many more subjects were looked at."""
    found: set[str] = set()
    async for page in store.subjects():
        by_shard: dict[Shard, list[str]] = {}
        for shard, subject in page:
            if shard.topic != _NEVER_PLANNED:
                by_shard.setdefault(shard, []).append(subject)
        looked(len(page))
        for shard, subjects in by_shard.items():
            for subject, raw in zip(subjects, await store.load(shard, subjects), strict=True):
                planned = await _plan(subject, raw, worlds, now) if raw and subject not in found else None
                if planned is not None:
                    found.add(subject)
                    yield planned


async def _plan(subject: str, raw: bytes, worlds: Worlds, now: datetime) -> Plan | None:
    await worlds.ensure(policies_of(raw))
    try:
        return plan(subject, raw, worlds.current, now)
    except msgspec.MsgspecError:  # a state that cannot be read says so when its next event comes
        return None


async def apply_plans(plans: Sequence[Plan], broker: Broker, now: datetime) -> None:
    """Publish what moves the subjects; they move when their owner reads it."""
    emits = [request(planned, now) for planned in plans]
    for start in range(0, len(emits), PUBLISHED_MAX):
        chunk = emits[start : start + PUBLISHED_MAX]
        await broker.publish([Publication(emit.topic, emit.subject, encode_internal(emit)) for emit in chunk])
