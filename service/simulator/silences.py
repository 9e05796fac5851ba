"""Whom a silence kept from being told: the recipients that the step would have had, where the reason names one.

Read from the reason's own words and the state it was decided in. Must not decide anything.
"""

import re

from service.core.directory import Directory, World
from service.core.ids import split_subject
from service.core.model import Commitment, State
from service.core.policy import Policy
from service.core.reasons import Code, Reason
from service.core.recipients import resolve

# Reasons that begin with their step, as `step manager of deadlines (round 2)`.
_OF_A_STEP = frozenset({Code.SUPERSEDED, Code.STALE, Code.SKIP_IF, Code.WHEN_FALSE, Code.PASSED, Code.NOBODY})
# Reasons that begin with their reader.
_OF_A_READER = frozenset({Code.SHADOW, Code.LIMIT, Code.PRIVATE, Code.MERGED})
_STEP = re.compile(r"step (\S+) of (\S+)")
_READER = re.compile(r"(\S+) (?:would have been told|is not told|is told once)")


def would_be(subject: str, reason: Reason, state: State | None, world: World) -> tuple[str, ...]:
    """Everyone who would have heard; empty where the reason is about nobody in particular."""
    if reason.code in _OF_A_STEP:
        found = _STEP.match(reason.text)
        return _of_step(found[1], found[2], state, world) if found and isinstance(state, Commitment) else ()
    if subject.startswith("inbox/"):
        return (split_subject(subject)[1],)
    found = _READER.match(reason.text) if reason.code in _OF_A_READER else None
    return (found[1],) if found and _is_somebody(found[1], world.directory) else ()


def _of_step(step: str, policy: str, state: Commitment, world: World) -> tuple[str, ...]:
    for known in _running(policy, state, world):
        for one in known.steps:
            if one.id == step:
                return tuple(resolve(one.notify, state, world.directory))
    return ()


def _running(name: str, state: Commitment, world: World) -> list[Policy]:
    """The version that runs on the subject; where none does any more, the one in force."""
    hashes = [run.policy for moment in state.moments.values() for run in moment.runs]
    running = [world.policies.by_hash[one] for one in hashes if one in world.policies.by_hash]
    return [one for one in (*running, *world.policies.live) if one.name == name]


def _is_somebody(name: str, directory: Directory) -> bool:
    return name.startswith("channel:") or name in directory.people
