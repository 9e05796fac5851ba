"""Told is who a message was sent to: not who it was meant for, nor whose message still waits."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.explaining.world import DAY, MON_9, Company, replaced

HOUR = timedelta(hours=1)
AT_TEN = "2026-04-27T10:00:00+02:00"  # ana is told then, dana a business day later


def with_(person: str, more: str) -> Callable[[Path], object]:
    return replaced("directory.yaml", f"{{id: {person},", f"{{id: {person}, {more},")


def with_ana(more: str) -> Callable[[Path], object]:
    return with_("ana", more)


async def who_was_told(company: Company, person: str, bare_id: str = "c1") -> tuple[bool, dict[str, str]]:
    untold = await company.asking.about_person(person, f"deadline/{bare_id}", company.at)
    return untold.was_told, {str(one.code): one.text for one in untold.reasons}


async def reasons(company: Company, person: str) -> list[tuple[str, str]]:
    untold = await company.asking.about_person(person, "deadline/c1", company.at)
    return [(str(one.code), one.text) for one in untold.reasons]


async def test_whoever_stands_in_was_told_and_who_is_away_was_not(tmp_path: Path) -> None:
    away = "away: [{from: 2026-04-01, until: 2026-06-01, delegate: rosa}]"
    company = await Company(tmp_path, with_("dana", away)).start()
    await company.promise(AT_TEN)
    await company.until(MON_9 + 1.5 * DAY)

    dana_was, dana = await who_was_told(company, "dana")
    rosa_was, rosa = await who_was_told(company, "rosa")

    assert (dana_was, rosa_was) == (False, True)
    assert dana["decided"].startswith("dana was to be told: decided Tue 2026-04-28 10:00")
    assert dana["delegated"].endswith("; rosa is told instead")
    assert dana["sent"] == "delivery to rosa: sent by email, attempt 1"
    assert rosa["told"].startswith("rosa was told what was meant for dana: decided Tue 2026-04-28 09:00")
    assert rosa["sent"] == "delivery: sent by email, attempt 1"
    assert "not_in_chain" not in rosa
    [key] = await company.keys("dana")
    assert (await company.asking.about_notification(key)).told == ["rosa"]


async def test_whose_message_waits_is_told_when_it_is_sent(tmp_path: Path) -> None:
    company = await Company(tmp_path, with_ana("quiet: '09:30-23:00'")).start()
    await company.promise(AT_TEN)
    await company.until(MON_9 + 2 * HOUR)

    was_told, why = await who_was_told(company, "ana")

    assert not was_told
    assert why["decided"].startswith("ana was to be told: decided Mon 2026-04-27 10:00, notification ")
    assert why["quiet"].startswith("inbox/ana: it waited for the end of your quiet hours")

    asked_at = company.at
    await company.until(MON_9 + 15 * HOUR)
    earlier = await company.asking.about_person("ana", "deadline/c1", asked_at)

    assert (await who_was_told(company, "ana"))[0]
    assert not earlier.was_told
    assert "ana was told later, Mon 2026-04-27 23:00" in [one.text for one in earlier.reasons]


async def test_what_is_withdrawn_while_it_waits_tells_nobody(tmp_path: Path) -> None:
    company = await Company(tmp_path, with_ana("quiet: '09:30-23:00'")).start()
    await company.promise(AT_TEN)
    await company.until(MON_9 + 2 * HOUR)
    await company.emit("deadline.met", commitment_id="c1", by="ana")
    await company.until(MON_9 + 15 * HOUR)

    said = [text for _, text in await reasons(company, "ana")]

    assert not (await who_was_told(company, "ana"))[0]
    assert "delivery: it is met by now" in said, said
    [key] = await company.keys("ana")
    assert (await company.asking.about_notification(key)).told == []


async def test_of_a_digest_only_what_is_left_of_it_was_told(tmp_path: Path) -> None:
    company = await Company(tmp_path, with_ana("quiet: '09:30-23:00'")).start()
    for number in (1, 2, 3):
        await company.promise(AT_TEN, commitment_id=f"c{number}", title=f"Promise {number}")
    await company.until(MON_9 + 2 * HOUR)
    await company.emit("deadline.met", commitment_id="c1", by="ana")
    await company.until(MON_9 + 15 * HOUR)

    told = [await who_was_told(company, "ana", f"c{number}") for number in (1, 2, 3)]

    assert [was_told for was_told, _ in told] == [False, True, True]


async def test_the_last_that_is_left_of_a_digest_was_told(tmp_path: Path) -> None:
    company = await Company(tmp_path, with_ana("quiet: '09:30-23:00'")).start()
    for number in (1, 2):
        await company.promise(AT_TEN, commitment_id=f"c{number}", title=f"Promise {number}")
    await company.until(MON_9 + 2 * HOUR)
    await company.emit("deadline.met", commitment_id="c1", by="ana")
    await company.until(MON_9 + 15 * HOUR)

    told = [await who_was_told(company, "ana", f"c{number}") for number in (1, 2)]

    assert [was_told for was_told, _ in told] == [False, True]


async def test_whoever_stands_in_is_told_when_their_own_quiet_time_ends(tmp_path: Path) -> None:
    away = "away: [{from: 2026-04-01, until: 2026-06-01, delegate: leo}]"
    company = await Company(
        tmp_path, lambda folder: [with_("ana", away)(folder), with_("leo", "quiet: '09:30-13:00'")(folder)]
    ).start()
    await company.promise(AT_TEN)
    await company.until(MON_9 + 2 * HOUR)

    was_told, why = await who_was_told(company, "leo")

    assert not was_told
    assert why["decided"].startswith("leo was to be told what was meant for ana: ")

    await company.until(MON_9 + 4.5 * HOUR)

    assert (await who_was_told(company, "leo"))[0]
    assert not (await who_was_told(company, "ana"))[0]


async def test_what_waited_and_was_then_handed_on_told_whoever_stands_in(tmp_path: Path) -> None:
    company = await Company(tmp_path, with_ana("quiet: '09:30-23:00'")).start()
    await company.promise(AT_TEN)
    await company.until(MON_9 + 2 * HOUR)
    await company.emit(
        "person.away",
        **{
            "person": "ana",
            "from": "2026-04-27T08:00:00Z",
            "until": "2026-06-01T08:00:00Z",
            "delegate": "leo",
        },
    )
    await company.until(MON_9 + 3 * HOUR)

    assert (await who_was_told(company, "leo"))[0]
    assert not (await who_was_told(company, "ana"))[0]
