"""Dates and owners: what follows when one of a subject's moments moves, goes away, or the subject changes hands.

The same for every family; which events say so is in `rules/`. What it does to a policy's run is in ladder.py.
"""

from datetime import UTC, date, datetime, timedelta

from msgspec import UNSET

from service.core.calendar import wall
from service.core.closing import close, lose_date, note_move
from service.core.draft import Draft, Notice
from service.core.fallback import fallback
from service.core.ladder import begin, match, moved_into_past, policy_of
from service.core.merge import is_newer, stamp
from service.core.model import IMPORTED, Moment, name_of, told_of
from service.core.policy import Recipients
from service.core.reasons import Code
from service.core.recipients import resolve
from service.core.timeline import firings, is_behind, nominal_at, pending

# Further away than this a date is probably a slip (safety, bad input): it is kept, and pages point at it.
FAR_OFF = timedelta(days=2 * 366)

# A moment counts its cycles from the day it was first heard of: a subject that was removed and is announced again must
# repeat no key, or what is said of it would be taken for what was said before. No moment begins so many in a day.
CYCLES_A_DAY = 100

_IMPORT_IS_FOR = Recipients(("owner", "owner.manager"))


def begin_cycle(moment: Moment, least: int = 0) -> None:
    """The date, the owner, or open and closed has changed: what was said to the cycle before is stale.

    Where the subject may be removed and begin again, `least` keeps its cycles apart from those before the removal.
    """
    moment.cycle = max(moment.cycle + 1, least)
    moment.changed = moment.cycle


def first_cycle(at: datetime) -> int:
    """The first cycle of a moment first heard of at `at`."""
    return CYCLES_A_DAY * at.astimezone(UTC).toordinal()


def moment_named(draft: Draft, name: str) -> Moment:
    """The subject's moment of this name; a new one where it had none."""
    found = draft.state.moments.get(name)
    if found is None:
        cycle = first_cycle(draft.now)
        found = draft.state.moments[name] = Moment(cycle=cycle, changed=cycle)
    return found


def take_date(draft: Draft, name: str, at: object, on: object) -> bool:
    """Keep the date of a moment if nothing newer is known of it; nothing follows from it here."""
    key = (
        name if name == "due" else f"{name}_at"
    )  # beside the text of a next step, which has a time of its own
    if (at is UNSET and on is UNSET) or not is_newer(draft.state, key, draft.happened_at):
        return False
    _put_date(draft, moment_named(draft, name), at, on)
    stamp(draft.state, key, draft.happened_at)
    return True


def move(draft: Draft, name: str, at: object, on: object, by: str = "", reason: str = "") -> bool:
    """Apply a new date, or its removal; whether anything changed."""
    state, moment = draft.state, moment_named(draft, name)
    if at is UNSET and on is UNSET:
        return False
    old = moment.at
    if not take_date(draft, name, at, on):
        draft.because(Code.OLDER, "a newer date is known")
        return False
    if moment.at == old and (old is not None or state.status == "no_date" or state.deal):
        return False
    if moment.at is None:
        without_date(draft, moment, old, by)
        return True
    if state.status == "no_date":
        state.status, state.closed_at, state.remove_at = "open", None, None
        state.flags = [flag for flag in state.flags if flag != "no_date"]
    replan(draft, moment, old, by, reason)
    return True


def replan(draft: Draft, moment: Moment, old: datetime | None, by: str, reason: str) -> None:
    """The date is another one: a new cycle from its first step that still lies ahead."""
    calendar = draft.world.directory.calendar_of(draft.state.owner)
    assert moment.at is not None
    begin_cycle(moment)
    jumped = False
    start = moved_into_past(draft, moment)
    for run in moment.runs:
        waiting = [f for f in pending(run, policy_of(draft, run), moment, calendar) if f.is_before]
        jumped |= any(is_behind(firing, moment.at, calendar, draft.now) for firing in waiting)
        begin(draft, moment, run, start)
    earlier = old is not None and moment.at < old
    moment.slips += old is not None and moment.at > old
    what = name_of(draft.state, moment).replace("_", " ")
    draft.because(Code.RESCHEDULED, f"{what} {draft.minute(moment.at)} now")
    is_first = draft.state.deal is not None and old is None and moment.note is None
    if not is_first:  # a deal that goes on and has a date now was not moved
        note_move(draft, moment, old, earlier and jumped, by, reason)
    match(draft)
    is_import = draft.event is not None and draft.event.is_import
    if (
        is_import
        and moment.at <= draft.now
        and draft.state.status == "open"
        and not told_of(draft.state, moment)
    ):
        mention_imported(draft, moment)


def without_date(draft: Draft, moment: Moment, old: datetime | None = None, by: str = "") -> None:
    """No date, no timers. A commitment is closed as such, and flagged so that somebody gives it one; a deal goes on."""
    if draft.state.deal:
        what = name_of(draft.state, moment).replace("_", " ")
        draft.because(Code.NO_DATE, f"its {what} has no date any more; nobody is reminded of that")
        lose_date(draft, moment, old, by)
        return
    moment.at, moment.on = None, ""
    if "no_date" not in draft.state.flags:
        draft.state.flags.append("no_date")
    draft.because(Code.NO_DATE, "it has no date; nobody can be reminded of it")
    close(draft, "no_date", draft.now, by, old)


