"""What was given up: seen, and put back, on a real server."""

import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from service.core.effects import Dead, Owed, decode_owed, encode_effect
from service.core.envelope import decode, normalise
from service.core.events import TOPICS
from service.core.unreached import request_of
from service.settings.service import STREAMS as PARTITIONS
from service.store.connect import connect
from service.store.contract import Commit, Shard, Store
from tests.cli.shell import Shell, on_thread
from tests.servers import Server

pytestmark = pytest.mark.server

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
EVENT = normalise(
    {
        "specversion": "1.0",
        "id": "e1",
        "source": "crm",
        "type": "deadline.met",
        "time": "2026-11-24T08:00:00Z",
        "data": {"commitment_id": "c1"},
    },
    AT,
)
POISON = Dead("internal_error", "ZeroDivisionError()", EVENT, AT, "event", "deadline/c1", "deadlines.1@5-0")
BROKEN = Dead(
    "invalid_json", "/: at byte 3: expecting value", b"not\xff json", AT, "event", "", "deadlines.0@6-0"
)
NOBODY = Dead("unroutable", "ana has no channel that works", b"{}", AT, "unroutable", "deadline/c1")
OWED = Owed(
    key="k1", to="ana", channel="email", address="", fallbacks=(), subject="deadline/c1", policy="p", policy_hash="h",
    step="missed", cycle=1, round=0, cause="", kind="notice", template="missed", template_hash="t", urgency="normal",
    until="done", decided_at=AT, reasons=("step missed",), facts={"title": "Call back"}, attempt=9,
)  # fmt: skip
GIVEN_UP = Dead("dead", "email: refused", encode_effect(OWED), AT, "delivery", "deadline/c1", "outbox k1")
INBOX, DEADLINES = Shard("inbox", 3), Shard("deadlines", 1)

