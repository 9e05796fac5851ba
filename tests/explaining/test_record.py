"""The trail of a word through the logs: kept for a digest, handed to a delegate, sent back by a channel."""

from datetime import datetime, timedelta

import pytest

from service.core.effects import LogEntry, encode_effect
from service.core.ids import effect_key
from service.core.reasons import Reason
from service.explaining.record import record_of, shard_of, subject_of
from service.store.contract import Commit
from service.store.memory import MemoryStore
from tests.explaining.world import MON_9

PARTITIONS = 4
SUBJECT = "deadline/c1"
HOUR = timedelta(hours=1)


class Logs:
    """What a test says was decided, an hour apart each."""

    def __init__(self) -> None:
        self.at = MON_9
        self.store = MemoryStore(lambda: self.at)
        self._seqs: dict[str, tuple[int, int]] = {}

    async def add(self, place: str, entry: LogEntry) -> None:
        shard = shard_of(place, PARTITIONS)
        if str(shard) not in self._seqs:
            owned = await self.store.acquire(shard)
            self._seqs[str(shard)] = (owned.epoch, owned.seq)
        epoch, seq = self._seqs[str(shard)]
        commit = Commit(epoch, seq, entry.input_id.encode(), log=[encode_effect(entry)])
        self._seqs[str(shard)] = (epoch, await self.store.commit(shard, commit))
        self.at += HOUR

    async def afterwards(self) -> list[tuple[str, str]]:
        """Of the first decision: subject and input of what followed."""
        record = await record_of(self.store, PARTITIONS, SUBJECT)
        assert record is not None
        return [(one.subject, one.input_id) for one in record.decided[0].afterwards]


@pytest.fixture
async def logs() -> Logs:
    logs = Logs()
    await logs.add(SUBJECT, entry(logs.at, SUBJECT, "timer", "t", ("notify", "asked", "ana")))
    return logs


def entry(
    at: datetime, subject: str, kind: str, given: str, *effects: tuple[str, str, str], code: str = "x"
) -> LogEntry:
    return LogEntry(at, subject, kind, given, "", "", effects, (Reason(code, "because"),))


async def test_what_waits_for_a_digest_leads_to_the_digest_and_its_delivery(logs: Logs) -> None:
    inbox = "inbox/ana"
    await logs.add(
        inbox, entry(logs.at, inbox, "notification.requested", "followthrough asked", code="quiet")
    )
    await logs.add(
        inbox, entry(logs.at, inbox, "notification.requested", "followthrough other", ("deliver", "o", "ana"))
    )
    await logs.add(inbox, entry(logs.at, inbox, "timer", "t2", code="not_due"))
    await logs.add(inbox, entry(logs.at, inbox, "timer", "t3", ("deliver", "digest", "ana")))
    await logs.add(inbox, entry(logs.at, inbox, "delivery", "digest", ("sent", "digest", "ana"), code="sent"))
    await logs.add(inbox, entry(logs.at, inbox, "timer", "t4", ("deliver", "next", "ana")))

    assert await logs.afterwards() == [(inbox, "followthrough asked"), (inbox, "t3"), (inbox, "digest")]


async def test_a_word_handed_to_a_delegate_is_followed_and_found_by_their_key(logs: Logs) -> None:
    handed = (("notify", "second", "leo"), ("notify", "back", SUBJECT))
    await logs.add(
        "inbox/ana", entry(logs.at, "inbox/ana", "notification.requested", "followthrough asked", *handed)
    )
    await logs.add(
        "inbox/leo",
        entry(
            logs.at, "inbox/leo", "notification.requested", "followthrough second", ("deliver", "mail", "leo")
        ),
    )
    await logs.add(
        "inbox/leo",
        entry(logs.at, SUBJECT, "delivery", "mail", ("fallback", "mail", "leo"), ("delivery", "chat", "leo")),
    )
    await logs.add("inbox/leo", entry(logs.at, SUBJECT, "delivery", "chat", ("sent", "chat", "leo")))

    followed = ["followthrough asked", "followthrough second", "mail", "chat"]
    assert [given for _, given in await logs.afterwards()] == followed
    for key in ("asked", "second", "mail", "chat"):
        assert await subject_of(logs.store, PARTITIONS, key) == SUBJECT
    assert await subject_of(logs.store, PARTITIONS, "nothing") == ""


async def test_a_key_is_found_before_anything_was_delivered(logs: Logs) -> None:
    await logs.add(
        "inbox/ana",
        entry(
            logs.at, "inbox/ana", "notification.requested", "followthrough asked", ("deliver", "mail", "ana")
        ),
    )

    assert await subject_of(logs.store, PARTITIONS, "mail") == SUBJECT
    assert await subject_of(logs.store, PARTITIONS, "asked") == SUBJECT


async def test_a_delivery_that_comes_back_dead_leads_to_the_fallback_contact(logs: Logs) -> None:
    asked, dead = "followthrough asked", effect_key("delivery.dead", "mail")
    await logs.add(
        "inbox/ana", entry(logs.at, "inbox/ana", "notification.requested", asked, ("deliver", "mail", "ana"))
    )
    await logs.add("inbox/ana", entry(logs.at, SUBJECT, "delivery", "mail", ("dead", "mail", "ana")))
    await logs.add(
        "inbox/ana",
        entry(logs.at, "inbox/ana", "delivery.dead", f"followthrough {dead}", ("notify", "lost", "rosa")),
    )
    await logs.add("inbox/rosa", entry(logs.at, "inbox/rosa", "notification.requested", "followthrough lost"))

    assert [place for place, _ in await logs.afterwards()] == [
        "inbox/ana",
        SUBJECT,
        "inbox/ana",
        "inbox/rosa",
    ]
