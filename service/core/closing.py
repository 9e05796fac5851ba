"""How a commitment ends, and how everyone who was told learns of it; and the one note about a date that moved.

After an escalation everyone told hears the end of the story, in the same thread. A reaction of the policy to the
same event replaces what is built in here.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from msgspec.structs import replace

from service.core.draft import Draft, Notice
from service.core.ids import split_subject
from service.core.ladder import begin, policy_of
from service.core.model import Moment, PendingNote, name_of, told_of
from service.core.reasons import Code
from service.core.recipients import EVENT_FROM, resolve
from service.core.view import iso, on_time

# A closed subject stays readable for this long, then its last timer removes it (design: nothing grows for ever).
KEPT_CLOSED_FOR = timedelta(days=30)

_DATE_TAKEN = "its date was taken away"
_ENDS = {
    "no_date": "it is closed: no date",
    "next_step_done": "the next step is done",
    "next_step_changed": "another next step took its place",
    "active": "something happened on it again",
    "submitted": "the check-in has come in",
    "excused": "it is excused this time",
}

# Long enough to hear only the last of a flurry of moves, short enough to be news (domain: twenty moves, one message).
NOTE_AFTER = timedelta(minutes=1)

# What a policy calls a date that has moved. Of a deal it is no event of its own: `deal.updated` says more than that.
MOVED = {"deadline": "deadline.moved", "deal": "deal.moved", "goal": "goal.moved"}
# What comes of a goal's number, and is no event of its own either.
MILESTONE, REACHED = "goal.milestone", "goal.reached"
_ID = {"deadline": "commitment_id", "deal": "deal_id", "goal": "goal_id"}


def close(
    draft: Draft, status: str, at: datetime, by: str, old: datetime | None = None, on: str | None = ""
) -> None:
    """End it as `status`: reactions (to the event, or to `on`, or none), the end of the story for everyone told, then
    no timer but the removal."""
    state = draft.state
    state.status, state.closed_at = status, at
    state.remove_at = draft.now + KEPT_CLOSED_FOR
    if status == "no_date":
        for moment in state.moments.values():
            _note_removal(draft, moment, old, by)
        return
    replaced = set[str]() if on is None else react_all(draft, on)
    for moment in state.moments.values():
        moment.note = None
        if moment.escalated:
            # A reaction may replace the end of the story, never the correction of an escalation that should not have
            # been.
            retracted = bool(on_time(state, moment))
            _tell_end(draft, moment, status, by, retracted, set() if retracted else replaced)
        if state.goal and status == "met":  # its number goes on, and its policies hear of it
            state.remove_at = max(draft.now, moment.at or draft.now) + KEPT_CLOSED_FOR
        else:
            moment.runs = []


def _note_removal(draft: Draft, moment: Moment, old: datetime | None, by: str) -> None:
    """A date taken away is told like one that moved, a minute after the first move: it may be given another at once.
    Its runs are kept so long, for their reactions; without a date none of their steps is due."""
    known = moment.note
    if moment.escalated or _reacts_to_moves(draft, moment):
        moment.note = None if known is None else replace(known, earlier=False)
        note_move(draft, moment, old, False, by, _reason(draft))
    else:
        moment.note, moment.runs = None, []


def finish(draft: Draft, moment: Moment, how: str, by: str = "", *, retracted: bool = False) -> None:
    """One moment of a subject that goes on has come to its end: reactions, the end of the story for everyone told, and
    no step is left. It keeps its date until it begins again."""
    replaced = react(draft, moment)
    if moment.escalated:
        _tell_end(draft, moment, how, by, retracted, set() if retracted else replaced)
    forget_misses(draft, moment, draft.now)
    moment.note, moment.runs = None, []


def rest(draft: Draft, moment: Moment, how: str, by: str = "") -> None:
    """One moment is over while the subject goes on: everyone told hears how, and its runs wait for another date."""
    moment.at, moment.on, moment.note, moment.not_before = None, "", None, None
    start_over(draft, moment, how, by)


def lose_date(draft: Draft, moment: Moment, old: datetime | None, by: str) -> None:
    """One moment has no date any more while the subject goes on. Everyone who was told of a miss hears of it like of a
    move, a minute after the first one: it may be given another date at once."""
    if not (moment.escalated or moment.note or _reacts_to_moves(draft, moment)):
        rest(draft, moment, "no_date", by)
        return
    moment.at, moment.on, moment.not_before = None, "", None
    note_move(draft, moment, old, False, by, _reason(draft))
    _new_cycle(draft, moment)


def start_over(draft: Draft, moment: Moment, how: str, by: str = "") -> None:
    """A new cycle of one moment; everyone who was told that it was missed hears how the old one ended."""
    if moment.escalated:
        _tell_end(draft, moment, how, by)
    forget_misses(draft, moment, draft.now)
    _new_cycle(draft, moment)


def _new_cycle(draft: Draft, moment: Moment) -> None:
    moment.cycle += 1
    moment.changed = moment.reopened = moment.cycle
    for run in moment.runs:
        begin(draft, moment, run)


def _tell_end(
    draft: Draft,
    moment: Moment,
    status: str,
    by: str,
    retracted: bool = False,
    replaced: Collection[str] = (),
) -> None:
    """Everyone who was told hears the end, but whoever heard of it from a policy that has said it in its own words."""
    code = Code.RETRACTED if retracted else Code.CLOSURE
    text = "it was met in time after all" if retracted else _ENDS.get(status, f"it is closed: {status}")
    kind = "retraction" if retracted else "notice"
    extra = dict[str, object](by=by, how=status, reason=_reason(draft))
    if draft.state.deal and name_of(draft.state, moment) == "next_step":
        extra["next_step"] = draft.state.deal.next_step  # as it was called until now
    for told in told_of(draft.state, moment):
        is_replaced = told.policy in replaced or (replaced and not told.policy)
        if told.after and told.to != by and not is_replaced:
            notice = Notice(told.to, "resolved", "~closed", moment, [text], kind=kind, extra=extra)
            draft.tell(notice)
            draft.because(code, f"{told.to} is told: {text}")


def react_all(draft: Draft, on: str = "") -> set[str]:
    """The reactions of the policies running on every moment of the subject; the names of those that told somebody."""
    return set().union(*(react(draft, moment, on) for moment in draft.state.moments.values()))


def react(
    draft: Draft, moment: Moment, on: str = "", cause: str = "", extra: dict[str, object] | None = None
) -> set[str]:
    """Every reaction of the policies running here to this event (`on`); the names of those that told somebody."""
    event = on or (draft.event.type if draft.event else "")
    reacted = set[str]()
    if draft.event and draft.event.is_import:
        draft.because(Code.IMPORTED, "nobody reacts: an imported event is history")
        return reacted
    for run in moment.runs:
        policy = policy_of(draft, run)
        for reaction in policy.reactions:
            if reaction.on != event:
                continue
            what = f"reaction {reaction.id} of {policy.title or policy.name}"
            if not draft.holds(reaction.when, False, moment, policy, what):
                continue
            extra = extra or {"reason": _reason(draft)}
            by = _caused_by(draft)
            if not by and EVENT_FROM in reaction.notify.names:
                draft.because(Code.NOBODY, f"{what}: nobody says who caused {event}")
            for to in resolve(reaction.notify, draft.state, draft.world.directory, by):
                reason = f"{what}: {event}"
                goes_out = draft.tell(
                    Notice(
                        to,
                        reaction.template,
                        reaction.id,
                        moment,
                        [reason],
                        policy,
                        urgency=reaction.urgency,
                        visibility=reaction.visibility,
                        cause=cause,
                        extra=extra,
                    )
                )
                if goes_out:
                    draft.because(Code.REACTION, f"{to} is told by {reason}")
                    reacted.add(policy.name)
    return reacted


def _caused_by(draft: Draft) -> str:
    """Who has done what is reacted to; "" where the event does not say. A report is its person's."""
    data = draft.said["data"] if draft.said else draft.event.data if draft.event else None
    if isinstance(data, dict):
        return str(data.get("by", ""))
    by = getattr(data, "by", getattr(data, "person", ""))
    return by if isinstance(by, str) else ""


