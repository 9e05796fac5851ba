"""people: who is there and who hears of whom, from directory.yaml or from the table it names."""

from tests.cli.shell import Shell


def test_the_managers_above_are_listed_from_the_nearest_up(shell: Shell) -> None:
    answer = shell("people")

    assert answer.code == 0
    header, *rows = answer.out.splitlines()
    assert header.split("  ")[0] == "id"
    kim = next(row for row in rows if row.startswith("kim"))
    assert kim.split() == [
        *("kim", "Kim", "Park", "west", "rep", "dana", "→", "omar", "leo"),
        *("America/New_York", "new-york", "email"),
    ]


def test_a_manager_who_is_not_active_is_passed_over_as_in_an_escalation(shell: Shell) -> None:
    (shell.config / "people.csv").write_text(
        "id;name;email;manager;roles;active\n"
        "ana;Ana;ana@example.com;dana;;\n"
        "dana;Dana;dana@example.com;omar;;false\n"
        "omar;Omar;omar@example.com;;director;\n"
    )
    (shell.config / "directory.yaml").write_text("people: people.csv\n")
    for unused in (shell.config / "policies").iterdir():
        unused.unlink()
    (shell.config / "cadences.yaml").unlink()
    (shell.config / "calendars.yaml").unlink()
    shell.env["FOLLOWTHROUGH_FALLBACK_CONTACT"] = "person:omar"

    told = shell("people", "--json").json["people"]

    assert [(one["id"], one["managers"], one["active"]) for one in told] == [
        ("ana", ["omar"], True),
        ("dana", ["omar"], False),
        ("omar", [], True),
    ]


def test_people_that_cannot_be_read_are_named_at_their_line(shell: Shell) -> None:
    (shell.config / "people.csv").write_text("id,name,manager\nana,Ana,dnaa\n")
    (shell.config / "directory.yaml").write_text("people: people.csv\n")

    answer = shell("people")

    assert answer.code == 2
    assert f"{shell.config}/people.csv:2:9: column `manager`: there is no person `dnaa`" in answer.err
