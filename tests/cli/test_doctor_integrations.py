"""What the doctor says of an integration: the last event and what was decided, the last refusal and what to do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.cli.checks import integrations
from service.cli.checks.finding import Finding, Mark
from service.core.effects import LogEntry, encode_effect
from service.core.ids import partition_of
from service.core.reasons import Code, Reason
from service.integrations.notes import REFUSED, SEEN, Refused, Seen, encode, name_of
from service.settings.load import load
from service.settings.model import Settings
from service.store.contract import Commit, Shard
from service.store.memory import MemoryStore
from tests.cli.shell import Shell

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
SEEN_ONE = Seen(AT, 1, type="deal.updated", subject="deal/9", input_id="crm/hubspot 1/deal.updated")
SHARD = Shard("deals", partition_of("9", 4))


@pytest.fixture
def settings(shell: Shell) -> Settings:
    folder = Path(shell.config / "integrations")
    folder.mkdir()
    (folder / "hubspot.yaml").write_text("vendor: hubspot\nauthenticate: {secret: a-secret-of-hubspot}\n")
    return load(shell.config, {})


async def told(settings: Settings, *notes: Seen | Refused, entry: LogEntry | None = None) -> list[Finding]:
    store = MemoryStore(lambda: AT)
    for note in notes:
        field = SEEN if isinstance(note, Seen) else REFUSED
        await store.note(name_of("hubspot"), field, encode(note))
    if entry is not None:
        owned = await store.acquire(SHARD)
        await store.commit(SHARD, Commit(owned.epoch, owned.seq, b"digest", log=[encode_effect(entry)]))
    return await integrations._of("hubspot", settings, store, None)


def decided(*policies: str, effects: tuple[tuple[str, str, str], ...] = ()) -> LogEntry:
    reasons = (Reason(Code.NO_POLICY, "no policy applies to it"),)
    return LogEntry(AT, "deal/9", "deal.updated", SEEN_ONE.input_id, "", "", effects, reasons, policies)


async def test_what_never_sent_is_told_where_to(settings: Settings) -> None:
    [finding] = await told(settings)

    assert finding.mark == Mark.LOOK
    assert finding.fix.startswith("have it send to http://127.0.0.1:")
    assert finding.fix.endswith("/integrations/hubspot")


@pytest.mark.parametrize("entry", [decided("hash"), decided(effects=(("notify", "key", "ana"),))])
async def test_an_event_that_a_policy_follows_is_fine(settings: Settings, entry: LogEntry) -> None:
    [finding] = await told(settings, SEEN_ONE, entry=entry)

    assert finding.mark == Mark.FINE
    assert "hubspot: last event deal.updated of deal/9, " in finding.text


async def test_an_event_that_matched_no_policy_says_why_and_where_its_story_is(settings: Settings) -> None:
    [finding] = await told(settings, SEEN_ONE, entry=decided())

    assert finding.mark == Mark.LOOK
    assert finding.text.endswith(", matched no policy: no policy applies to it")
    assert finding.fix == "see its story: followthrough explain deal/9"


async def test_a_request_without_an_event_and_a_refusal_say_what_to_look_at(settings: Settings) -> None:
    refused = Refused(AT - timedelta(minutes=1), "wrong_signature", "the signature is not the one expected")

    first, second = await told(settings, Seen(AT, 0, ignored=3), refused)

    assert "the signature is not the one expected (wrong_signature)" in first.text
    assert "web.public_url" in first.fix
    assert "made no event" in second.text
    assert "`only` and `when`" in second.fix


def test_the_section_is_there_as_soon_as_there_is_an_integration(settings: Settings, shell: Shell) -> None:
    sections = shell("doctor", "--json").json["sections"]

    assert [finding["state"] for finding in sections["Integrations"]] == ["look"]
