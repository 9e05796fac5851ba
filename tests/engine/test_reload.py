"""A changed configuration is taken in whole or not at all, and whatever is not in force is named."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from service import reload
from service.core.directory import Directory, World
from service.core.policy import Policy, PolicyBook
from service.messages.templates import Templates
from service.reload import Reload, read, with_what_is_open
from service.settings.load import load
from service.settings.model import Settings
from service.settings.policies import compile_policy
from service.settings.watch import look
from service.store.contract import StoreDown
from service.store.memory import MemoryStore
from service.telemetry.metrics import Metrics
from service.worlds import Worlds
from tests.store.homes import Clock

GOOD = Path(__file__).parents[1] / "config" / "good"
OTHER = "policy: other\nfor: deadline\nsteps:\n  - {id: a, at: the moment, notify: owner}\n"
KEY = "api_keys: [{name: crm, key: abcdefghijklmnopqrstuvwxyz0123456789, scopes: [emit]}]\n"


class Watched:
    """A configuration folder, and what a service that watches it has taken in."""

    def __init__(self, config: Path) -> None:
        self.config, self.taken, self.errors = config, list[Settings](), list[Exception]()
        settings, _ = read(config, {})
        self.metrics = Metrics()
        self.reload = Reload(config, {}, settings, look(config), self.take, self.metrics)

    async def take(self, settings: Settings, _: Templates) -> None:
        if self.errors:
            raise self.errors.pop()
        self.taken.append(settings)

    def write(self, name: str, text: str) -> None:
        (self.config / name).parent.mkdir(exist_ok=True, parents=True)
        (self.config / name).write_text(text)

    async def until(self, ask: Callable[[], object]) -> None:
        async with asyncio.timeout(30):
            while not ask():  # noqa: ASYNC110 - Nobody tells when a look has been taken.
                await asyncio.sleep(0.01)


@pytest.fixture
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    monkeypatch.setattr(reload, "LOOK_EVERY_S", 0.02)
    found = Watched(Path(shutil.copytree(GOOD, tmp_path / "config")))
    watching = asyncio.create_task(found.reload.watch())
    yield found
    assert not watching.done(), "whatever a file holds, the watch goes on"
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_a_new_policy_a_changed_person_and_a_template_are_taken_in(watched: Watched) -> None:
    watched.write("policies/other.yaml", OTHER)
    await watched.until(lambda: watched.taken)
    assert [policy.name for policy in watched.taken[-1].policies.live] == ["deadlines", "other"]

    people = (watched.config / "directory.yaml").read_text()
    watched.write("directory.yaml", people.replace("Ana Ruiz", "Ana Maria Ruiz"))
    await watched.until(lambda: watched.taken[-1].book.name("ana") == "Ana Maria Ruiz")

    text = "{% block subject %}S{% endblock %}{% block short %}s{% endblock %}{% block body %}b{% endblock %}"
    watched.write("templates/mine.md.j2", text)
    watched.write("policies/other.yaml", OTHER.replace("owner}", "owner, template: mine}"))
    await watched.until(lambda: watched.taken[-1].policies.live[1].steps[0].template == "mine")
    assert watched.reload.warnings == []
    assert watched.metrics.value("reloads_total", outcome="applied") >= 3


async def test_a_wrong_one_is_refused_and_named_until_it_is_mended(watched: Watched) -> None:
    watched.write("policies/other.yaml", OTHER.replace("notify: owner", "notify: ownerr"))
    watched.write("directory.yaml", "people: [{id: ana, nam: Ana}]\n")

    await watched.until(lambda: watched.reload.warnings)

    told = "\n".join(watched.reload.warnings)
    assert watched.taken == []
    assert f"the old one is in force: {watched.config}/directory.yaml:1:10: `name` is missing" in told
    assert watched.metrics.value("reloads_total", outcome="refused") == 1

    shutil.copy(GOOD / "directory.yaml", watched.config)
    watched.write("policies/other.yaml", OTHER)
    await watched.until(lambda: watched.taken)
    assert watched.reload.warnings == []


async def test_a_file_that_no_reader_expects_refuses_and_does_not_end_the_service(watched: Watched) -> None:
    (watched.config / "templates").mkdir()
    (watched.config / "templates" / "missed.md.j2").write_bytes(b"\xff\xfe")

    await watched.until(lambda: watched.reload.warnings)

    assert watched.taken == []


async def test_what_was_used_to_open_something_stays_and_is_named(watched: Watched) -> None:
    service = "data_dir: data\nfallback_contact: person:dana\nweb: {listen: '127.0.0.1:9999'}\n"
    watched.write("followthrough.yaml", service)
    watched.write("channels.yaml", "email: {kind: caught}\n")

    await watched.until(lambda: watched.taken)

    taken = watched.taken[-1]
    assert taken.service.fallback_contact == "person:dana"
    assert taken.service.web.listen == "127.0.0.1:8080"
    assert set(taken.channels) == {"email", "wins"}
    assert watched.reload.warnings == [
        "`web` of followthrough.yaml has changed: it needs a restart to take effect",
        "channels.yaml has changed: it needs a restart to take effect",
    ]

    for name in ("followthrough.yaml", "channels.yaml"):
        shutil.copy(GOOD / name, watched.config)
    await watched.until(lambda: not watched.reload.warnings)


async def test_a_store_that_is_away_is_asked_again(watched: Watched) -> None:
    watched.errors.append(StoreDown("away"))
    watched.write("policies/other.yaml", OTHER)

    await watched.until(lambda: watched.taken)

    assert watched.errors == []


async def test_the_people_of_a_table_are_watched_wherever_it_lies(watched: Watched, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text(
        "id,name,teams,roles,manager,calendar\ndana,Dana,east,ops,,\nana,Ana,east,rep,dana,spain\n"
    )
    watched.write("directory.yaml", "people: ../people.csv\nteams: [{id: east, name: East, lead: dana}]\n")
    await watched.until(lambda: watched.taken)

    table.write_text(table.read_text() + "kim,Kim,east,rep,dana,\n")

    await watched.until(lambda: "kim" in watched.taken[-1].graph.people)


async def test_asked_for_it_looks_at_once_although_nothing_has_changed(watched: Watched) -> None:
    watched.reload.now()

    await watched.until(lambda: watched.taken)


def test_no_key_is_taken_from_a_door_that_is_open_to_others(tmp_path: Path) -> None:
    """The new configuration listens on this machine only, but not before a restart."""
    config = Path(shutil.copytree(GOOD, tmp_path / "config"))
    (config / "followthrough.yaml").write_text(f"data_dir: data\nweb: {{listen: '0.0.0.0:8080'}}\n{KEY}")
    running = load(config, {})
    (config / "followthrough.yaml").write_text("data_dir: data\n")

    waits, settings = with_what_is_open(load(config, {}), running)

    assert waits == ["`web` of followthrough.yaml", "`api_keys` of followthrough.yaml"]
    assert settings.service.api_keys == running.service.api_keys


async def test_a_batch_of_the_world_before_still_finds_a_policy_that_is_fetched_meanwhile() -> None:
    store = MemoryStore(Clock())
    settings = load(GOOD, {})
    [(content_hash, raw)] = settings.pinned_policies.items()
    await store.put_pinned("policy", content_hash, raw)
    worlds = Worlds(World(PolicyBook((), {}), Directory({}, {}, {}), {}, frozenset()), store, compile_policy)
    before = worlds.current

    worlds.replace(World(PolicyBook((), {}), settings.graph, {}, frozenset()))
    await worlds.ensure({content_hash})

    assert isinstance(before.policies.by_hash[content_hash], Policy)
