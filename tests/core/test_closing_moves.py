"""Several moves within a minute are one message; and what a reaction says is said as its policy has it."""

import msgspec

from service.core.events import Answer, CheckinScheduled, CheckinSubmitted, DeadlineClosed, DeadlineSet
from service.core.model import Rhythm
from service.core.policy import Reaction, Recipients
from service.core.reasons import Code
from service.core.view import iso
from tests.core.histories import ID, Happening
from tests.core.policies import world_of
from tests.core.test_closing import AHEAD, MANAGER, MISSED, Story, _deadline, _hour, _ladder, _moved


def test_of_several_moves_the_last_one_says_who_and_why_and_a_jump_past_a_reminder_is_not_forgotten() -> None:
    story = _deadline(AHEAD)
    story.at(0, "deadline.moved", _moved(1, by="leo", reason="sooner"))
    story.at(0, "deadline.moved", _moved(1.5, by="dana", reason="a little later"))

    assert story.heard(0.5) == [("ana", "~moved", "moved earlier, past a reminder")]
    told = story.told[-1].request.extra
    assert told == {"from": iso(_hour(4)), "to": iso(_hour(1.5)), "by": "dana", "reason": "a little later"}


def test_a_date_that_is_back_where_it_was_is_no_news() -> None:
    story = _deadline(AHEAD)
    story.at(0, "deadline.moved", _moved(1))
    story.at(0, "deadline.moved", _moved(4))

    assert story.heard(0.5) == []
    assert story.taken[-1].decision.reasons[0].text == "the date is back where it was; nobody needs to know"


def test_each_move_is_told_as_urgently_as_the_policy_says_and_the_second_one_is_no_repetition() -> None:
    moved = Reaction(
        "moved", "deadline.moved", Recipients(("owner",)), "replanned", urgency="high", visibility="public"
    )
    story = _deadline(AHEAD, reactions=(moved,))
    story.at(0, "deadline.moved", _moved(30))
    story.at(1, "deadline.moved", _moved(40))

    assert [step for _, step, _ in story.heard(2)] == ["moved", "moved"]
    requests = [one.request for one in story.told]
    assert {(one.urgency, one.visibility) for one in requests} == {("high", "public")}
    assert "" not in {one.cause for one in requests}
    assert len({one.cause for one in requests}) == 2
    assert len(set(story.keys)) == 2


def test_an_owner_told_of_a_miss_within_the_minute_of_a_move_is_not_told_of_the_end() -> None:
    story = _deadline(AHEAD, MISSED)
    story.at(1, "deadline.moved", _moved(1 + 1 / 120))
    assert [step for _, step, _ in story.heard(1.5)] == ["missed", "~moved"]
    assert [told.after for told in story.known.told] == [True]
    assert not story.known.moments["due"].escalated

    story.at(2, "deadline.met", DeadlineClosed(commitment_id=ID, by="leo"))

    assert story.heard(3) == []


def test_a_reaction_has_the_senders_words_for_why() -> None:
    story = _deadline(
        AHEAD, reactions=(Reaction("met", "deadline.met", Recipients(("owner.manager",)), "kept"),)
    )
    story.at(1, "deadline.met", DeadlineClosed(commitment_id=ID, by="ana", reason="signed"))

    assert story.heard(2) == [("dana", "met", "reaction met of ladder: deadline.met")]
    assert story.told[-1].request.extra == {"reason": "signed"}


def test_a_policy_on_trial_replaces_no_end_of_the_story() -> None:
    met = Reaction("met", "deadline.met", Recipients(("owner.manager",)), "kept")
    trial = msgspec.structs.replace(_ladder(reactions=(met,)), name="trial", hash="hash-trial", mode="shadow")
    story = Story(world_of(_ladder(MISSED, MANAGER), trial))
    story.at(0, "deadline.set", DeadlineSet(commitment_id=ID, title="T", owner="ana", due_at=_hour(4)))
    story.heard(6)
    story.at(6, "commitment.acknowledged", Answer(subject_id=ID, by="ana"))
    story.heard(6.5)

    story.at(7, "deadline.met", DeadlineClosed(commitment_id=ID, by="ana"))

    assert story.heard(8) == [("dana", "~closed", "it is closed: met")]


