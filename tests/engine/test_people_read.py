"""What every process and command has in force: the files, and what the store has been told of people."""

import pytest

from service.core.ids import partition_of
from service.core.model import Commitment, People, Word, encode_state
from service.core.people import SUBJECT
from service.people import as_in_force, in_force, people_of, read_people
from service.settings.load import load
from service.store.contract import Commit, Shard, Store
from tests.engine.in_process import CONFIG
from tests.store.homes import MemoryHome
from tests.wire.filled import AT

SAID = encode_state(People(said={"ana": {"manager": Word("omar", AT)}}))


async def _told(partitions: int) -> Store:
    store = MemoryHome().open()
    owned = await store.acquire(Shard("inbox", partition_of("all", partitions)), partitions)
    await store.commit(owned.shard, Commit(owned.epoch, owned.seq, b"digest", states={SUBJECT: SAID}))
    return store


@pytest.mark.parametrize("partitions", [1, 4, 12])
async def test_what_was_said_is_read_from_its_own_shard(partitions: int) -> None:
    assert await read_people(await _told(partitions), partitions) == SAID
    assert await read_people(MemoryHome().open(), partitions) is None


async def test_a_command_has_in_force_what_the_service_has() -> None:
    files = load(CONFIG, {})

    settings = await as_in_force(files, await _told(files.service.partitions))

    assert (files.graph.people["ana"].manager, settings.graph.people["ana"].manager) == ("dana", "omar")


async def test_without_a_word_the_files_are_in_force_as_they_are() -> None:
    files = load(CONFIG, {})

    settings, left = await in_force(files, None)

    assert settings is files
    assert left == []


@pytest.mark.parametrize("raw", [None, b"", b"\xc1", encode_state(Commitment())])
def test_words_that_cannot_be_read_are_none(raw: bytes | None) -> None:
    assert people_of(raw) == People()
    assert people_of(SAID).said["ana"]["manager"].value == "omar"
