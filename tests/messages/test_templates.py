"""Templates are compiled, hashed and tried out at load: a mistake shows at `validate`, with its place."""

from pathlib import Path

import pytest

from service.messages import samples
from service.messages.links import Links
from service.messages.render import render
from service.messages.templates import Templates, UnknownTemplate, hash_of
from service.settings.problems import ConfigError, Problem

GOOD = (
    "{% block subject %}S{% endblock %}\n{% block short %}s{% endblock %}\n"
    "{% block body %}\nB {{ title }}\n{% endblock %}\n"
)


def load(folder: Path, **sources: str) -> Templates:
    for name, source in sources.items():
        (folder / f"{name}.md.j2").write_text(source)
    return Templates.load(overrides=folder)


def problem(folder: Path, source: str) -> Problem:
    with pytest.raises(ConfigError) as caught:
        load(folder, bad=source)
    [found] = caught.value.problems
    assert found.file == str(folder / "bad.md.j2")
    return found


def test_a_file_in_the_overriding_folder_wins_and_may_add_names(tmp_path: Path, templates: Templates) -> None:
    mine = load(tmp_path, missed=GOOD, thanks=GOOD)
    assert mine.hashes["missed"] != templates.hashes["missed"]
    assert mine.hashes["reminder"] == templates.hashes["reminder"]
    assert set(mine.hashes) - set(templates.hashes) == {"thanks"}


def test_the_hash_covers_the_template_and_its_layouts(tmp_path: Path, templates: Templates) -> None:
    shipped = Path(__file__).parents[2] / "service" / "templates" / "layouts" / "email.txt.j2"
    (tmp_path / "layouts").mkdir()
    (tmp_path / "layouts" / "email.txt.j2").write_text(shipped.read_text() + "A line of ours\n")
    mine = Templates.load(overrides=tmp_path)
    assert not set(mine.hashes.values()) & set(templates.hashes.values())


def test_a_pinned_version_renders_the_same_bytes_after_the_file_has_changed(
    tmp_path: Path, templates: Templates, links: Links
) -> None:
    # given a notification decided under the shipped text, and a process that knows another one only
    old_hash = templates.hashes["missed"]
    owed = samples.owed("missed", template_hash=old_hash)
    before = render(owed, samples.ANA, samples.name_of, templates, links)
    later = load(tmp_path, missed=GOOD)
    assert old_hash not in later
    # when the pinned bundle comes back from the store
    later.add_pinned(old_hash, templates.bundle("missed"))
    # then
    assert render(owed, samples.ANA, samples.name_of, later, links) == before
    assert later.hashes["missed"] != old_hash
    assert later.source_of(old_hash) == templates.bundle("missed")


def test_the_bundle_is_named_by_its_content(templates: Templates) -> None:
    for name, content_hash in templates.hashes.items():
        assert hash_of(templates.bundle(name)) == content_hash
    with pytest.raises(ValueError, match="not what it was"):
        templates.add_pinned("0" * 16, templates.bundle("missed"))
    with pytest.raises(UnknownTemplate):
        templates.source_of("0" * 16)


def test_a_wrong_name_is_shown_with_line_column_and_what_was_meant(tmp_path: Path) -> None:
    found = problem(tmp_path, GOOD.replace("{{ title }}", "{{ titel }}"))
    assert (found.line, found.column) == (4, 6)
    assert found.message == "'titel' is undefined"
    assert found.hint == "did you mean `title`?"
    assert found.text == "B {{ titel }}"


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        (GOOD.replace("{{ title }}", "{{ title"), 5, "expected token"),
        (GOOD.replace("{% block short %}s{% endblock %}\n", ""), 1, "the block `short` is missing"),
        (GOOD + "stray words\n", 6, "only the blocks subject, short, body may stand here"),
        (GOOD.replace("B ", "{% set x %}B{% endset %}{{ x }}"), 4, "text cannot be captured in a message"),
        (GOOD.replace("B ", "{% macro m() %}B{% endmacro %}"), 4, "text cannot be captured in a message"),
        (GOOD.replace("B ", "{{ title | attr('x') }}"), 4, "there is no filter `attr`"),
        (GOOD.replace("B ", "{% include 'reminder.md.j2' %}"), 4, "no loader"),
        (GOOD.replace("B ", "{{ title.__class__ }}"), 4, "not allowed"),
        (
            GOOD.replace("{% block subject %}S", "{% block subject %}{{ note if slips > 99 else '' }}"),
            1,
            "`subject` is empty",
        ),
        (GOOD.replace("B ", "{% for a in [1, 2, 3] %}" * 12 + "x" + "{% endfor %}" * 12), 4, "more than"),
    ],
)
def test_mistakes_of_an_author_are_found_at_load(tmp_path: Path, source: str, line: int, said: str) -> None:
    found = problem(tmp_path, source)
    assert said in found.message
    assert found.line == line


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, one="{% block", two=GOOD.replace("title", "titel"), Three=GOOD)
    assert [Path(found.file).name for found in caught.value.problems] == [
        "Three.md.j2",
        "one.md.j2",
        "two.md.j2",
    ]
