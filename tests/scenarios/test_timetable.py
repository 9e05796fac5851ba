"""The picture of a promise that was not kept."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from service.simulator.judge import Expected, Message, Story, judge
from service.simulator.timetable import timetable

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
MADRID = ZoneInfo("Europe/Madrid")


def pictured(*words: str) -> str:
    got = Message(at=AT, to="ana", template="missed", text="Was due just now\n\nWhat is the next step?")
    return timetable(judge([Expected(at=AT, to="ana", contains=words)], [], [], Story([got])), MADRID)


def test_words_that_are_not_in_the_message_are_shown_with_what_was_read():
    picture = pictured("Was due today")

    assert "promised words: ['Was due today']" in picture
    assert "  ana reads:\n    | Was due just now\n    |\n    | What is the next step?" in picture


def test_words_that_are_in_the_message_need_no_showing():
    assert "reads" not in pictured("next step")
