"""Why somebody was told: the event, the policy and its line, the arithmetic, the way to the person, what followed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from service.channels.contract import ChannelError
from service.core.events import CheckinScheduled
from service.core.model import Rhythm
from service.explaining.ask import NotFound
from service.store.contract import Logged
from tests.explaining.world import DAY, LADDER, Company, replaced

MANAGER = f"policies/{LADDER}.yaml"


def line_of(company: Company, step: str) -> int:
    lines = (company.config / MANAGER).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith(f"  - id: {step}"))


async def test_every_part_of_a_reminder_is_said(company: Company) -> None:
    await company.promise()  # due on Monday 4 May, 17:00; Friday is the 1st
    await company.until(company.at + 3 * DAY)
    version = company.settings.policies.live[1].hash

    [key] = await company.keys("ana")
    said = await company.said(key)

    assert said["event"] == "the timer of Tue 2026-04-28 17:00, decided Tue 2026-04-28 17:00 Europe/Madrid"
    line = line_of(company, "heads-up")
    assert said["policy"] == f"step heads-up of {LADDER}, version {version}, {MANAGER}:{line}"
    assert said["time"] == (
        "3 business days before the deadline, Mon 2026-05-04 17:00 Europe/Madrid, leaving out Sat, Sun and "
        "Fri 2026-05-01 (Labor Day) = Tue 2026-04-28 17:00"
    )
    assert said["person"] == "owner: ana"
    assert said["delivery"] == "Tue 2026-04-28 17:00 sent by email, attempt 1 [sent]"
    assert said["next"].startswith(
        "step last-call of deadline-follow-through to ana, Mon 2026-05-04 13:00 Europe/Madrid"
    )
    assert "held back" not in said


async def test_a_manager_is_found_by_the_directory_of_that_time(company: Company) -> None:
    await company.promise("2026-04-27T10:00:00+02:00")
    await company.until(company.at + 2 * DAY)
    key = (await company.keys("dana"))[0]
    await company.reload(
        replaced(
            "directory.yaml", "manager: dana, mentor: leo, teams: [east]", "manager: omar, teams: [east]"
        )
    )

    said = await company.said(key)

    assert said["person"] == "owner.manager: ana → dana"
    assert said["next"].startswith(f"step manager of {LADDER} (round 2) to omar")


async def test_an_old_decision_is_explained_by_the_policy_it_was_made_under(company: Company) -> None:
    await company.promise("2026-04-27T10:00:00+02:00")
    await company.until(company.at + DAY * 1.5)
    old = company.settings.policies.live[1].hash
    key = (await company.keys("dana"))[0]
    await company.reload(replaced(MANAGER, "at: 1 business day after", "at: 2 business days after"))

    said = await company.said(key)

    assert f"version {old}" in said["policy"]
    assert said["policy"].endswith(", a version no longer in force")
    assert said["time"].startswith("1 business day after the deadline, Mon 2026-04-27 10:00")
    assert said["time"].endswith("= Tue 2026-04-28 10:00")


async def test_a_date_that_moved_since_does_not_change_what_was_reckoned_then(company: Company) -> None:
    await company.promise()
    await company.until(company.at + 3 * DAY)
    [key] = await company.keys("ana")
    await company.emit("deadline.moved", commitment_id="c1", due_at="2026-06-12T12:00:00+02:00")
    await company.emit("deadline.reassigned", commitment_id="c1", owner="kim")

    said = await company.said(key)

    assert "the deadline, Mon 2026-05-04 17:00 Europe/Madrid" in said["time"]
    assert said["person"] == "owner: ana"
    assert "to kim" in said["next"]


async def test_a_ladder_that_was_held_up_says_by_how_much(company: Company) -> None:
    await company.promise("2026-04-27T10:00:00+02:00")
    await company.until(company.at + timedelta(hours=2))
    company.at += DAY  # nothing ran
    await company.until(company.at + 3 * DAY)

    said = await company.said((await company.keys("dana"))[1])

    assert "the ladder stands " in said["time"]
    assert " later, so " in said["time"]


async def test_a_reaction_names_its_event_and_its_line(company: Company) -> None:
    await company.promise(importance="high")
    await company.emit("deadline.met", commitment_id="c1")

    said = await company.said((await company.keys("channel:wins"))[0])

    assert said["event"].startswith("deadline.met `e2` from crm, decided Mon 2026-04-27 09:00")
    assert said["policy"].startswith(f"reaction kept of {LADDER}, version ")
    assert f"{MANAGER}:{line_of(company, 'kept')}" in said["policy"]
    assert said["person"] == "team: team east → channel:wins"
    assert said["next"] == "nothing: it is met"
    assert "time" not in said


async def test_what_is_built_in_says_so(company: Company) -> None:
    await company.promise("2026-04-27T10:00:00+02:00")
    await company.until(company.at + DAY * 1.5)
    await company.emit("deadline.met", commitment_id="c1")

    said = await company.said((await company.keys("dana"))[-1])

    assert said["policy"] == "no policy; it is built in: dana is told: it is closed: met"


async def test_what_was_skipped_together_with_it_is_held_back(company: Company) -> None:
    await company.promise("2026-04-27T10:00:00+02:00")
    company.at += DAY * 1.2
    await company.until(company.at)

    said = await company.said((await company.keys("dana"))[0])

    assert f"step missed of {LADDER} was overtaken by a later step [superseded]" in said["held back"]
    assert "decided late, " in said["event"]


async def test_every_attempt_is_told_up_to_the_fallback_contact(company: Company) -> None:
    company.refuses = lambda owed: (
        ChannelError("no such address", permanent=True) if owed.to == "ana" else None
    )
    await company.promise()
    await company.until(company.at + 3 * DAY)

    said = await company.said((await company.keys("ana"))[0])

    assert "[dead]" in said["delivery"]
    assert "no such address" in said["delivery"]
    assert "sent by email, attempt 1 [sent]" in said["delivery"]  # to the fallback contact


async def test_the_key_of_a_delivery_explains_the_same_as_the_key_of_the_request(company: Company) -> None:
    await company.promise()
    await company.until(company.at + 3 * DAY)
    [asked] = await company.keys("ana")
    record, _ = await company.asking.about_subject("deadline/c1")
    [delivered] = [
        key
        for one in record.decided
        for after in one.afterwards
        for what, key, _ in after.effects
        if what == "deliver"
    ]

    by_delivery = await company.asking.about_notification(delivered)

    assert delivered != asked
    assert by_delivery == await company.asking.about_notification(asked)
    assert by_delivery == await company.asking.about_notification(delivered, "deadline/another")


async def test_a_check_in_is_explained(company: Company) -> None:
    rhythm = Rhythm(1, "09:00", 1, "15:00")
    zone = "Europe/Madrid"
    weekly = CheckinScheduled(person="ana", cadence="weekly", title="Weekly", rhythm=rhythm, time_zone=zone)
    await company.schedule(weekly)
    await company.until(company.at + 3 * DAY)

    first, second, *_ = await company.keys("ana", "checkin/ana:weekly")

    assert (await company.said(first))["policy"].startswith(
        "no policy; it is built in: ana is asked: Weekly asks for"
    )
    assert (await company.said(second))["policy"].startswith("step ")


async def test_an_entry_from_before_the_log_kept_the_dates_is_explained_by_the_state(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    await company.promise()
    await company.until(company.at + 3 * DAY)
    [key] = await company.keys("ana")
    before = await company.said(key)
    log = company.store.log

    async def as_it_was(*asked: Any, **more: Any) -> list[Logged]:
        return [one._replace(value=_shortened(one.value)) for one in await log(*asked, **more)]

    monkeypatch.setattr(company.store, "log", as_it_was)

    assert (await company.said(key))["time"] == before["time"]


async def test_a_key_nobody_knows_is_not_found(company: Company) -> None:
    with pytest.raises(NotFound) as raised:
        await company.asking.about_notification("0" * 32)

    assert "no notification '000" in str(raised.value)
    assert "/v1/caught" in raised.value.hint


async def test_only_what_is_needed_is_read(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys lead to one inbox, from the time of the decision on."""
    await company.promise()
    await company.until(company.at + 3 * DAY)
    read: list[tuple[str, str]] = []
    log = company.store.log

    async def noted(shard: object, after: str = "0", count: int = 500) -> object:
        read.append((str(shard), after))
        return await log(shard, after, count)  # type: ignore[arg-type]

    monkeypatch.setattr(company.store, "log", noted)
    await company.asking.about_subject("deadline/c1")

    inboxes = {(shard, after) for shard, after in read if shard.startswith("inbox")}
    decided_at = datetime(2026, 4, 28, 15, tzinfo=UTC)
    assert len({shard for shard, _ in inboxes}) == 1
    assert min(int(after.partition("-")[0]) for _, after in inboxes) >= (decided_at.timestamp() - 60) * 1000


def _shortened(raw: bytes) -> bytes:
    """As it was written before whose it is and when were kept: without the last two fields."""
    return msgspec.msgpack.encode(msgspec.msgpack.decode(raw)[:10])
