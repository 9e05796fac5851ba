"""A plan says how much of it falls upon one reader at one minute."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from service.cli.plan_readers import busiest_minutes, show_readers
from service.core.directory import Directory, Person, World
from service.core.plan import Plan, plan
from service.core.policy import At, Policy, PolicyBook, Recipients, Step
from service.core.view import iso
from service.simulator.pure import PureRun
from service.simulator.seller import arrive

MON_8 = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
BOSS = Step("boss", At(elapsed=2 * HOUR, text="2 hours after"), Recipients(("owner.manager",)))
NEW = Policy("late", "Late", "deadline", "due", "h1", steps=(BOSS,))
PEOPLE = Directory({"ana": Person("ana", manager="dana"), "dana": Person("dana")}, {}, {}, "g")


def company(*policies: Policy) -> World:
    book = PolicyBook(policies, {policy.hash: policy for policy in policies})
    return World(book, PEOPLE, {}, frozenset({"email"}))


def plans(overdue: int, *policies: Policy) -> list[Plan]:
    """What these policies mean for so many commitments that were missed before there was any, and for one ahead."""
    run = PureRun(company(), MON_8)
    for number in range(overdue + 1):
        due_at = MON_8 + (HOUR if number < overdue else 30 * HOUR)
        data = {"commitment_id": f"c{number}", "title": "Call back", "owner": "ana", "due_at": iso(due_at)}
        attributes = {"specversion": "1.0", "id": f"e{number}", "source": "crm", "type": "deadline.set"}
        run.give(arrive({**attributes, "time": iso(MON_8), "data": data}, MON_8))
    now = MON_8 + 9 * HOUR
    found = [plan(subject, raw, company(*policies), now) for subject, raw in sorted(run.states.items())]
    return [one for one in found if one is not None]


def test_what_was_missed_long_ago_and_comes_at_once_is_counted_for_its_reader() -> None:
    found = busiest_minutes(plans(25, NEW), company(NEW).policies)

    assert found == [("dana", MON_8 + 11 * HOUR, 25)]


def test_two_policies_at_one_commitment_count_once_and_one_in_shadow_mode_not_at_all() -> None:
    other = msgspec.structs.replace(NEW, name="other", hash="h2")
    shadow = msgspec.structs.replace(NEW, name="shadow", hash="h3", mode="shadow")

    both = busiest_minutes(plans(3, NEW, other), company(NEW, other).policies)

    assert [one.commitments for one in both] == [3]
    assert busiest_minutes(plans(3, shadow), company(shadow).policies) == []


def test_it_is_said_by_the_readers_own_clock(capsys: pytest.CaptureFixture[str]) -> None:
    show_readers(busiest_minutes(plans(25, NEW), company(NEW).policies), PEOPLE)

    assert capsys.readouterr().out.splitlines() == [
        "told of several at one minute, by next steps that are others than before:",
        "  dana                     Mon 2026-03-02 19:00  25 commitments",
    ]


def test_one_at_a_time_is_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    show_readers(busiest_minutes(plans(0, NEW), company(NEW).policies), PEOPLE)

    assert capsys.readouterr().out == ""
