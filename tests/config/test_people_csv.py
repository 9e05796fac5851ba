"""`people: people.csv`: an export of another system says what directory.yaml would, and its mistakes have a place."""

import os
import shutil
from pathlib import Path

import pytest

from service.settings.csv_reader import rows_of
from service.settings.load import examine, load
from service.settings.problems import ConfigError

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad_people").glob("*.csv"))
TEAMS = "teams: [{id: east, name: East, lead: dana, channels: [wins]}]\n"
HEADER = "id,name,email,manager,mentor,teams,roles,calendar\n"
SAME_AS_YAML = HEADER + (
    "ana,Ana Ruiz,ana@example.com,dana,leo,east,rep,spain\n"
    "leo,Leo Marin,leo@example.com,dana,,east,rep,\n"
    "dana,Dana Weiss,dana@example.com,,,,manager; ops,\n"
)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(HERE / "good", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config" / "directory.yaml").write_text(f"people: people.csv\n{TEAMS}")
    return Path("config")


def say(config: Path, table: str, encoding: str = "utf-8") -> None:
    (config / "people.csv").write_bytes(table.encode(encoding))


def with_semicolons(table: str) -> str:
    return table.replace("manager; ops", '"manager; ops"').replace(",", ";")


@pytest.mark.parametrize(
    ("table", "encoding"),
    [
        (SAME_AS_YAML, "utf-8"),
        (SAME_AS_YAML, "utf-8-sig"),
        (SAME_AS_YAML.replace("\n", "\r\n"), "utf-8-sig"),
        (SAME_AS_YAML.replace("\n", "\r"), "utf-8"),
        (with_semicolons(SAME_AS_YAML), "utf-8"),
        (
            SAME_AS_YAML.replace(
                HEADER, "ID,Name,E-mail,Manager,Mentor,Teams,Roles,Calendar\n".replace("E-m", "Em")
            ),
            "utf-8",
        ),
        (
            SAME_AS_YAML.replace("Ana Ruiz", '"Ana\n Ruiz"').replace("\nleo", "\n\n,,,,,,,\nleo").rstrip(),
            "utf-8",
        ),
    ],
    ids=["plain", "bom", "windows", "old-mac", "semicolons", "capitals", "quotes-and-blank-lines"],
)
def test_a_table_says_the_same_as_the_list(config: Path, table: str, encoding: str) -> None:
    say(config, table, encoding)

    settings, listed = load(config, {}), load(HERE / "good", {})

    assert settings.graph == listed.graph
    assert settings.book == listed.book
    assert settings.people_file == config / "people.csv"
    assert listed.people_file is None


def test_every_field_that_fits_a_cell_can_be_a_column(config: Path) -> None:
    say(
        config,
        "id,name,slack,time_zone,channels,active,roles\n"
        "7,Ana,U0ANA,Europe/Madrid,wins;email,no,\n"
        'dana,"Dana ""D"" Weiss",,,,TRUE,ops\n',
    )

    settings = load(config, {})

    ana, dana = settings.graph.people["7"], settings.graph.people["dana"]
    assert (ana.time_zone, ana.channels, ana.active) == ("Europe/Madrid", ("wins", "email"), False)
    assert (dana.time_zone, dana.channels, dana.active) == ("UTC", ("email",), True)
    assert settings.book.reader("7").addresses == {"slack": "U0ANA"}
    assert settings.book.name("dana") == 'Dana "D" Weiss'


@pytest.mark.parametrize("bad", BAD, ids=lambda path: path.stem)
def test_a_mistake_in_the_table_is_named_exactly(bad: Path, config: Path) -> None:
    shutil.copy(bad, config / "people.csv")

    with pytest.raises(ConfigError) as raised:
        load(config, {})

    said = str(raised.value) + "\n"
    expected = bad.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")


def test_a_table_that_is_not_there_is_said_beside_what_else_is_wrong(config: Path) -> None:
    (config / "directory.yaml").write_text("people: peeple.csv\nteams: [{id: east, nam: East}]\n")

    _, report = examine(config, {})

    said = [(Path(one.file).name, one.line, one.message) for one in report.errors]
    assert said == [
        ("peeple.csv", 0, "cannot be read: No such file or directory"),
        ("directory.yaml", 2, "`name` is missing"),
        ("directory.yaml", 2, "`nam` is not known here"),
    ]


def test_cells_know_where_they_stand() -> None:
    [header, row, last] = rows_of('a,b\n"x\ny","q""q",z\n\n ,w')

    assert [cell.text for cell in header] == ["a", "b"]
    assert [(*cell.mark, cell.text) for cell in row] == [(2, 1, "x y"), (3, 4, 'q"q'), (3, 11, "z")]
    assert [(*cell.mark, cell.text) for cell in last] == [(5, 1, ""), (5, 3, "w")]
