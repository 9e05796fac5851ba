"""`explain --policy`: what the policies do, without asking any service."""

import xml.etree.ElementTree as ET

from tests.cli.shell import Shell


def test_a_policy_is_explained_in_plain_words(shell: Shell) -> None:
    answer = shell("explain", "--policy", "deadline-follow-through")

    assert answer.code == 0
    assert answer.out.startswith("Deadlines (policy deadline-follow-through)\n")
    assert "  heads-up    Three business days before the deadline the owner is reminded.\n" in answer.out


def test_without_a_subject_every_policy_is_explained(shell: Shell) -> None:
    answer = shell("explain", "--json")

    said = answer.json["policies"]
    assert [policy["name"] for policy in said] == [
        *("checkins", "deadline-follow-through", "deal-close", "deal-next-step", "deal-stalled", "deal-wins"),
        *("first-day", "goals"),
    ]
    assert said[-2]["steps"][0] == {
        "id": "reminder",
        "text": "Ten seconds before the deadline the owner is reminded.",
    }
    assert shell("explain").out.count("(policy ") == 8


def test_its_ladder_is_drawn_into_a_file(shell: Shell) -> None:
    drawn = shell.folder / "ladder.svg"

    answer = shell("explain", "--policy", "first-day", "--svg", str(drawn))

    assert answer.code == 0
    assert answer.err == f"{drawn}: the ladder of first-day\n"
    assert ET.parse(drawn).getroot().findtext("{*}title") == "First day: who is told when"


def test_what_cannot_be_explained_says_what_to_do(shell: Shell) -> None:
    unknown = shell("explain", "--policy", "first-dai")
    assert (unknown.code, "did you mean `first-day`?" in unknown.err) == (2, True)
    assert shell("explain", "--svg", "x.svg").code == 2
    assert shell("explain", "c1", "--policy", "first-day").code == 2
    assert shell("explain", "--policy", "first-day", "--svg", str(shell.folder)).code == 2