def tell_already_late(draft: Draft, moment: Moment) -> None:
    """Due before it was told to us: the owner hears so once; the ladder after the moment counts from now.

    It stands for what the policies tell the owner at the moment; whomever else they tell then hears at once as well.
    """
    owner, calendar = draft.state.owner, draft.world.directory.calendar_of(draft.state.owner)
    text = "it was already late when it was recorded"
    policies = [policy_of(draft, run) for run in moment.runs]
    for run, policy in zip(moment.runs, policies, strict=True):
        for firing in firings(policy, moment, calendar):
            is_now = (
                not firing.is_before and nominal_at(firing, moment.at or draft.now, calendar) == moment.at
            )
            if is_now and firing.step.notify.names == ("owner",):
                run.done |= 1 << firing.bit
    live = sorted((policy for policy in policies if policy.steps), key=draft.is_shadow)
    if live and draft.tell(
        Notice(owner, "missed", "~already_late", moment, [text], live[0], until="acknowledged", after=True)
    ):
        draft.because(Code.ALREADY_LATE, f"{owner} is told: {text}")


def mention_imported(draft: Draft, moment: Moment) -> None:
    """Imported after its time: no policy fires backwards. Whose it is and their manager find it in their next digest,
    beside all that came with it, and nothing more follows. With neither of them there it is in the fallback contact's.
    """
    live = [policy for policy in (policy_of(draft, run) for run in moment.runs) if policy.steps]
    live.sort(key=draft.is_shadow)
    if not live:
        return
    text = "it was overdue already when it was imported; nobody was told of it before"
    found = resolve(_IMPORT_IS_FOR, draft.state, draft.world.directory)
    if not found:
        found = fallback(draft.world.fallback_contact, draft.world.directory)
        text = f"{draft.state.owner} is nobody we know; {text}"
    for to in found:
        template = "missed" if to == draft.state.owner else "escalated"
        notice = Notice(to, template, IMPORTED, moment, [text], live[0], urgency="low", until="done")
        if draft.mention(notice):
            draft.because(Code.IMPORTED, f"{to} finds it in the next digest: {text}")


def hand_over(draft: Draft, old_owner: str) -> None:
    """A new owner starts afresh: old answers do not bind, and whoever was told before learns who has it now."""
    state = draft.state
    draft.because(Code.RECORDED, f"{state.owner} owns it now")
    was_told, in_trouble = any(told.to == old_owner for told in state.told), any(t.after for t in state.told)
    for moment in state.moments.values():
        begin_cycle(moment)
        settle_date(draft, moment)
        for run in moment.runs:
            begin(draft, moment, run)
    by = getattr(draft.event.data, "by", "") if draft.event else ""
    moments = list(state.moments.values())
    moment = next((one for one in moments if one.escalated), moments[0])  # the one they have to hear about
    extra: dict[str, object] = {"from_owner": old_owner, "to_owner": state.owner}
    text = f"handed over from {old_owner} to {state.owner}"
    # Whoever did it needs no word of it.
    if was_told and old_owner and old_owner != by:
        farewell = Notice(old_owner, "replanned", "~handed_over", moment, ["it changed hands"], extra=extra)
        farewell.is_farewell = True
        draft.tell(farewell)
        draft.because(Code.HANDED_OVER, f"{old_owner} is told: {text}")
    if in_trouble and state.owner != by:
        draft.tell(
            Notice(state.owner, "replanned", "~handed_over", moment, ["it changed hands"], extra=extra)
        )
        draft.because(Code.HANDED_OVER, f"{state.owner} is told: {text}")
    state.told = [told for told in state.told if told.to != old_owner]
    if draft.event and draft.event.is_import and old_owner not in draft.world.directory.people:
        for one in moments:  # neither of whom it is for was there when it was imported
            if one.at is not None and one.at <= draft.now:
                mention_imported(draft, one)


def settle_date(draft: Draft, moment: Moment) -> None:
    """The instant of a day follows its owner: the end of their working hours, in their zone."""
    if moment.on:
        moment.at = _instant(draft, None, date.fromisoformat(moment.on))


def _put_date(draft: Draft, moment: Moment, at: object, on: object) -> None:
    is_said_again = isinstance(on, date) and on.isoformat() == moment.on
    if is_said_again and moment.at is not None and moment.at <= draft.now:
        return  # a day that has passed has ended: its owner may live elsewhere by now
    moment.on = on.isoformat() if isinstance(on, date) else ""
    moment.at = _instant(draft, at, on)
    draft.state.flags = [flag for flag in draft.state.flags if flag != "far_off"]
    if moment.at is not None and moment.at - draft.now > FAR_OFF:
        draft.state.flags.append("far_off")
        draft.because(Code.RECORDED, "its date is more than two years away; flagged, in case that is a slip")


def _instant(draft: Draft, at: object, on: object) -> datetime | None:
    """The instant of a date as given: itself, or the end of the owner's working hours that day."""
    if isinstance(at, datetime):
        return at
    if isinstance(on, date):
        directory, owner = draft.world.directory, draft.state.owner
        return wall(on, directory.end_of_day(owner, on), directory.zone_of(owner))
    return None