OnStore = Callable[[Callable[[Store], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture
def on_store(shell: Shell, valkey_server: Server, prefix: str) -> OnStore:
    """Runs work on the store that the shell's commands use."""
    shell.env |= {"REDIS_URL": valkey_server.url, "FOLLOWTHROUGH_KEY_PREFIX": prefix}

    def run(work: Callable[[Store], Coroutine[Any, Any, Any]]) -> Any:
        async def inside() -> Any:
            store = await connect(valkey_server.url, prefix)
            try:
                return await work(store)
            finally:
                await store.close()

        return on_thread(inside)

    return run


def bury(on_store: OnStore, shard: Shard, *letters: Dead | bytes) -> None:
    raws = [letter if isinstance(letter, bytes) else encode_effect(letter) for letter in letters]

    async def work(store: Store) -> bool:
        owned = await store.acquire(shard)
        await store.commit(shard, Commit(owned.epoch, owned.seq, str(raws).encode()[:16], dead=raws))
        return True

    on_store(work)


def ids(shell: Shell) -> list[str]:
    return [letter["id"] for letter in shell("dead-letters", "list", "--json").json["dead_letters"]]


def test_list_tells_when_where_and_why_over_all_shards_newest_first(shell: Shell, on_store: OnStore) -> None:
    bury(on_store, DEADLINES, POISON)
    bury(on_store, INBOX, GIVEN_UP)

    answer = shell("dead-letters", "list")
    letters = shell("dead-letters", "list", "--json").json["dead_letters"]

    assert answer.code == 0
    header, first, second = answer.out.splitlines()
    assert header.split() == ["id", "when", "kind", "where", "subject", "reason", "detail"]
    assert first.startswith("inbox.3:")
    assert "ZeroDivisionError()" in second
    assert letters[1] | {"id": ""} == {
        "id": "",
        "at": "2026-11-24T09:00:00.000+00:00",
        "kind": "event",
        "where": "deadlines.1@5-0",
        "subject": "deadline/c1",
        "reason": "internal_error",
        "detail": "ZeroDivisionError()",
    }
    assert len(shell("dead-letters", "list", "--limit", "1", "--json").json["dead_letters"]) == 1


def test_without_dead_letters_it_says_so(shell: Shell, on_store: OnStore) -> None:
    assert shell("dead-letters", "list") == (0, "", "no dead letters\n")
    assert shell("dead-letters", "requeue", "--all") == (0, "", "no dead letters\n")


def test_show_prints_the_original_event_as_json(shell: Shell, on_store: OnStore) -> None:
    bury(on_store, DEADLINES, POISON)
    [id_] = ids(shell)

    answer = shell("dead-letters", "show", id_)

    assert answer.code == 0
    assert json.loads(answer.out) == json.loads(EVENT)
    assert "reason   internal_error\n" in answer.err


def test_show_writes_strange_bytes_out_and_json_keeps_them(shell: Shell, on_store: OnStore) -> None:
    bury(on_store, DEADLINES, BROKEN)
    [id_] = ids(shell)

    assert shell("dead-letters", "show", id_).out == "not\\xff json\n"
    assert shell("dead-letters", "show", id_, "--json").json["raw_base64"] == "bm90/yBqc29u"


def test_show_names_the_fields_of_a_delivery(shell: Shell, on_store: OnStore) -> None:
    bury(on_store, INBOX, GIVEN_UP)
    [id_] = ids(shell)

    shown = json.loads(shell("dead-letters", "show", id_).out)

    assert (shown["to"], shown["channel"], shown["facts"]) == ("ana", "email", {"title": "Call back"})


def test_an_event_goes_back_to_the_log_byte_for_byte_and_its_dead_letter_goes(
    shell: Shell, on_store: OnStore
) -> None:
    bury(on_store, DEADLINES, POISON)
    [id_] = ids(shell)

    answer = shell("dead-letters", "requeue", id_)

    async def read(store: Store) -> Any:
        shards = [Shard(topic, partition) for topic in TOPICS for partition in range(PARTITIONS)]
        return await store.read(dict.fromkeys(shards, "0"), 10, 0)

    assert answer == (0, f"requeued {id_}\n", "")
    [(shard, [record])] = on_store(read).items()
    assert record.value == EVENT
    assert shard.topic == decode(EVENT, AT, trusted=True).topic
    assert ids(shell) == []


def test_a_delivery_is_owed_again_from_its_first_attempt(shell: Shell, on_store: OnStore) -> None:
    bury(on_store, INBOX, GIVEN_UP)
    [id_] = ids(shell)

    answer = shell("dead-letters", "requeue", id_, "--json")

    async def claim(store: Store) -> Any:
        return await store.claim([INBOX], "w", 10, 0, 0)

    assert answer.json == {"requeued": [id_], "refused": {}}
    [entry] = on_store(claim)
    assert entry.key == "k1"
    assert decode_owed(entry.value).attempt == 0
    assert decode_owed(entry.value).facts == OWED.facts
    assert ids(shell) == []


def test_all_puts_back_what_can_be_and_names_the_rest_with_its_reason(
    shell: Shell, on_store: OnStore
) -> None:
    unknown = msgspec.structs.replace(NOBODY, reason="stub")
    wish = Dead("refused", "kim is not in the directory", b"{}", AT, "event", "inbox/ana")
    bury(on_store, DEADLINES, BROKEN, NOBODY, POISON, unknown, b"of another version", wish)

    answer = shell("dead-letters", "requeue", "--all")

    assert answer.code == 1
    assert answer.out.startswith("requeued deadlines.1:")
    told = [line.partition(": ")[2] for line in answer.err.splitlines()]
    assert told[0].startswith("it still cannot be read (")
    assert told[1].startswith("there was nobody to tell; mend directory.yaml or the policy")
    assert told[2].startswith("nothing of it is left to try; send the event it begins with")
    assert told[3] == "another version wrote it: use that one"
    assert told[4] == "the rest of it counts already; send what was refused again, mended"
    assert len(ids(shell)) == 5


def test_a_notification_nobody_was_there_for_is_decided_again_by_its_inbox(
    shell: Shell, on_store: OnStore
) -> None:
    asked = msgspec.json.encode(request_of(OWED))
    bury(on_store, INBOX, msgspec.structs.replace(NOBODY, raw=asked))

    assert shell("dead-letters", "requeue", "--all").code == 0

    async def waiting(store: Store) -> list[bytes]:
        shards = dict.fromkeys((Shard("inbox", number) for number in range(4)), "0")
        return [record.value for records in (await store.read(shards, 9, 0)).values() for record in records]

    (raw,) = on_store(waiting)
    event = decode(raw, AT, trusted=True)
    assert (event.type, event.subject) == ("notification.requested", "inbox/ana")
    assert event.data == request_of(OWED)
    assert ids(shell) == []


@pytest.mark.parametrize("arguments", [[], ["deadlines.0:1-0", "--all"]])
def test_requeue_wants_one_or_all(shell: Shell, arguments: list[str]) -> None:
    answer = shell("dead-letters", "requeue", *arguments)

    assert answer.code == 2
    assert answer.err == "error: name one dead letter, or say --all\nfollowthrough dead-letters list\n"


@pytest.mark.parametrize("id_", ["deadlines.0:1-0", "nonsense", "inbox.9:1-1"])
def test_an_unknown_dead_letter_is_wrong_use(shell: Shell, on_store: OnStore, id_: str) -> None:
    for command in ("show", "requeue"):
        answer = shell("dead-letters", command, id_)

        assert answer.code == 2
        assert answer.err.startswith(f"error: there is no dead letter {id_}\n")


def test_the_nearest_dead_letter_is_named_and_the_configuration_goes_along(
    shell: Shell, on_store: OnStore
) -> None:
    bury(on_store, DEADLINES, POISON)
    (there,) = ids(shell)

    answer = shell("dead-letters", "requeue", there[:-1] + "9", "--config", str(shell.config))

    assert answer.code == 2
    assert answer.err == (
        f"error: there is no dead letter {there[:-1]}9; did you mean '{there}'?\n"
        f"see which there are: followthrough dead-letters list --config {shell.config}\n"
    )


def test_a_dead_letter_is_requeued_once(shell: Shell, on_store: OnStore) -> None:
    bury(on_store, DEADLINES, POISON)
    (there,) = ids(shell)

    assert shell("dead-letters", "requeue", there).code == 0
    answer = shell("dead-letters", "requeue", there)

    assert answer.code == 2
    assert answer.err.startswith(f"error: there is no dead letter {there}\n")


def test_a_store_that_is_down_is_exit_3(shell: Shell) -> None:
    shell.env["REDIS_URL"] = "redis://127.0.0.1:1/0"

    assert shell("dead-letters", "list").code == 3
