"""Why nobody was told: each kind of silence has its reason, and says what is still to come."""

from datetime import timedelta
from pathlib import Path

import pytest

from service.channels.contract import ChannelError
from service.explaining.ask import NotFound
from tests.explaining.world import DAY, LADDER, MON_9, Company, replaced

HOUR = timedelta(hours=1)
POLICY = f"policies/{LADDER}.yaml"
AT_TEN = "2026-04-27T10:00:00+02:00"


async def test_a_step_that_is_not_due_says_when_it_will_be(company: Company) -> None:
    await company.promise(AT_TEN)
    await company.until(company.at + 2 * HOUR)

    [first] = [text for code, text in await reasons(company, "dana") if code == "not_due"]

    assert first == (
        f"step manager of {LADDER} is not due before: 1 business day after the deadline, Mon 2026-04-27 10:00 "
        "Europe/Madrid = Tue 2026-04-28 10:00"
    )


async def test_who_acknowledged_is_named_and_until_when_it_holds(company: Company) -> None:
    await company.promise(AT_TEN)
    await company.until(company.at + 2 * HOUR)
    await company.emit("commitment.acknowledged", subject_id="c1", by="ana")
    await company.until(company.at + 1.5 * DAY)

    said = [text for code, text in await reasons(company, "dana") if code == "acknowledged"]

    assert "ana is on it; later steps wait (said Mon 2026-04-27 11:00)" in said
    assert any(text.startswith(f"step manager of {LADDER} waits: ana said") for text in said)


async def test_an_acknowledgement_that_has_expired_explains_nothing_any_more(company: Company) -> None:
    await company.promise(AT_TEN)
    await company.until(company.at + 2 * HOUR)
    await company.emit("commitment.acknowledged", subject_id="c1", by="ana")
    await company.until(company.at + 3 * DAY)

    said = [code for code, _ in await reasons(company, "dana")]

    assert "told" in said
    assert "acknowledged" not in said


async def test_a_snooze_is_named(company: Company) -> None:
    await company.promise(AT_TEN)
    await company.until(company.at + 2 * HOUR)
    await company.emit("commitment.snoozed", subject_id="c1", by="ana", until="2026-04-29T12:00:00Z")
    await company.until(company.at + 1.2 * DAY)

    assert (
        "it is snoozed until Wed 2026-04-29 14:00 Europe/Madrid" in (await company.why_not("dana"))["snoozed"]
    )


async def test_a_step_that_was_skipped_says_why(company: Company) -> None:
    await company.promise()
    await company.emit("deadline.progress", commitment_id="c1", percent=95)
    await company.until(MON_9 + 7 * DAY + 6 * HOUR)

    why = await company.why_not("ana")

    assert why["skip_if"] == f"step last-call of {LADDER} is skipped by its `skip_if`"
    assert why["told"].startswith("ana was told: decided Tue 2026-04-28 17:00, notification ")


async def test_a_policy_whose_when_became_false_says_so(company: Company) -> None:
    await company.promise()
    await company.promise(importance="low")
    await company.until(company.at + 2 * DAY)

    why = await company.why_not("ana")

    assert why["when_false"].startswith(
        f"step heads-up of {LADDER} is silent: the policy's `when` does not hold"
    )


async def test_where_no_policy_matched_each_says_what_it_asks_for(company: Company) -> None:
    await company.promise(importance="low")

    why = await company.why_not("dana")

    assert why["no_policy"] == "no policy applies to it"
    said = [text for code, text in await reasons(company, "dana") if code == "when_false"]
    asked = "commitment.importance != 'low' and commitment.kind != 'tour'"
    assert f"{LADDER} does not apply: its `when` is false: {asked}" in said


async def test_who_is_not_in_the_chain_learns_who_is(company: Company) -> None:
    await company.promise()

    why = await company.why_not("kim")

    assert why == {
        "not_in_chain": f"no step of {LADDER} tells kim; it tells: heads-up → ana, last-call → ana, missed → ana, "
        "offer-help → ana and leo, manager → dana, director → omar"
    }


async def test_an_imported_one_is_silent_about_the_past(company: Company) -> None:
    await company.emit(
        "deadline.set",
        imported=True,
        commitment_id="c1",
        title="Old",
        owner="ana",
        due_at="2026-03-02T10:00:00Z",
    )

    said = [text for code, text in await reasons(company, "dana") if code == "imported"]
    assert f"{LADDER} stays silent: an imported commitment never fires backwards" in said


async def test_a_policy_in_shadow_mode_says_what_it_would_have_done(tmp_path: Path) -> None:
    company = await Company(
        tmp_path, replaced(POLICY, "for: deadline\n", "for: deadline\nmode: shadow\n")
    ).start()
    await company.promise()
    await company.until(company.at + 2 * DAY)

    why = await company.why_not("ana")

    assert why["shadow"].startswith("ana would have been told: step heads-up of Deadlines")
    assert why["not_due"].startswith("(shadow) ")


async def test_what_is_closed_says_since_when(company: Company) -> None:
    await company.promise()
    await company.emit("deadline.met", commitment_id="c1", at="2026-04-27T08:30:00+02:00")
    await company.until(company.at + 2 * DAY)

    assert (await company.why_not("dana"))["closed"] == "it has been met since Mon 2026-04-27 08:30"


async def test_before_it_was_known_nothing_was_known(company: Company) -> None:
    await company.promise()

    why = await company.why_not("ana", MON_9 - HOUR)

    assert why["unknown"] == "nothing was known of it before Mon 2026-04-27 09:00"


async def test_whoever_was_told_later_learns_when(company: Company) -> None:
    await company.promise(AT_TEN)
    await company.until(company.at + 2 * DAY)

    why = await company.asking.about_person("dana", "c1", MON_9 + 2 * HOUR)

    assert not why.was_told
    assert ("not_due", "dana was told later, Tue 2026-04-28 10:00") in [
        (one.code, one.text) for one in why.reasons
    ]


async def test_a_message_that_was_lost_says_what_became_of_it(company: Company) -> None:
    company.refuses = lambda owed: (
        ChannelError("no such address", permanent=True) if owed.to == "ana" else None
    )
    await company.promise()
    await company.until(company.at + 2 * DAY)

    why = await company.why_not("ana")

    assert "told" not in why
    assert why["decided"].startswith("ana was to be told: decided Tue 2026-04-28 17:00, notification ")
    assert why["dead"] == "delivery: email: no such address"


async def test_what_nobody_has_heard_of_brings_the_nearest(company: Company) -> None:
    await company.promise(commitment_id="proposal-7")
    await company.emit("deal.created", deal_id="42", title="Contoso", owner="ana")

    async def asked(person: str, subject: str) -> str:
        with pytest.raises(NotFound) as raised:
            await company.why_not(person, subject=subject)
        return f"{raised.value} | {raised.value.hint}"

    assert await asked("ana", "proposal-8") == (
        "nothing is on record about proposal-8 | did you mean 'deadline/proposal-7'?"
    )
    assert (
        await asked("ana", "deadline/42") == "nothing is on record about deadline/42 | did you mean deal/42?"
    )
    assert await asked("anna", "proposal-7") == "there is no person 'anna'; did you mean 'ana'? | "
    assert (await asked("ana", "deadlines/x")).startswith(
        "there is no family 'deadlines' | known: checkin, deadline"
    )


async def reasons(company: Company, person: str) -> list[tuple[str, str]]:
    untold = await company.asking.about_person(person, "deadline/c1", company.at)
    return [(str(one.code), one.text) for one in untold.reasons]
