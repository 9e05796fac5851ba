"""Why somebody was not told of something by some time: what the record says, and what is still to come. Pure.

Nothing is guessed: each sentence is a reason that was recorded, a policy as it was in force, or the ladder's own
arithmetic.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from service.core.arithmetic import when
from service.core.effects import LogEntry
from service.core.ids import split_subject
from service.core.model import Commitment, Moment
from service.core.policy import ConditionFailed, Policy
from service.core.reasons import Code, Reason
from service.core.recipients import resolve
from service.core.view import CLOSED, expression_view, facts, iso
from service.explaining.ahead import Ahead, ahead, held_by
from service.explaining.reached import reached
from service.explaining.record import Decided, Record, asked_by
from service.explaining.versions import Versions

# Reasons about the whole subject, whoever asks.
_OF_ALL = frozenset(
    {
        *(
            Code.IMPORTED,
            Code.NO_POLICY,
            Code.NO_DATE,
            Code.STUB,
            Code.NOT_ASKED,
            Code.EXCUSED,
            Code.UNMATCHED,
        ),
        *(Code.CONDITION_FAILED, Code.DEADLY, Code.FALLBACK_UNREACHED),
    }
)
# Reasons why one step said nothing.
_OF_A_STEP = frozenset(
    {
        *(Code.SKIP_IF, Code.WHEN_FALSE, Code.SUPERSEDED, Code.STALE, Code.PASSED, Code.NOBODY, Code.LIMIT),
        *(Code.SHADOW, Code.PRIVATE, Code.MERGED),
    }
)
# A ladder that one of the first holds goes on with one of the second.
_HOLDS = frozenset({Code.ACKNOWLEDGED, Code.SNOOZED})
_GOES_ON = frozenset({Code.EXPIRED, Code.RESUMED})


class Because(NamedTuple):
    code: str
    text: str
    at: datetime | None = None


class Untold(NamedTuple):
    """Why `person` was not told of `subject` by `at`; or, where they were, when and by which message. Told is who a
    message was sent to."""

    subject: str
    person: str
    at: datetime
    was_told: bool
    reasons: list[Because]

    def as_dict(self) -> dict[str, object]:
        said = [{"code": str(one.code), "text": one.text, "at": iso(one.at)} for one in self.reasons]
        asked = {"subject": self.subject, "person": self.person, "at": iso(self.at)}
        return {**asked, "was_told": self.was_told, "reasons": said}


def why_untold(record: Record, person: str, at: datetime, versions: Versions) -> Untold:
    """Everything that explains it, what was said first, then what kept silent, then what is still to come."""
    before = [one for one in record.decided if one.entry.at <= at]
    asked = list(_asked_for(record, person, at, versions))
    state, found = record.commitment, [*asked]
    if not before:
        found.append(_not_known_yet(record, versions))
    if state is not None:
        found += _policies_that_do_not_apply(state, record, before, versions)
        found += _closed(state, at, versions)
    found += _recorded(before, person, state, versions)
    if state is not None and state.status not in CLOSED:
        found += _to_come(state, person, at, versions)
    found += _told_later(record, person, at, versions)
    if not asked:
        found += _not_in_chain(state, person, before, versions)
    if not found:
        found = [Because("recorded", why.text, one.entry.at) for one in before for why in one.entry.reasons]
    was_told = any(one.code == "told" for one in asked)
    return Untold(record.subject, person, at, was_told, list(dict.fromkeys(found)))


def _asked_for(record: Record, person: str, at: datetime, versions: Versions) -> Iterator[Because]:
    """Each word that was meant for this person or came to them by `at`: whether it was sent, and what became of it."""
    title = _title(record)
    for one in record.decided:
        for key, to in asked_by(one.entry).items() if one.entry.at <= at else ():
            trail = [after for after in one.after.get(key, ()) if after.at <= at]
            is_told = person in reached(trail, title)
            if not is_told and to != person and all(after.subject != f"inbox/{person}" for after in trail):
                continue
            said = when(one.entry.at, versions.settings.graph.calendar_of(person))
            verb = "was told" if is_told else "was to be told"
            what = "" if to == person else f" what was meant for {to}"
            text = f"{person} {verb}{what}: decided {said}, notification {key}"
            yield Because("told" if is_told else "decided", text, one.entry.at)
            for after in trail:
                for why in after.reasons:
                    if why.code != Code.DELIVER:
                        yield Because(why.code, f"{_where(after, person)}: {why.text}", after.at)


def _title(record: Record) -> str:
    return (record.commitment.title if record.commitment else "") or record.subject


def _where(entry: LogEntry, person: str) -> str:
    if entry.input != "delivery":
        return entry.subject
    to = next((to for _, _, to in entry.effects), person)
    return "delivery" if to == person else f"delivery to {to}"


def _not_known_yet(record: Record, versions: Versions) -> Because:
    state = record.commitment
    calendar = versions.settings.graph.calendar_of(state.owner if state else "")
    if not record.decided:
        return Because(
            "forgotten", "what was decided then is not kept any more: the record goes back thirty days"
        )
    first = record.decided[0].entry
    return Because("unknown", f"nothing was known of it before {when(first.at, calendar)}", first.at)


def _policies_that_do_not_apply(
    state: Commitment, record: Record, before: list[Decided], versions: Versions
) -> Iterator[Because]:
    """Where no policy runs on it: what each of its family wants that it is not."""
    if any(moment.runs for moment in state.moments.values()) or state.status in CLOSED:
        return
    if not any(why.code == Code.NO_POLICY for one in before for why in one.entry.reasons):
        return
    for policy in versions.settings.policies.of_family(split_subject(record.subject)[0]):
        if policy.moment not in state.moments:
            yield Because(
                Code.NO_POLICY, f"{policy.name} is about its {policy.moment}, which it does not have"
            )
        elif not _applies(policy, record.subject, state, versions):
            asks = versions.says.get(policy.hash, {}).get("when", "")
            yield Because(Code.WHEN_FALSE, f"{policy.name} does not apply: its `when` is false: {asks}")


def _applies(policy: Policy, subject: str, state: Commitment, versions: Versions) -> bool:
    if policy.when is None:
        return True
    moment = state.moments.get(policy.moment, Moment())
    try:
        return policy.when(expression_view(facts(subject, state, moment), versions.settings.graph, None))
    except ConditionFailed:  # then the policy applies, as everywhere
        return True


def _closed(state: Commitment, at: datetime, versions: Versions) -> Iterator[Because]:
    if state.status in CLOSED and state.closed_at is not None and state.closed_at <= at:
        calendar = versions.settings.graph.calendar_of(state.owner)
        closed = f"it has been {state.status.replace('_', ' ')} since {when(state.closed_at, calendar)}"
        yield Because(Code.CLOSED, closed, state.closed_at)


def _recorded(
    before: list[Decided], person: str, state: Commitment | None, versions: Versions
) -> Iterator[Because]:
    """The reasons on record that concern everybody, this person, or a step that would have told them."""
    named = re.compile(rf"(?<![\w-]){re.escape(person)}(?![\w-])")
    steps = {f"step {step} of {policy}" for policy, step in _steps_to(person, state, before, versions)}
    calendar = versions.settings.graph.calendar_of(state.owner if state else person)
    held: Because | None = None
    for one in before:
        for why in one.entry.reasons:
            if why.code in _HOLDS:
                held = Because(why.code, f"{why.text} (said {when(one.entry.at, calendar)})", one.entry.at)
            elif why.code in _GOES_ON:
                held = None
            if why.code in _OF_ALL or _concerns(why, steps, named):
                yield Because(why.code, why.text, one.entry.at)
    if held is not None:
        yield held


def _concerns(why: Reason, steps: set[str], named: re.Pattern[str]) -> bool:
    if why.code not in _OF_A_STEP:
        return False
    return bool(named.search(why.text)) or any(
        re.match(rf"{re.escape(step)}(?![\w-])", why.text) for step in steps
    )


def _to_come(state: Commitment, person: str, at: datetime, versions: Versions) -> Iterator[Because]:
    graph = versions.settings.graph
    calendar, said = graph.calendar_of(state.owner), set[tuple[str, str]]()
    for one in ahead(state, versions):
        step = (one.run.policy, one.firing.step.id)
        if person not in one.to or step in said:  # of a step's rounds the first that is left
            continue
        said.add(step)
        if holder := held_by(one, calendar):
            code = Code.SNOOZED if one.run.snoozed_until == one.held_until else Code.ACKNOWLEDGED
            yield Because(code, f"{one.step_in_words()} waits: {holder}", one.held_until)
        elif one.at > at:
            due = one.time_in_words(calendar, graph, state.owner)
            yield Because(Code.NOT_DUE, f"{_mode(one)}{one.step_in_words()} is not due before: {due}", one.at)


def _mode(one: Ahead) -> str:
    return "" if one.policy.mode == "live" else f"({one.policy.mode}) "


def _told_later(record: Record, person: str, at: datetime, versions: Versions) -> Iterator[Because]:
    """It was sent, or came due, after the time that was asked about."""
    calendar, title = versions.settings.graph.calendar_of(person), _title(record)
    sent = [
        sent_at
        for one in record.decided
        for after in one.after.values()
        if (sent_at := reached(after, title).get(person)) is not None and sent_at > at
    ]
    due = [
        one.entry.at for one in record.decided if one.entry.at > at and person in asked_by(one.entry).values()
    ]
    if sent:
        yield Because(Code.NOT_DUE, f"{person} was told later, {when(min(sent), calendar)}", min(sent))
    elif due:
        yield Because(Code.NOT_DUE, f"{person} was to be told later, {when(due[0], calendar)}", due[0])


def _not_in_chain(
    state: Commitment | None, person: str, before: list[Decided], versions: Versions
) -> Iterator[Because]:
    """None of the policies on it tells this person; who it tells instead."""
    policies = _policies(state, before, versions)
    if state is None or not policies or list(_steps_to(person, state, before, versions)):
        return
    for policy in policies:
        chain = []
        for step in policy.steps:
            to = resolve(step.notify, state, versions.settings.graph)
            chain.append(f"{step.id} → {' and '.join(to) or 'nobody'}")
        if chain:
            yield Because(
                "not_in_chain", f"no step of {policy.name} tells {person}; it tells: {', '.join(chain)}"
            )


def _steps_to(
    person: str, state: Commitment | None, before: list[Decided], versions: Versions
) -> Iterator[tuple[str, str]]:
    """Policy and step of all that would tell this person, as the directory is today."""
    for policy in _policies(state, before, versions) if state else ():
        assert state is not None
        for step in policy.steps:
            if person in resolve(step.notify, state, versions.settings.graph):
                yield policy.name, step.id


def _policies(state: Commitment | None, before: list[Decided], versions: Versions) -> list[Policy]:
    """The policies that run on it; where none does any more, those that ran last."""
    running = [run.policy for moment in state.moments.values() for run in moment.runs] if state else []
    last = next((one.entry.policies for one in reversed(before) if one.entry.policies), ())
    return [versions.policies[one] for one in dict.fromkeys(running or last) if one in versions.policies]
