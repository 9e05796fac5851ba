"""How a commitment ends, and how everyone who was told learns of it; and the one note about a date that moved.

After an escalation everyone told hears the end of the story, in the same thread. A reaction of the policy to the
same event replaces what is built in here.
"""

from datetime import datetime, timedelta

from service.core.draft import Draft, Notice
from service.core.ids import split_subject
from service.core.ladder import policy_of
from service.core.model import Moment, PendingNote
from service.core.reasons import Code
from service.core.recipients import resolve
from service.core.view import iso, on_time

# A closed subject stays readable for this long, then its last timer removes it (design: nothing grows for ever).
KEPT_CLOSED_FOR = timedelta(days=30)

# Long enough to hear only the last of a flurry of moves, short enough to be news (domain: twenty moves, one message).
NOTE_AFTER = timedelta(minutes=1)

_MOVED = "deadline.moved"


def close(
    draft: Draft, moment: Moment, status: str, at: datetime, by: str, old: datetime | None = None
) -> None:
    """End it as `status`: reactions, the end of the story for everyone told, then no timer but the removal."""
    state = draft.state
    state.status, state.closed_at = status, at
    state.remove_at = draft.now + KEPT_CLOSED_FOR
    moment.note = None
    reacted = react(draft, moment)
    # A reaction may replace the end of the story, never the correction of an escalation that should not have been.
    retracted = state.escalated and bool(on_time(state, moment))
    if retracted or (state.escalated and not reacted):
        _tell_end(draft, moment, status, by, retracted, old)
    moment.runs = []


def _tell_end(
    draft: Draft, moment: Moment, status: str, by: str, retracted: bool, old: datetime | None
) -> None:
    code = Code.RETRACTED if retracted else Code.CLOSURE
    text = "it was met in time after all" if retracted else f"it is closed: {status.replace('_', ' ')}"
    kind = "retraction" if retracted else "notice"
    template, extra = "resolved", dict[str, object](by=by, how=status, reason=_reason(draft))
    if status == "no_date":  # it is not done: its date was taken away
        template, extra = "replanned", {"from": iso(old), "to": None, "by": by, "reason": _reason(draft)}
    for told in [told.to for told in draft.state.told if told.after and told.to != by]:
        draft.tell(Notice(told, template, "~closed", moment, [text], kind=kind, extra=extra))
        draft.because(code, f"{told} is told: {text}")


def react(
    draft: Draft, moment: Moment, on: str = "", cause: str = "", extra: dict[str, object] | None = None
) -> bool:
    """Every reaction of the policies running here to this event (`on`); whether any told somebody."""
    extra = extra or {"reason": _reason(draft)}
    event = on or (draft.event.type if draft.event else "")
    reacted = False
    if draft.event and draft.event.is_import:
        draft.because(Code.IMPORTED, "nobody reacts: an imported event is history")
        return False
    for run in moment.runs:
        policy = policy_of(draft, run)
        for reaction in policy.reactions:
            what = f"reaction {reaction.id} of {policy.title or policy.name}"
            if reaction.on != event or not draft.holds(reaction.when, False, moment, policy, what):
                continue
            for to in resolve(reaction.notify, draft.state, draft.world.directory):
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
                reacted |= goes_out
    return reacted


def note_move(
    draft: Draft, moment: Moment, old: datetime | None, earlier: bool, by: str, reason: str
) -> None:
    """Remember to tell about the move, once, from the first date of the flurry to the last."""
    known = moment.note
    reacts = any(r.on == _MOVED for run in moment.runs for r in policy_of(draft, run).reactions)
    if not draft.state.escalated:
        forget_misses(draft, draft.now)
    if not (earlier or draft.state.escalated or known or reacts):
        return
    if draft.event and draft.event.is_import and not (draft.state.escalated or known):
        draft.because(Code.IMPORTED, "nobody is told of the move: an imported event is history")
        return
    moment.note = PendingNote(
        at=known.at if known else draft.now + NOTE_AFTER,
        from_at=known.from_at if known else old,
        earlier=earlier or bool(known and known.earlier),
        escalated=draft.state.escalated or bool(known and known.escalated),
        cause=draft.cause,
        by=by,
        reason=reason,
    )
    draft.because(
        Code.RESCHEDULED, "the move is told a minute after the first one, so that many are one message"
    )


def tell_move(draft: Draft, moment: Moment) -> None:
    """The note's time has come: everyone told hears of the new plan, or the owner that a reminder was jumped over."""
    note = moment.note
    assert note is not None
    moment.note = None
    if note.from_at == moment.at:
        draft.because(Code.UNCHANGED, "the date is back where it was; nobody needs to know")
        return
    draft.state.escalated = note.escalated
    draft.said = {
        "type": _MOVED,
        "data": {
            "commitment_id": split_subject(draft.subject)[1],
            "due_at": iso(moment.at),
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
    if not react(draft, moment, _MOVED, note.cause, extra):
        _tell_move(draft, moment, note, extra)
    forget_misses(draft, note.at - NOTE_AFTER)


def forget_misses(draft: Draft, until: datetime) -> None:
    """The date that was missed is not the date any more; who was told of a miss since `until` still knows of one."""
    for told in draft.state.told:
        told.after = told.after and told.at > until
    draft.state.escalated = any(t.after and t.to != draft.state.owner for t in draft.state.told)


def _tell_move(draft: Draft, moment: Moment, note: PendingNote, extra: dict[str, object]) -> None:
    if not note.escalated and not note.earlier:
        draft.because(Code.UNCHANGED, "the date moved; nobody was waiting to hear of it")
        return
    everyone = [told.to for told in draft.state.told if told.after] if note.escalated else []
    recipients = everyone or [draft.state.owner]
    code = Code.REPLANNED if note.escalated else Code.MOVED_EARLIER
    text = "re-planned to another date" if note.escalated else "moved earlier, past a reminder"
    for to in recipients:
        draft.tell(Notice(to, "replanned", "~moved", moment, [text], cause=note.cause, extra=extra))
        draft.because(code, f"{to} is told: {text}")


def _reason(draft: Draft) -> str:
    """The sender's own words for why, where the event has some."""
    text = getattr(draft.event.data, "reason", "") if draft.event else ""
    return text if isinstance(text, str) else ""
