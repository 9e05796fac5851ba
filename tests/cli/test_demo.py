"""demo: a made-up quarter, told day by day."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from service.core.directory import Directory, Person
from service.simulator.story import days, sentence
from tests.cli.shell import Shell
from tests.simulator.told import told as told_

AT = datetime(2026, 1, 12, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited between the days."""
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_a_quarter_is_told_at_the_speed_asked_for_and_ends_with_figures_and_what_to_type_next(
    shell: Shell, naps: list[float]
) -> None:
    answer = shell("demo", "--people", "2", "--speed", "4")

    lines = answer.out.splitlines()
    days = [line for line in lines if re.match(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d\d ", line)]
    assert answer.code == 0, answer.err
    assert lines[0] == "Followthrough demo · a quarter of 2 people · seed 7 · nothing leaves this machine"
    assert len(days) > 60, "a quarter has some 64 working days"
    assert naps == [0.25] * len(days)
    assert any("because nobody answered" in line for line in days), "somebody forgot, and their lead heard"
    assert re.search(r"deadlines promised +\d+\nof them kept in time +\d+", answer.out)
    assert re.search(r"followthrough run|service run", lines[-3])


def test_the_same_seed_tells_the_same_story_and_another_another(shell: Shell, naps: list[float]) -> None:
    told = [shell("demo", "--people", "1", "--json", "--headless", "--seed", seed).json for seed in "778"]

    assert told[0] == told[1] != told[2]
    assert naps == []


def test_what_it_counts_is_in_what_it_tells(shell: Shell) -> None:
    told = shell("demo", "--people", "2", "--json").json

    summary, templates = told["summary"], [message["template"] for message in told["messages"]]
    assert summary["messages"] == len(templates)
    assert summary["celebrations"] == templates.count("kept") + templates.count("deal_won") > 0
    assert summary["reminders"] == templates.count("reminder") + templates.count("checkin_ask") > 0
    assert 0 < summary["kept_late"] < summary["kept_in_time"] < summary["promised"]
    assert summary["answered_after_s"] is None or summary["answered_after_s"] > 0


def test_of_a_day_the_weightiest_message_is_told_and_by_its_readers_clock() -> None:
    directory = Directory({"ana": Person("ana"), "kim": Person("kim", time_zone="Asia/Tokyo")}, {}, {})
    reminder, escalated = told_("reminder", "ana", AT), told_("escalated", "kim", AT + HOUR)
    again = [told_("escalated", "kim", AT + 24 * HOUR), told_("reminder", "ana", AT + 25 * HOUR)]

    told = list(days([reminder, escalated, *again, told_("reminder", "ana", AT + 49 * HOUR)]))

    assert [day.told for day in told[:2]] == [escalated, again[1]], "and another kind on the next day"
    assert [day.told.owed.template for day in told] == ["escalated", "reminder", "reminder"]
    assert sentence(escalated, directory) == (
        "Mon 12 Jan 18:00  kim hears of it, because nobody answered: “Send it” of ana (step manager)"
    )
    assert sentence(reminder, directory) == "Mon 12 Jan 08:00  ana is reminded: “Send it” (step manager)"
