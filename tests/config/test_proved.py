"""What `validate` proves: a small policy a proof beside what its author reads; counter-examples stay silent."""

import os
import shutil
from pathlib import Path

import pytest

from service.settings.load import load
from service.settings.proofs import Finding, prove

HERE = Path(__file__).parent / "proved"
SHIPPED = Path(__file__).parents[2] / "config"
SCENARIOS = Path(__file__).parents[1] / "scenarios" / "policies"
HOURS = """
default: {hours: {mon-thu: "09:00-18:00", fri: "09:00-15:00"}}
new-york: {hours: {mon-fri: "09:00-17:00"}}
"""
CASES = sorted(path for path in HERE.glob("*.yaml") if not path.stem.endswith(".second"))
PROVED = [path for path in CASES if not path.stem.startswith("silent-")]
SILENT = [path for path in CASES if path.stem.startswith("silent-")]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped people and cadences, without a policy; plain hours, because holidays take long to reckon."""
    shutil.copytree(SHIPPED, tmp_path / "config", ignore=shutil.ignore_patterns("policies"))
    (tmp_path / "config" / "policies").mkdir()
    (tmp_path / "config" / "calendars.yaml").write_text(HOURS)
    monkeypatch.chdir(tmp_path)
    return Path("config")


def found(config: Path, *policies: Path) -> list[Finding]:
    for policy in policies:
        shutil.copy(policy, config / "policies")
    return prove(config, load(config, {}))


def with_second(case: Path) -> list[Path]:
    second = case.with_suffix(".second.yaml")
    return [case, second] if second.exists() else [case]


@pytest.mark.parametrize("case", PROVED, ids=lambda path: path.stem)
def test_what_follows_from_a_policy_is_said_exactly(case: Path, config: Path) -> None:
    said = "".join(f"{finding.render()}\n" for finding in found(config, *with_second(case)))

    expected = case.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", SILENT, ids=lambda path: path.stem)
def test_what_does_not_follow_is_not_said(case: Path, config: Path) -> None:
    assert [finding.render() for finding in found(config, *with_second(case))] == []


@pytest.mark.parametrize("policy", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_policies_of_the_scenarios_raise_no_alarm(policy: Path, config: Path) -> None:
    assert [one.render() for one in found(config, policy) if one.severity == "warning"] == []


def test_the_shipped_configuration_raises_no_alarm() -> None:
    findings = prove(SHIPPED, load(SHIPPED, {}))
    assert [finding.severity for finding in findings] == ["note", "note"]


def test_somebody_of_whom_nobody_at_all_hears_is_a_warning(config: Path) -> None:
    service = (config / "followthrough.yaml").read_text()
    (config / "followthrough.yaml").write_text(service.replace("role:ops", "person:omar"))

    [finding] = found(config, HERE / "nobody-at-the-top.yaml")

    assert finding.severity == "warning"
    assert "of what omar owns" in finding.problem.message
    assert finding.problem.message.endswith("nobody else hears of it")
    assert finding.problem.hint.startswith("let `fallback_contact` (person:omar) be somebody else")


def test_a_manager_who_was_forgotten_is_a_warning(config: Path) -> None:
    people = (config / "directory.yaml").read_text()
    (config / "directory.yaml").write_text(
        people.replace("email: kim@example.com, manager: dana", "email: kim@example.com")
    )

    findings = found(config, SHIPPED / "policies" / "deal-next-step.yaml")

    assert [
        (one.severity, one.problem.message.partition(" owns")[0].rpartition(" ")[2]) for one in findings
    ] == [
        ("warning", "kim"),
        ("note", "omar"),
    ]
    assert findings[0].problem.hint == "give them a `manager` in directory.yaml"


def test_every_claim_about_times_holds_in_every_calendar_of_the_people(config: Path) -> None:
    # In Madrid a Friday is over at 15:00: there the two steps come together, in New York they do not.
    policy = config / "policies" / "p.yaml"
    steps = (
        "{id: one, at: 4 business hours after, notify: owner}, {id: two, at: 4 hours after, notify: owner}"
    )
    policy.write_text(
        f"policy: p\nfor: deadline\nsteps: [{steps}, {{id: up, at: 2 days after, notify: 'role:ops'}}]\n"
    )

    assert found(config) == []


def test_a_case_has_its_text_and_only_that() -> None:
    assert {path.stem for path in PROVED} == {path.stem for path in HERE.glob("*.txt")}
    assert {path.stem.removesuffix(".second") for path in HERE.glob("*.second.yaml")} <= {
        path.stem for path in CASES
    }