def test_a_policy_that_says_that_a_report_has_come_in_says_it_alone_and_is_never_at_a_loss_whom_it_is_from() -> (
    None
):
    reactions = (Reaction("in", "checkin.submitted", Recipients(("owner.manager", "event.from")), "kept"),)
    story = Story(world_of(_ladder(MANAGER, family="checkin", reactions=reactions)), "checkin/ana:weekly")
    rhythm = Rhythm(0, "09:00", 0, "15:00")
    made = CheckinScheduled(person="ana", cadence="weekly", title="W", rhythm=rhythm, time_zone="UTC")
    story.at(0, "checkin.scheduled", made)
    story.heard(56)

    story.at(56, "checkin.submitted", CheckinSubmitted(person="ana", cadence="weekly"))

    reason = "reaction in of ladder: checkin.submitted"
    assert story.heard(57) == [("dana", "in", reason), ("ana", "in", reason)]
    assert story.told[-2].request.reasons == [reason]
    assert Code.NOBODY not in [why.code for taken in story.taken for why in taken.decision.reasons]


def test_a_miss_that_was_none_is_taken_back_although_a_policy_says_that_the_report_is_in() -> None:
    reactions = (Reaction("in", "checkin.submitted", Recipients(("owner.manager",)), "kept"),)
    story = Story(world_of(_ladder(MANAGER, family="checkin", reactions=reactions)), "checkin/ana:weekly")
    rhythm = Rhythm(0, "09:00", 0, "15:00")
    made = CheckinScheduled(person="ana", cadence="weekly", title="W", rhythm=rhythm, time_zone="UTC")
    story.at(0, "checkin.scheduled", made)
    story.heard(56)

    report = CheckinSubmitted(person="ana", cadence="weekly", period="2026-W14")
    story.happen(Happening(0, False, 3, ("checkin.submitted", report)))

    assert [(to, step) for to, step, _ in story.heard(57)] == [("dana", "in"), ("dana", "~closed")]
    assert [one.request.kind for one in story.told[-2:]] == ["notice", "retraction"]


def test_a_policy_is_called_by_its_title_where_it_has_one() -> None:
    met = Reaction("met", "deadline.met", Recipients(("owner.manager",)), "kept")
    for title, called in (("Promises", "Promises"), ("", "ladder")):
        story = Story(world_of(msgspec.structs.replace(_ladder(AHEAD, reactions=(met,)), title=title)))
        story.at(0, "deadline.set", DeadlineSet(commitment_id=ID, title="T", owner="ana", due_at=_hour(4)))
        story.at(1, "deadline.met", DeadlineClosed(commitment_id=ID, by="ana"))

        assert story.heard(2) == [("dana", "met", f"reaction met of {called}: deadline.met")]


def test_whoever_was_only_reminded_is_not_told_of_the_new_plan() -> None:
    reminded = msgspec.structs.replace(AHEAD, notify=Recipients(("owner.mentor",)))
    story = _deadline(reminded, MANAGER)
    assert [to for to, _, _ in story.heard(6)] == ["leo", "dana"]

    story.at(6, "deadline.moved", _moved(30))

    assert [to for to, _, _ in story.heard(7)] == ["dana"]


def test_a_reminder_within_the_minute_of_a_move_is_no_miss() -> None:
    never = Reaction("never", "deadline.moved", Recipients(("owner",)), "replanned", lambda _: False)
    story = _deadline(AHEAD, reactions=(never,))
    story.at(1, "deadline.moved", _moved(3 + 1 / 120))

    assert [step for _, step, _ in story.heard(1.5)] == ["ahead"]
    assert [told.after for told in story.known.told] == [False]
