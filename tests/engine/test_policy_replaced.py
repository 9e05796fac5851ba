"""An event that moves a subject to another version of its policy, where that version is known to the store alone."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.core.envelope import encode_internal
from service.core.events import PolicyMove, PolicyReplaced
from service.core.model import Commitment, decode_state
from service.core.plan import Plan, request
from service.settings.load import load
from service.settings.model import Settings
from service.simulator.play import world_of
from service.store.memory import MemoryStore
from tests.engine.one_shard import SHARD, OneShard
from tests.store.homes import Clock

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SUBJECT = "deadline/c1"


def settings_of(folder: Path, at: str) -> Settings:
    """A configuration of one policy, whose one step comes at `at`."""
    steps = [{"id": "one", "at": at, "notify": "owner"}]
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies" / "one.yaml").write_text(
        json.dumps({"policy": "one", "for": "deadline", "steps": steps})
    )
    people = [{"id": "ana", "name": "Ana", "email": "ana@example.com", "roles": ["ops"]}]
    (folder / "directory.yaml").write_text(json.dumps({"people": people}))
    return load(folder, {})


def runs_under(raw: bytes | None) -> list[str]:
    state = decode_state(raw or b"")
    assert isinstance(state, Commitment)
    return [run.policy for run in state.moments["due"].runs]


async def opened(old: Settings) -> OneShard:
    """The service on `old`, with one commitment open."""
    shard = OneShard(MemoryStore(Clock()), world_of(old))
    due_at = (NOW + timedelta(days=1)).isoformat()
    data = {"commitment_id": "c1", "title": "T", "owner": "ana", "due_at": due_at}
    await shard.append("e1", "deadline.set", data, NOW, NOW)
    await shard.take(await shard.own(), NOW)
    return shard


async def move(shard: OneShard, old: str, new: str) -> None:
    data = PolicyReplaced(subject_id=SUBJECT, moves=[PolicyMove(policy="one", old=old, new=new)])
    emit = request(Plan(SUBJECT, "T", "ana", (), (), data), NOW)
    await shard.store.append([(SHARD, encode_internal(emit))])
    await shard.take(await shard.own(), NOW)


async def test_a_version_that_this_process_has_not_loaded_yet_is_fetched(tmp_path: Path) -> None:
    old, new = settings_of(tmp_path, "1 hour after"), settings_of(tmp_path, "2 hours after")
    [was], [(will, raw)] = old.pinned_policies, new.pinned_policies.items()
    shard = await opened(old)
    await shard.store.put_pinned("policy", will, raw)

    await move(shard, was, will)

    assert runs_under(await shard.state(SUBJECT)) == [will]
    assert (await shard.due())[SUBJECT] == (NOW + timedelta(days=1, hours=2)).timestamp() * 1000


@pytest.mark.parametrize("stale", [True, False], ids=["planned for another", "known to nobody"])
async def test_a_move_that_cannot_be_made_changes_nothing_and_says_why(tmp_path: Path, stale: bool) -> None:
    old = settings_of(tmp_path, "1 hour after")
    [was] = old.pinned_policies
    shard = await opened(old)

    await move(shard, "0" * 16 if stale else was, was if stale else "f" * 16)

    assert runs_under(await shard.state(SUBJECT)) == [was]
    [reason] = (await shard.history())[-1].reasons
    assert reason.code == ("unchanged" if stale else "refused")
