"""One notification explained: what led to it, under which words of which policy, why then, why them, and what became
of it. Pure; the facts and the sentences are the same for the command line, the API and the page."""

from datetime import datetime, timedelta
from typing import NamedTuple

from service.core.arithmetic import in_words, when, work_out
from service.core.calendar import Calendar
from service.core.effects import LogEntry
from service.core.model import Commitment, Inbox, Moment, Run
from service.core.reasons import SPOKEN, Code, Reason
from service.core.route import route
from service.core.timeline import firings
from service.core.view import iso
from service.explaining.ahead import Ahead, holidays_of, next_in_words
from service.explaining.asked import Asked, find_asked
from service.explaining.inbox import next_of_inbox
from service.explaining.reached import reached
from service.explaining.record import Decided, Record
from service.explaining.versions import Versions

# A timer is decided within so much of its time; later is said.
_LATE_AFTER = timedelta(seconds=5)
_A_TICK = timedelta(milliseconds=1)
# Of what was held back before, the newest few: a ladder of months would hide its own end.
_EARLIER_MAX = 10
# What keeps a step from speaking, or the ladder from going on.
HOLDING = frozenset(
    {
        *(
            Code.SUPERSEDED,
            Code.STALE,
            Code.SKIP_IF,
            Code.WHEN_FALSE,
            Code.ACKNOWLEDGED,
            Code.SNOOZED,
            Code.NOBODY,
        ),
        *(Code.LIMIT, Code.SHADOW, Code.PRIVATE, Code.PASSED, Code.IMPORTED, Code.RESCHEDULED, Code.RESUMED),
        *(Code.EXPIRED, Code.STALE_ANSWER, Code.CONDITION_FAILED),
    }
)


class Sentence(NamedTuple):
    about: str  # event | policy | time | person | held back | delivery | next
    text: str


class Explained(NamedTuple):
    """`key` is the request's, `to` whom it asked to tell; the message of a channel has its own, among the deliveries.
    `told` are those whom it was sent to: whoever stands in, too."""

    key: str
    to: str
    subject: str
    title: str
    facts: dict[str, object]
    sentences: list[Sentence]
    told: list[str]

    def as_dict(self) -> dict[str, object]:
        said = [one._asdict() for one in self.sentences]
        about = {"notification_id": self.key, "to": self.to, "subject": self.subject, "title": self.title}
        return {**about, "told": self.told, **self.facts, "sentences": said}


def explain_notification(record: Record, key: str, versions: Versions) -> Explained | None:
    """Why this word was said; `key` is that of the request, or of one of its deliveries. None when it is not here."""
    for decided in record.decided:
        for asked_key, to in _asked_here(decided):
            after = decided.after.get(asked_key, [])
            if key == asked_key or any(key in (k, one.input_id) for one in after for _, k, _ in one.effects):
                return _explain(record, decided, asked_key, to, versions)
    return None


def _asked_here(decided: Decided) -> list[tuple[str, str]]:
    return [(key, to) for what, key, to in decided.entry.effects if what in ("notify", "deliver")]


def _explain(record: Record, decided: Decided, key: str, to: str, versions: Versions) -> Explained:
    entry, state = decided.entry, record.commitment
    graph = versions.graph(entry.graph)
    owner = entry.owner or (state.owner if state else "")
    then = Commitment(owner=owner, team=state.team if state else "", told=state.told if state else [])
    if state and state.deal:
        then.deal = state.deal
    before = record.decided[: record.decided.index(decided)]
    ran = next((one.entry.policies for one in reversed(before) if one.entry.policies), ())
    asked = find_asked(entry, key, to, ran, state, versions)
    time, planned_at = _time(entry, asked, owner, versions)
    way = route(asked.rung.notify, to, then, graph) if asked else ""
    held = _held_back(before, entry, decided.after.get(key, []), graph.calendar_of(owner))
    sent = _deliveries(decided.after.get(key, []))
    following, first = _next(record, to, versions)
    is_digest = record.subject.startswith("inbox/")
    parts = [one for one in held if is_digest and one.code == Code.DIGEST]
    held = [one for one in held if one not in parts]
    sentences = [
        Sentence("event", _event(entry, versions)),
        Sentence(
            "policy", _digest(to) if parts else asked.in_words(versions) if asked else _built_in(entry, to)
        ),
        *[Sentence("in it", one.text.removesuffix(" is in the digest")) for one in parts],
        *([Sentence("time", time)] if time else []),
        *([Sentence("person", way or _not_today(asked, to))] if asked else []),
        *[Sentence("held back", f"{one.text} [{one.code}]") for one in held],
        *[
            Sentence("delivery", f"{when(at, _calendar(to, versions))} {why.text} [{why.code}]")
            for at, why in sent
        ],
        *([] if sent else [Sentence("delivery", "it has not been sent yet")]),
        Sentence("next", following),
    ]
    facts: dict[str, object] = {
        "decided_at": iso(entry.at),
        "because": {"input": entry.input, "id": entry.input_id},
        "policy": _policy(asked) if asked else None,
        "time": {"at": iso(planned_at), "words": time} if time else None,
        "person": {"names": list(asked.rung.notify.names), "words": way} if asked else None,
        **({"in_it": [one.text.removesuffix(" is in the digest") for one in parts]} if parts else {}),
        "held_back": [{"code": str(one.code), "text": one.text} for one in held],
        "deliveries": [{"at": iso(at), "code": str(why.code), "text": why.text} for at, why in sent],
        "next": {"words": following, **({"at": iso(first.at), "to": first.to} if first else {})},
    }
    title = state.title if state else "Digest" if parts else ""
    told = sorted(reached(decided.after.get(key, []), title or record.subject))
    return Explained(key, to, record.subject, title, facts, sentences, told)


