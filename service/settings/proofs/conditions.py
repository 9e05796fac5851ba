"""Conditions that decide nothing: a `when` that nobody's commitment meets, a `skip_if` that is always so, or never."""

from collections.abc import Iterator

from service.settings.policy_model import StepModel
from service.settings.proofs.finding import Finding, note, warning
from service.settings.proofs.ground import Ground, Written
from service.settings.proofs.possible import condition, holds, situations


def conditions(ground: Ground) -> Iterator[Finding]:
    for written in ground.written:
        if ground.owners(written.model.for_):
            if written.model.when is not None:
                yield from _when(ground, written, written.model.when)
            for step in written.model.steps:
                if step.skip_if is not None:
                    yield from _skip_if(ground, written, step, step.skip_if)


def _when(ground: Ground, written: Written, source: str) -> Iterator[Finding]:
    model, applies = written.model, condition(source, written.model.for_)
    found, is_all = situations([source], model.for_, ground.owners(model.for_), ground.graph)
    if is_all and not any(holds(applies, one.seen, otherwise=True) for one in found):
        what = f"`when` never holds today, so policy `{model.policy}` tells nobody anything"
        yield warning(written.document, ("when",), what, "compare with what there is, or delete the policy")


def _skip_if(ground: Ground, written: Written, step: StepModel, source: str) -> Iterator[Finding]:
    """Looked at only where the policy applies: `when` may leave out what `skip_if` would skip."""
    model = written.model
    applies, skip = condition(model.when, model.for_), condition(source, model.for_)
    found, is_all = situations([model.when, source], model.for_, ground.owners(model.for_), ground.graph)
    skipped = [
        holds(skip, one.seen, otherwise=False) for one in found if holds(applies, one.seen, otherwise=True)
    ]
    place = written.place(step.id, "skip_if")
    if is_all and skipped and all(skipped):
        what = f"step `{step.id}` never fires: its `skip_if` holds for everything the policy is about"
        yield warning(written.document, place, what, "turn the condition round, or delete the step")
    elif is_all and skipped and not any(skipped):
        what = f"`skip_if` of step `{step.id}` never holds, so it never skips anything"
        yield note(written.document, place, what, "delete it, or mend what it compares")
