"""A policy in plain words: sentences that a sales manager would say, believe, and be able to object to.

A pure function of what the author wrote. Complete: every clause that changes what happens changes a sentence (a test
holds it), and conditions are quoted as written. The words themselves are in `saying.py`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from service.messages import saying, step_words
from service.messages.saying import Namer
from service.settings import durations
from service.settings.policy_model import PolicyModel, ReactionModel, StepModel
from service.settings.recipients import recipients


class Said(NamedTuple):
    """What one step or reaction does; its id is what reasons and messages call it."""

    id: str
    text: str


class Words(NamedTuple):
    """A whole policy: what it is about, its timeline, what it reacts to, and what holds for all of it."""

    title: str
    name: str
    about: tuple[str, ...]
    steps: tuple[Said, ...]
    reactions: tuple[Said, ...]
    rules: tuple[str, ...]


def words(model: PolicyModel, named: Namer = str) -> Words:
    """The policy in sentences; `named` says what a person or a team is called."""
    steps = in_order(model)
    return Words(
        title=model.title or model.policy,
        name=model.policy,
        about=tuple(_about(model, named)),
        steps=tuple(Said(step.id, _step(model, step, named)) for step in steps),
        reactions=tuple(Said(one.id, _reaction(model, one, named)) for one in model.reactions),
        rules=tuple(_rules(model)),
    )


def in_full(said: Words) -> str:
    """The words as text for a terminal."""
    width = max((len(one.id) for one in (*said.steps, *said.reactions)), default=0)
    parts = [f"{said.title} (policy {said.name})", *said.about]
    for block in (said.steps, said.reactions):
        parts += ["", *(f"  {one.id.ljust(width)}  {one.text}" for one in block)] if block else []
    return "\n".join([*parts, *(["", *said.rules] if said.rules else [])]) + "\n"


def in_order(model: PolicyModel) -> list[StepModel]:
    """The steps along the timeline, as the compiled policy has them."""
    return sorted(model.steps, key=lambda step: durations.at(step.at).nominal)


# -- what it is about --------------------------------------------------------------------------------------------------
def _about(model: PolicyModel, named: Namer) -> Iterator[str]:
    noun = saying.NOUNS[model.for_]
    only_reacts_to_it = not model.steps and model.moment == "close"
    watched = "" if only_reacts_to_it else saying.WATCHED[model.moment]
    if model.when is None:
        yield f"This is about {watched}every {noun}."
    else:
        again = " This is looked at again before each step." if model.steps else ""
        yield f"This is about {watched}every {noun} for which `{model.when}`.{again}"
    if model.mode == "shadow":
        yield "It is only tried out: everything is decided and recorded, and nothing is sent."
    elif model.mode == "canary":
        whom = saying.listed([named(team) for team in model.teams or ()])
        yield f"It is live for {whom} only; for others everything is decided and recorded, and nothing is sent."


# -- steps -------------------------------------------------------------------------------------------------------------
def _step(model: PolicyModel, step: StepModel, named: Namer) -> str:
    at = durations.at(step.at)
    when, moment = saying.when(at, model.moment), saying.the_moment(model.moment)
    before, after = (step_words.told(model, step, named, is_after=is_after) for is_after in (False, True))
    if step_words.is_undecided(at):
        missed = saying.listed([f"{moment} has passed by then", *step_words.awaited(step)])
        text = f"{when} {before}; where {missed}, {after}"
    elif at.is_before:
        text = f"{when} {before}"
    elif at.text == "the moment":
        still = saying.NOT_DONE.get(model.moment) or saying.NOT_DONE[model.for_]
        text = f"{when}, if {still}, {after}"
    else:
        text = f"if {saying.listed([saying.MISSED[model.moment], *step_words.awaited(step)])}, {when} {after}"
    text += step_words.again(model, step, at)
    if step.until == "done" and not at.is_before:
        text += ", even if somebody has acknowledged it or put it off"
    unless = step_words.unless(step, at)
    text += f", unless {saying.listed(unless, 'or')}" if unless else ""
    return " ".join([saying.sentence(text), *step_words.manner(step, at)])


# -- reactions ---------------------------------------------------------------------------------------------------------
def _reaction(model: PolicyModel, one: ReactionModel, named: Namer) -> str:
    happened = saying.HAPPENED.get(one.on, f"`{one.on}` happens")
    condition = f" and `{one.when}`" if one.when else ""
    told = f"{saying.recipients(recipients(one.notify), named)} {saying.told(one.template, model.moment)}"
    seen = {"private": ["Only they see it."], "team": []}.get(one.visibility, step_words.SEEN[one.visibility])
    return " ".join(
        [
            saying.sentence(f"when {happened}{condition}, {told}"),
            *step_words.URGENT.get(one.urgency, []),
            *seen,
        ]
    )


# -- what holds for all of it ------------------------------------------------------------------------------------------
def _rules(model: PolicyModel) -> Iterator[str]:
    if model.steps:
        yield saying.ENDS_OF_MOMENT.get(model.moment, saying.ENDS[model.for_])
        yield from _answers(model)
        yield from _limits(model)
    if model.quiet is not None:
        yield {
            "respect": "In their quiet hours nobody is told of it, unless it is urgent: it waits for their end.",
            "pass": "Quiet hours do not hold it back.",
        }[model.quiet]


def _answers(model: PolicyModel) -> Iterator[str]:
    """What “I'm on it” and “later” do to the ladder."""
    moment = saying.the_moment(model.moment)
    has_after = any(not durations.at(step.at).is_before for step in model.steps)
    if not any(_waits_for_answer(step) for step in model.steps):
        yield "“I'm on it” is noted and shown, and holds nothing."
    else:
        span, times = model.acknowledge.expires, model.acknowledge.times
        if times:
            holds = f"“I'm on it” holds this for {span}, from the owner {saying.times(times)}"
            yield f"{holds}, from anybody else who was told each time. Then it goes on where it stood."
        else:
            yield (
                f"“I'm on it” from the owner is noted and holds nothing; from anybody else who was told it holds this "
                f"for {span} each time. Then it goes on where it stood."
            )
        if has_after and model.moment != "last_activity":
            yield f"Said before {moment} it means “I know of it”, and holds nothing of what comes after it."
    if model.snooze.times:
        yield f"It can be put off {saying.times(model.snooze.times)}, by {model.snooze.at_most} at most."
    else:
        yield "It cannot be put off."


def _waits_for_answer(step: StepModel) -> bool:
    at = durations.at(step.at)
    return (step.until or ("done" if at.is_before else "acknowledged")) != "done"


def _limits(model: PolicyModel) -> Iterator[str]:
    moment, noun = saying.the_moment(model.moment), saying.NOUNS[model.for_]
    ats = [durations.at(step.at) for step in model.steps]
    if model.for_ == "checkin":
        yield "Nobody hears of a miss before the grace of the check-in is over."
    if any(at.is_before or step_words.is_undecided(at) for at in ats):
        late = f"What should have come before {moment} and is more than {model.late.skip_after} late"
        yield f"{late}, because nothing ran, is left out."
    if not all(at.is_before for at in ats):
        yield (
            f"What comes after {moment} is never left out for being late. Where a step finds nobody, "
            "the fallback contact is told and the next step comes at once."
        )
    yield f"About one {noun} it sends {model.limits.messages} messages at most."
