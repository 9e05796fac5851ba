"""An inbox and its digests in words: what waits, what they hold, and whose clock it is told by."""

from datetime import timedelta
from pathlib import Path

import pytest

from service.core.model import Inbox
from service.explaining.ask import NotFound
from service.explaining.inbox import in_words, next_of_inbox
from tests.explaining.test_who_was_told import AT_TEN, with_ana
from tests.explaining.world import DAY, MON_9, Company

HOUR = timedelta(hours=1)


@pytest.fixture
async def quiet(tmp_path: Path) -> Company:
    """Two promises of ana's are missed while she may not be disturbed."""
    company = await Company(tmp_path, with_ana("quiet: '09:30-23:00'")).start()
    for number in (1, 2):
        await company.promise(AT_TEN, commitment_id=f"c{number}", title=f"Promise {number}")
    return company


async def test_a_digest_says_what_is_in_it_and_what_waits_now(quiet: Company) -> None:
    await quiet.until(MON_9 + 15 * HOUR)
    [key] = [key for key in await keys_of_inbox(quiet) if key]

    explained = await quiet.asking.about_notification(key)

    said = [(one.about, one.text) for one in explained.sentences]
    assert explained.title == "Digest"
    assert dict(said)["policy"].startswith(
        "none asked for this message: what had waited for ana comes as one"
    )
    assert sorted(text for about, text in said if about == "in it") == [
        "Promise 1 (offer_help)",
        "Promise 2 (offer_help)",
    ]
    assert dict(said)["next"] == "nothing waits for ana"
    assert "held back" not in dict(said)
    assert len(explained.as_dict()["in_it"]) == 2  # type: ignore[arg-type]


async def test_an_inbox_is_no_commitment_that_was_closed(quiet: Company) -> None:
    await quiet.until(MON_9 + 3 * HOUR)
    away = {"from": "2026-05-04T00:00:00+02:00", "until": "2026-05-06T00:00:00+02:00", "delegate": "leo"}
    await quiet.emit("person.away", person="ana", **away)
    await quiet.emit("preferences.changed", person="ana", noise_budget=4)

    record, versions = await quiet.asking.about_subject("inbox/ana")

    assert isinstance(record.state, Inbox)
    assert in_words(record.state, "ana", versions) == [
        "0 messages sent so far",
        "ana is away from Mon 2026-05-04 00:00 Europe/Madrid until Wed 2026-05-06 00:00 Europe/Madrid; leo stands in",
        "noise budget as ana asked for: 4",
    ]
    waits = "2 messages for ana go out in one digest, Mon 2026-04-27 23:00 Europe/Madrid"
    assert next_of_inbox(record.state, "ana", versions) == waits
    [_, said] = [reason.text for one in record.decided[-2:] for reason in one.entry.reasons]
    assert said == "ana is told as they asked: budget"


async def test_what_is_recorded_of_it_is_told_by_its_readers_clock(quiet: Company) -> None:
    await quiet.until(MON_9 + 3 * HOUR)
    await quiet.emit("person.away", person="ana", until="2026-05-04T00:00:00+02:00")

    record, _ = await quiet.asking.about_subject("inbox/ana")

    said = [reason.text for one in record.decided for reason in one.entry.reasons]
    assert any(text.endswith("it waits for the digest at 2026-04-27 23:00 Europe/Madrid") for text in said)
    assert "ana is away from 2026-04-27 12:00 Europe/Madrid until 2026-05-04 00:00 Europe/Madrid" in said


async def test_whoever_asks_about_a_person_is_shown_to_their_inbox(company: Company) -> None:
    await company.until(company.at + DAY)

    with pytest.raises(NotFound) as missing:
        await company.asking.about_subject("dana")

    assert missing.value.hint.startswith("dana is a person: inbox/dana tells what they are told")


async def keys_of_inbox(company: Company) -> list[str]:
    record, _ = await company.asking.about_subject("inbox/ana")
    return [key for one in record.decided for what, key, _ in one.entry.effects if what == "deliver"]
