"""What events have said of people, read from the store and laid over the directory of the files: so every process has
the same one, whoever decided the event.

Must not decide anything: what a word is worth is `core/people.py` and `settings/said.py`.
"""

import asyncio

import msgspec

from service.core.ids import partition_of, split_subject
from service.core.model import People, decode_state
from service.core.people import SUBJECT, Left
from service.settings.model import Settings
from service.settings.said import with_people
from service.store.contract import Shard, Store
from service.telemetry.logs import get_log

log = get_log()

_TOPIC = "inbox"


async def read_people(store: Store, partitions: int) -> bytes | None:
    """All that events have said of people, as it is stored; None where they said nothing."""
    shard = Shard(_TOPIC, partition_of(split_subject(SUBJECT)[1], partitions))
    return (await store.load(shard, [SUBJECT]))[0]


def people_of(raw: bytes | None) -> People:
    """The words in `raw`; none where it cannot be read: then the files alone count."""
    try:
        state = decode_state(raw) if raw is not None else None
    except msgspec.MsgspecError:
        log.exception("people_unreadable")
        return People()
    return state if isinstance(state, People) else People()


async def in_force(files: Settings, raw: bytes | None) -> tuple[Settings, list[Left]]:
    """The settings with what events said. In a thread: with thousands of people it takes a while, in which events are
    decided."""
    if raw is None:
        return files, []
    return await asyncio.to_thread(with_people, files, people_of(raw))


async def as_in_force(files: Settings, store: Store) -> Settings:
    """For a command: what the service has in force, of the files this command has read."""
    return (await in_force(files, await read_people(store, files.service.partitions)))[0]
