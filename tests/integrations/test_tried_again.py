"""A webhook that could not be mapped is tried again by the mapping of today; nothing of it counts twice."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from service.broker import Broker, Placed
from service.cli.letters import all_letters, put_back
from service.core.effects import Dead, encode_effect
from service.core.envelope import decode
from service.settings.address_book import AddressBook
from service.store.contract import Shard
from service.store.memory import MemoryStore
from tests.integrations.files import CRM, NOW, integration

BODY = json.dumps(
    {"event_id": 7, "kind": "new", "deal": 1, "name": "Contoso", "owner": "ana", "amount": "a lot"}
)


async def tried(text: str | None) -> tuple[str, list[str], int]:
    """What is said, the ids that are in the log then, and how many letters are left."""
    store, log = MemoryStore(lambda: NOW), list[Placed]()

    async def append(placed: list[Placed]) -> None:
        log.extend(placed)

    dead = Dead("invalid_value", "", BODY.encode(), NOW, "webhook", "", "integrations/crm")
    await store.bury(Shard("deals", 0), encode_effect(dead))
    [letter] = await all_letters(store, 4, 10)
    known = {} if text is None else {"crm": integration(text)}
    settings: Any = SimpleNamespace(integrations=known, book=AddressBook())
    said = await put_back(settings, store, Broker(append), letter)
    ids = [decode(one.value, NOW, trusted=True).id for one in log]
    return said, ids, len(await all_letters(store, 4, 10))


async def test_once_the_mapping_is_mended_it_is_taken_in_under_the_id_it_always_had() -> None:
    mended = CRM.replace("amount: /amount", 'amount: "= 64000"')

    assert await tried(mended) == ("", ["7/deal.created"], 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            CRM,
            'it still cannot be mapped (money is decimal text; write it as in "1200.50"); mend integrations/crm.yaml',
        ),
        (None, "there is no integrations/crm.yaml any more"),
    ],
)
async def test_until_then_it_stays(text: str | None, said: str) -> None:
    assert await tried(text) == (said, [], 1)