def note_move(
    draft: Draft, moment: Moment, old: datetime | None, earlier: bool, by: str, reason: str
) -> None:
    """Remember to tell about the move, once, from the first date of the flurry to the last."""
    known = moment.note
    if not moment.escalated:
        forget_misses(draft, moment, draft.now)
    if not (earlier or moment.escalated or known or _reacts_to_moves(draft, moment)):
        return
    if draft.event and draft.event.is_import and not (moment.escalated or known):
        draft.because(Code.IMPORTED, "nobody is told of the move: an imported event is history")
        return
    moment.note = PendingNote(
        at=known.at if known else draft.now + NOTE_AFTER,
        from_at=known.from_at if known else old,
        earlier=earlier or bool(known and known.earlier),
        escalated=moment.escalated or bool(known and known.escalated),
        cause=draft.cause,
        by=by,
        reason=reason,
    )
    draft.because(
        Code.RESCHEDULED, "the move is told a minute after the first one, so that many are one message"
    )


def _reacts_to_moves(draft: Draft, moment: Moment) -> bool:
    return any(r.on in MOVED.values() for run in moment.runs for r in policy_of(draft, run).reactions)


def tell_move(draft: Draft, moment: Moment) -> None:
    """The note's time has come: everyone told hears of the new plan, or the owner that a reminder was jumped over."""
    note = moment.note
    assert note is not None
    moment.note = None
    if note.from_at == moment.at:
        draft.because(Code.UNCHANGED, "the date is back where it was; nobody needs to know")
        return
    family, bare = split_subject(draft.subject)
    draft.said = {
        "type": MOVED[family],
        "data": {
            _ID[family]: bare,
            f"{name_of(draft.state, moment)}_at": iso(moment.at),
            "by": note.by,
            "reason": note.reason,
        },
    }
    extra: dict[str, object] = {
        "from": iso(note.from_at),
        "to": iso(moment.at),
        "by": note.by,
        "reason": note.reason,
    }
    is_lost = _is_lost(draft, moment)  # and was not pushed
    if is_lost or not react(draft, moment, MOVED[family], note.cause, extra):
        _tell_move(draft, moment, note, extra)
    draft.said = None
    if moment.at is None and not is_lost:  # whoever knows of the miss hears of the next date, too
        moment.runs = []
        return
    forget_misses(draft, moment, note.at - NOTE_AFTER)


