"""A policy against the rest of the configuration: names of people, teams, roles, channels and templates, conditions.

Also what one policy alone can get wrong but its shape does not show: ids, firings, a miss shown in a channel.
"""

from collections.abc import Collection
from dataclasses import dataclass

from service.core.closing import MILESTONE, MOVED, REACHED
from service.core.directory import Directory
from service.core.events import EVENTS, INTERNAL
from service.core.policy import FIRINGS_MAX
from service.core.recipients import EVENT_FROM
from service.settings import durations
from service.settings.document import Document, Path_
from service.settings.expressions import ExpressionError, compile_condition
from service.settings.policy_model import PolicyModel, ReactionModel, StepModel
from service.settings.problems import did_you_mean, nearest
from service.settings.recipients import recipients, unknown_names

_IN_A_CHANNEL = ("team", "channel")


@dataclass(frozen=True)
class Surroundings:
    """What a policy may name."""

    graph: Directory
    channels: Collection[str]
    templates: Collection[str]
    placeless: Collection[str] = ()  # channels in which something is told only at a place that is named

    @property
    def roles(self) -> set[str]:
        return {role for person in self.graph.people.values() if person.active for role in person.roles}


def check_policy(document: Document, model: PolicyModel, around: Surroundings) -> None:
    """Reports everything in the policy that cannot work, and warns of what its author may not want."""
    _check_ids(document, model)
    family = model.for_
    _condition(document, ("when",), model.when, family, has_event=False)
    for index, step in enumerate(model.steps):
        _check_step(document, ("steps", index), step, family, around)
    for index, reaction in enumerate(model.reactions):
        _check_reaction(document, ("reactions", index), reaction, family, around)
    if model.firings > FIRINGS_MAX:
        message = f"the steps fire {model.firings} times with their repeats, more than {FIRINGS_MAX}"
        document.error(("steps",), message, "repeat less often, or split the policy in two", at_key=True)
    _check_canary(document, model, around)
    if not model.steps and not model.reactions:
        document.warn(
            ("policy",), f"`{model.policy}` has neither steps nor reactions: it tells nobody anything"
        )


def _check_ids(document: Document, model: PolicyModel) -> None:
    """An id is a part of every notification's key, so steps and reactions share one list."""
    first: dict[str, Path_] = {}
    named: list[tuple[Path_, str]] = [(("steps", i), step.id) for i, step in enumerate(model.steps)]
    named += [(("reactions", i), reaction.id) for i, reaction in enumerate(model.reactions)]
    for path, name in named:
        before = first.setdefault(name, path)
        if before != path:
            line = document.mark((*before, "id")).line
            document.error(
                (*path, "id"), f"`{name}` is written twice, first in line {line}", "give each its own id"
            )


def _check_canary(document: Document, model: PolicyModel, around: Surroundings) -> None:
    if model.mode == "canary" and not model.teams:
        hint = "write them as in `teams: [east]`; `mode: shadow` sends nothing to anybody"
        document.error(("mode",), "a canary needs the teams it is live for", hint)
    elif model.mode != "canary" and model.teams is not None:
        message = f"`teams` is read with `mode: canary` only, and this policy is {model.mode}"
        document.error(("teams",), message, "add `mode: canary`, or leave it out", at_key=True)
    for index, team in enumerate(model.teams or ()):
        if team not in around.graph.teams:
            hint = did_you_mean(team, around.graph.teams)
            document.error(("teams", index), f"there is no team `{team}`", hint)


def _check_step(document: Document, path: Path_, step: StepModel, family: str, around: Surroundings) -> None:
    names = _check_recipients(document, path, step.notify, family, around)
    if EVENT_FROM in names:
        place = _place(document, (*path, "notify"), EVENT_FROM)
        document.error(place, "a step is about time: nobody has caused it", "tell `event.from` in a reaction")
    _template(document, path, step.template, around)
    _condition(document, (*path, "skip_if"), step.skip_if, family, has_event=False)
    if durations.at(step.at).is_before:
        return
    shown = next((name for name in names if name.partition(":")[0] in _IN_A_CHANNEL), "")
    if shown and step.visibility is None:
        document.warn(
            (*path, "notify"),
            f"step `{step.id}` says nothing in a channel (`{shown}`): a missed commitment is private",
            "write `visibility: team` or `visibility: public` if that is meant",
        )


def events_of(family: str) -> list[str]:
    """What a policy of this family may react to: its events, people's answers, and a date that has moved."""
    known = [name for name in EVENTS if name not in INTERNAL and _family(name) in (family, "commitment")]
    more = [MOVED[family]] if family in MOVED else []
    return sorted({*known, *more, *([MILESTONE, REACHED] if family == "goal" else [])})


def _family(event_type: str) -> str:
    return event_type.partition(".")[0]


def _check_reaction(
    document: Document, path: Path_, reaction: ReactionModel, family: str, around: Surroundings
) -> None:
    if reaction.on not in (known := events_of(family)):
        message = f"`{reaction.on[:60]}` is no event of a {family}"
        document.error((*path, "on"), message, did_you_mean(reaction.on, known))
    _check_recipients(document, path, reaction.notify, family, around)
    _template(document, path, reaction.template, around)
    _condition(document, (*path, "when"), reaction.when, family, has_event=True)


def _template(document: Document, path: Path_, template: str | None, around: Surroundings) -> None:
    if template is not None and template not in around.templates:
        hint = did_you_mean(template, around.templates)
        document.error((*path, "template"), f"there is no template `{template}`", hint)


def _check_recipients(
    document: Document, path: Path_, notify: object, family: str, around: Surroundings
) -> tuple[str, ...]:
    names = recipients(notify).names
    here = (*path, "notify")
    if "helpers" in names and family != "deal":
        document.error(_place(document, here, "helpers"), f"a {family} has no helpers, only a deal has")
    for name in names:
        check_recipient(document, _place(document, here, name), name, around)
    return names


def _place(document: Document, path: Path_, name: str) -> Path_:
    """Where in `notify` this name is written."""
    return next((p for p in document.values if p[: len(path)] == path and document.get(p) == name), path)


def check_recipient(document: Document, path: Path_, name: str, around: Surroundings) -> None:
    """Reports a person, team or role that nobody is, and a channel that looks misspelt."""
    for message, hint in unknown_names((name,), around.graph.people, around.graph.teams, around.roles):
        document.error(path, message, hint)
    prefix, separator, rest = name.partition(":")
    channel = rest.partition(":")[0]
    if prefix == "channel" and rest in around.placeless:
        document.error(path, f"`{name}` is all of Slack, and needs a place in it", f"write `{name}:#wins`")
    if prefix != "channel" or not separator or channel in around.channels:
        return
    near = nearest(channel, around.channels)
    if near:  # a channel without any like it may come later; one with a near name is a slip
        document.error(path, f"there is no channel `{channel}`", f"did you mean `{near}`?")
    else:
        document.warn(path, f"channel `{channel}` is not in channels.yaml, so its messages are caught")


def _condition(document: Document, path: Path_, source: str | None, family: str, *, has_event: bool) -> None:
    if source is None:
        return
    try:
        compile_condition(source, has_event=has_event, family=family)
    except ExpressionError as error:
        document.error(path, f"`{path[-1]}`: {error.message}", error.hint, shift=error.column - 1)
