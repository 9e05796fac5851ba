"""What one version has decided, every later one decides: the same history, policies and graph, the same decisions."""

import difflib
import os
from pathlib import Path

import pytest

from service.settings.load import load
from tests.wire.history import decided, read_events, read_world, write_inputs
from tests.wire.made_history import made
from tests.wire.test_wire import HERE, IS_RELEASED, TODAY

FROZEN = TODAY / "history"
HISTORIES = sorted(HERE.glob("*/history"))
SHOWN_MAX = 40  # lines of a difference: the first one is what matters
WHAT_TO_DO = (
    "{folder}: these decisions are others than they were. People have open subjects that were decided like that, and "
    "an update would follow them up in another way. "
    + (
        "If a defect was mended, say so in CHANGELOG.md and take over each line below into decisions.txt by hand; "
        "anything else belongs into the policies, which are pinned. A new version freezes its own history: raise "
        "__version__ and run `UPDATE_WIRE=1 pytest tests/wire`."
        if IS_RELEASED
        else "It was not released yet: if the change is meant, run `UPDATE_WIRE=1 pytest tests/wire` and read the "
        "diff. Remove the folder before, if events, policies or people shall be today's as well."
    )
)


@pytest.fixture(scope="module", autouse=True)
def _updated() -> None:
    if os.environ.get("UPDATE_WIRE") and not (IS_RELEASED and FROZEN.exists()):
        if not FROZEN.exists():
            write_inputs(FROZEN, made(load(HERE.parents[1] / "config", {})))
        (FROZEN / "decisions.txt").write_text(_decided(FROZEN), "utf-8")


def test_todays_version_has_a_history():
    assert (FROZEN / "decisions.txt").exists(), f"{FROZEN} is missing: run `UPDATE_WIRE=1 pytest tests/wire`"


@pytest.mark.parametrize("folder", HISTORIES, ids=lambda folder: folder.parent.name)
def test_what_any_version_decided_is_decided_again(folder: Path):
    frozen, today = (folder / "decisions.txt").read_text("utf-8"), _decided(folder)
    if today != frozen:
        shown = f"{folder.parent.name}/history/decisions.txt"
        lines = list(
            difflib.unified_diff(frozen.splitlines(), today.splitlines(), shown, "today", lineterm="", n=1)
        )
        more = [f"… and {len(lines) - SHOWN_MAX} lines more"] if len(lines) > SHOWN_MAX else []
        why = WHAT_TO_DO.format(folder=folder.relative_to(HERE.parents[1]))
        pytest.fail("\n".join([why, *lines[:SHOWN_MAX], *more]), pytrace=False)


def _decided(folder: Path) -> str:
    return "".join(f"{line}\n" for line in decided(read_world(folder), read_events(folder)))