def _is_lost(draft: Draft, moment: Moment) -> bool:
    """Whether a deal that goes on has lost this date."""
    return draft.state.deal is not None and moment.at is None


def forget_misses(draft: Draft, moment: Moment, until: datetime) -> None:
    """The date that was missed is not the date any more; who was told of a miss since `until` still knows of one."""
    told_of_it = told_of(draft.state, moment)
    for told in told_of_it:
        told.after = told.after and told.at > until
    moment.escalated = any(t.after and t.to != draft.state.owner for t in told_of_it)


def _tell_move(draft: Draft, moment: Moment, note: PendingNote, extra: dict[str, object]) -> None:
    is_lost = _is_lost(draft, moment)
    if not note.escalated and (is_lost or not note.earlier):
        draft.because(Code.UNCHANGED, "the date moved; nobody was waiting to hear of it")
        return
    everyone = [told.to for told in told_of(draft.state, moment) if told.after] if note.escalated else []
    # Whoever moved it needs no word of that; that a reminder was jumped over is news to the owner all the same.
    recipients = [to for to in everyone if to != note.by] if everyone else [draft.state.owner]
    code = Code.REPLANNED if note.escalated else Code.MOVED_EARLIER
    text = "re-planned to another date" if note.escalated else "moved earlier, past a reminder"
    if moment.at is None:
        code, text = Code.CLOSURE, _DATE_TAKEN if is_lost else _ENDS["no_date"]
    for to in recipients:
        draft.tell(Notice(to, "replanned", "~moved", moment, [text], cause=note.cause, extra=extra))
        draft.because(code, f"{to} is told: {text}")


def _reason(draft: Draft) -> str:
    """The sender's own words for why, where the event has some."""
    text = getattr(draft.event.data, "reason", "") if draft.event else ""
    return text if isinstance(text, str) else ""
