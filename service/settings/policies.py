"""Policies compiled: the validated model pinned as canonical JSON, and core's Policy made from what was pinned.

A subject keeps the hash of the policy it runs under, so every version must compile for ever, from its bytes alone:
nothing here may look at a directory, a file or the environment.
"""

import hashlib
import json
from typing import Any

from pydantic import ValidationError

from service.core.policy import Condition, Limited, Policy, Reaction, Repeat, Step
from service.settings import durations
from service.settings.expressions import compile_condition
from service.settings.policy_model import PolicyModel, ReactionModel, StepModel
from service.settings.recipients import recipients

# Raised when the pinned form changes in a way that old readers would misread.
PINNED_FORMAT = 1


def pin(
    model: PolicyModel, *, file: str = "", lines: dict[str, list[int]] | None = None
) -> tuple[str, bytes]:
    """The content hash of a policy and the bytes to keep under it.

    The hash is the first 16 hex digits of the SHA-256 of the canonical JSON of what the policy says; defaults are
    written out, keys without a value left out, so neither comments nor a later optional key changes it. The file
    and the lines of its steps stand beside it, outside the hash.
    """
    says = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    pinned = {"format": PINNED_FORMAT, "policy": says, "file": file, "lines": lines or {}}
    return _hash(says), _canonical(pinned)


def model_of(pinned_json: bytes) -> PolicyModel:
    """What the author wrote, as it was pinned: for whoever says it in words."""
    return PolicyModel.model_validate(json.loads(pinned_json)["policy"])


def compile_policy(pinned_json: bytes, content_hash: str) -> Policy:
    """The Policy of pinned bytes; ValueError when they are not what was kept under this hash."""
    pinned = json.loads(pinned_json)
    if pinned.get("format") != PINNED_FORMAT or _hash(pinned["policy"]) != content_hash:
        raise ValueError(f"policy {content_hash} is damaged, or was pinned by a newer version")
    try:
        model = PolicyModel.model_validate(pinned["policy"])
    except ValidationError as error:
        raise ValueError(f"policy {content_hash} cannot be read: {error.error_count()} problems") from error
    lines = pinned["lines"]
    steps = [_step(step, _at_index(lines.get("steps"), i)) for i, step in enumerate(model.steps)]
    return Policy(
        name=model.policy,
        title=model.title or model.policy,
        family=model.for_,
        moment=model.moment,
        hash=content_hash,
        steps=tuple(
            sorted(steps, key=lambda step: step.at.nominal)
        ),  # stable: ties keep the order of the file
        reactions=tuple(
            _reaction(r, _at_index(lines.get("reactions"), i)) for i, r in enumerate(model.reactions)
        ),
        when=_condition(model.when, has_event=False),
        acknowledge=Limited(durations.duration(model.acknowledge.expires), model.acknowledge.times),
        snooze=Limited(durations.duration(model.snooze.at_most), model.snooze.times),
        skip_after=durations.duration(model.late.skip_after),
        messages_max=model.limits.messages,
        mode=model.mode,
        teams=tuple(model.teams or ()),
        file=pinned["file"],
        quiet=model.quiet or "respect",
    )


def _step(model: StepModel, line: int) -> Step:
    repeat = model.repeat
    return Step(
        id=model.id,
        at=durations.at(model.at),
        notify=recipients(model.notify),
        template=model.template or "",
        until=model.until or "",
        skip_if=_condition(model.skip_if, has_event=False),
        repeat=Repeat(durations.duration(repeat.every), repeat.times) if repeat else None,
        urgency=model.urgency,
        visibility=model.visibility or "private",
        line=line,
    )


def _reaction(model: ReactionModel, line: int) -> Reaction:
    return Reaction(
        id=model.id,
        on=model.on,
        notify=recipients(model.notify),
        template=model.template,
        when=_condition(model.when, has_event=True),
        urgency=model.urgency,
        visibility=model.visibility,
        line=line,
    )


def _condition(source: str | None, *, has_event: bool) -> Condition | None:
    return compile_condition(source, has_event=has_event, checked=False) if source else None


def _at_index(lines: list[int] | None, index: int) -> int:
    return lines[index] if lines and index < len(lines) else 0


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _hash(says: Any) -> str:
    return hashlib.sha256(_canonical(says)).hexdigest()[:16]
