"""Every mistake is a file, beside the exact words that its author reads."""

import os
import shutil
from pathlib import Path

import pytest

from service.settings.load import examine, load
from service.settings.problems import ConfigError

HERE = Path(__file__).parent
# The first word of a file's name says which file of the good configuration it stands in for.
STANDS_FOR = {
    "service": "followthrough.yaml",
    "channels": "channels.yaml",
    "directory": "directory.yaml",
    "calendars": "calendars.yaml",
    "cadences": "cadences.yaml",
    "policy": "policies/deadlines.yaml",
    "integration": "integrations/crm.yaml",
}
BAD = sorted((HERE / "bad").glob("*.yaml"))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(HERE / "good", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    return Path("config")


def test_good_configuration_has_nothing_to_mend(config: Path) -> None:
    settings, report = examine(config, {})
    assert report.errors == []
    assert report.warnings == []
    assert settings is not None


@pytest.mark.parametrize("bad", BAD, ids=lambda path: path.stem)
def test_mistake_is_named_exactly(bad: Path, config: Path) -> None:
    shutil.copy(bad, config / STANDS_FOR[bad.stem.partition("-")[0]])

    with pytest.raises(ConfigError) as raised:
        load(config, {})

    said = str(raised.value) + "\n"
    expected = bad.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")
    assert "secret-canary" not in said


@pytest.mark.parametrize(
    "bad", [path for path in BAD if "channels-smtp" in path.stem], ids=lambda path: path.stem
)
def test_a_mistake_in_a_channel_is_not_told_of_everyone_who_uses_it(bad: Path, config: Path) -> None:
    shutil.copy(bad, config / "channels.yaml")

    _, report = examine(config, {})

    assert not [warning for warning in report.warnings if "channel `email`" in warning.message]


def test_every_expected_text_has_its_mistake() -> None:
    assert {path.stem for path in BAD} == {path.stem for path in (HERE / "bad").glob("*.txt")}
    assert len(BAD) >= 60