def _next(record: Record, to: str, versions: Versions) -> tuple[str, Ahead | None]:
    """Of a commitment its next step; of an inbox, whose digest this is, what waits there."""
    if not record.subject.startswith("inbox/"):
        return next_in_words(record.commitment, versions)
    inbox = record.state if isinstance(record.state, Inbox) else None
    return next_of_inbox(inbox, to, versions), None


def _digest(to: str) -> str:
    return f"none asked for this message: what had waited for {to} comes as one, and each part has its own reason"


def _event(entry: LogEntry, versions: Versions) -> str:
    calendar = _calendar(entry.owner, versions)
    at = when(entry.at, calendar)
    if entry.input != "timer":
        source, _, event_id = entry.input_id.partition(" ")
        return f"{entry.input} `{event_id}` from {source}, decided {at} {calendar.zone.key}"
    due_at = _due_at(entry)
    late = due_at is not None and entry.at - due_at > _LATE_AFTER
    was = f"the timer of {when(due_at, calendar)}" if due_at else "a timer"
    return f"{was}, decided {'late, ' if late else ''}{at} {calendar.zone.key}"


def _time(
    entry: LogEntry, asked: Asked | None, owner: str, versions: Versions
) -> tuple[str, datetime | None]:
    """The arithmetic of the step in words, and the instant; nothing for what answers an event at once."""
    if asked is None or asked.firing is None:
        return "", None
    if asked.moment_at is None:
        return "the record does not say any more which date it was reckoned from", None
    graph = versions.graph(entry.graph)
    calendar, moment = graph.calendar_of(owner), Moment(asked.moment_at)
    around = next(one for one in firings(asked.policy, moment, calendar) if one.bit == asked.firing.bit)
    worked, due_at = work_out(around, Run(asked.policy.hash), moment, calendar), _due_at(entry)
    # Decided together with what was due before it, it is due at its own time; else what held the ladder up moved it.
    if due_at and not due_at <= worked.at <= entry.at and abs(due_at - worked.at) > _A_TICK:
        worked = worked._replace(at=due_at)
    words = in_words(worked, around, asked.name, asked.moment_at, calendar, holidays_of(graph, owner))
    return words, worked.at


def _due_at(entry: LogEntry) -> datetime | None:
    return datetime.fromisoformat(entry.input_id) if entry.input == "timer" else None


def _calendar(person: str, versions: Versions) -> Calendar:
    return versions.settings.graph.calendar_of(person)


def _deliveries(after: list[LogEntry]) -> list[tuple[datetime, Reason]]:
    return [(one.at, why) for one in after if one.input == "delivery" for why in one.reasons]


def _held_back(
    before: list[Decided], entry: LogEntry, after: list[LogEntry], calendar: Calendar
) -> list[Reason]:
    """What the decisions up to this one left unsaid, and what the inboxes did about this word before it went out."""
    earlier = [
        Reason(why.code, f"{when(one.entry.at, calendar)}: {why.text}")
        for one in before
        for why in one.entry.reasons
        if why.code in HOLDING
    ][-_EARLIER_MAX:]
    inboxes = [
        why for one in after if one.input != "delivery" for why in one.reasons if why.code != Code.DELIVER
    ]
    return earlier + [why for why in entry.reasons if why.code not in SPOKEN] + inboxes


def _built_in(entry: LogEntry, to: str) -> str:
    named = [why.text for why in entry.reasons if why.code in SPOKEN and why.text.startswith(f"{to} ")]
    said = named or [why.text for why in entry.reasons if why.code in SPOKEN] or ["no reason is on record"]
    return f"no policy; it is built in: {'; '.join(said)}"


def _not_today(asked: Asked | None, to: str) -> str:
    names = ", ".join(asked.rung.notify.names) if asked else ""
    return f"{names} was {to} when it was decided; the record does not say how any more"


def _policy(asked: Asked) -> dict[str, object]:
    at = asked.firing.step.at.text if asked.firing else ""
    named = {"name": asked.policy.name, "title": asked.policy.title, "version": asked.policy.hash}
    round_ = asked.firing.round if asked.firing else 0
    kind = "step" if asked.firing else "reaction"
    return {
        **named,
        "file": asked.policy.file,
        "line": asked.rung.line,
        kind: asked.rung.id,
        "at": at,
        "round": round_,
    }
