"""A template can read only its variables, and cannot hang or exhaust the service."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader
from jinja2.exceptions import TemplateError

from service.settings.meter import LimitExceeded
from service.settings.sandbox import Refused, RenderFailed, environment, render

CORPUS = Path(__file__).parent / "sandbox_corpus"
ESCAPES = [
    line for line in (CORPUS / "escapes.txt").read_text().splitlines() if line and not line.startswith("#")
]
COMMITMENT = {
    "title": "Send <b>it</b>",
    "told": [{"to": "ana"}, {"to": "leo"}],
    "due": date(2026, 11, 24),
    "amount": Decimal("12.50"),
}
# What one rendering may hold at its worst: two copies of a million characters, and Jinja's own compiler.
PEAK_BYTES_MAX = 24_000_000


def rendered(source: str, *, autoescape: bool = True, **variables: object) -> str:
    sandbox = environment(autoescape, loader=DictLoader({"base": "[{% block body %}{% endblock %}]"}))
    return render(sandbox.from_string(source), {"c": COMMITMENT, **variables})


@pytest.mark.parametrize("template", ESCAPES)
def test_escape_is_refused(template: str) -> None:
    with pytest.raises((TemplateError, RenderFailed)):
        rendered(template)


def test_corpus_is_large_enough() -> None:
    assert len(ESCAPES) >= 100
    assert len(set(ESCAPES)) == len(ESCAPES)


def test_bombs_are_refused_or_fail_within_their_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.settings.sandbox_corpus.bombs"],
        capture_output=True,
        check=True,
        text=True,
        timeout=100,
        cwd=Path(__file__).parents[2],
    )
    results = json.loads(done.stdout)

    assert len(results) >= 60
    assert {name for name, (outcome, _) in results.items() if outcome == "rendered"} == {
        "harmless_loop",
        "harmless_text",
    }
    assert {name: peak for name, (_, peak) in results.items() if peak > PEAK_BYTES_MAX} == {}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ c.title }}", "Send &lt;b&gt;it&lt;/b&gt;"),
        ("{{ c['title'][0:4] }}", "Send"),
        ("{{ c.told[0].to }} {{ c.told[-1].to }}", "ana leo"),
        (
            "{% for t in c.told %}{{ loop.index }}{{ t.to }}{{ ', ' if not loop.last }}{% endfor %}",
            "1ana, 2leo",
        ),
        ("{% for t in [] %}x{% else %}nobody{% endfor %}", "nobody"),
        ("{% for k, v in {'a': 1}|items %}{{ k }}={{ v }}{% endfor %}", "a=1"),
        ("{{ 'a' ~ 1 ~ '<' }}", "a1&lt;"),
        ("{% set x %}<i>{{ c.title }}</i>{% endset %}{{ x ~ '<' }}", "<i>Send &lt;b&gt;it&lt;/b&gt;</i>&lt;"),
        ("{% macro m(a, b='-') %}<p>{{ a }}{{ b }}</p>{% endmacro %}{{ m('<') }}", "<p>&lt;-</p>"),
        ("{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}x{% endcall %}", "<x>"),
        ("{% extends 'base' %}{% block body %}{{ super() }}in{% endblock %}", "[in]"),
        ("{{ ['a<', 'b']|join('<br>') }}", "a&lt;&lt;br&gt;b"),
        ("{{ c.nothing|default('none') }}", "none"),
        ("{% if c.nothing is defined %}a{% else %}b{% endif %}", "b"),
        ("{{ none }}", ""),
        ("{{ (7 / 2)|round(1) }} {{ 7 // 2 }} {{ 7 % 2 }} {{ '7'|int + 1 }}", "3.5 3 1 8"),
        ("{{ c.amount + 1 }} {{ c.due }}", "13.50 2026-11-24"),
        ("{{ 'ana ruiz'|title }} {{ 'abcdef'|truncate(4) }} {{ [3, 1]|sort|first }}", "Ana Ruiz abc… 1"),
        ("{% with a = 1 %}{{ a }}{% endwith %}{% filter upper %}x{% endfilter %}", "1X"),
        ("{{ [1, 2]|length }}{{ 2 in [1, 2] }}{{ 'a' < 'b' }}{{ 4 is even }}", "2TrueTrueTrue"),
    ],
)
def test_what_messages_need_works(template: str, text: str) -> None:
    assert rendered(template) == text


def test_without_autoescape_text_stays_as_it_is() -> None:
    assert rendered("{{ c.title }}{{ ['<', '>']|join('&') }}", autoescape=False) == "Send <b>it</b><&>"


def test_own_filters_and_functions_are_called_and_paid_for() -> None:
    def shout(value: str) -> str:
        return f"{value}!"

    def big(_: object) -> str:
        return "x" * 2_000_000

    sandbox = environment(autoescape=True, filters={"shout": shout, "big": big}, functions={"shout": shout})
    assert render(sandbox.from_string("{{ 'a'|shout }}{{ shout('b') }}"), {}) == "a!b!"
    with pytest.raises(RenderFailed, match="1,000,000 characters"):
        render(sandbox.from_string("{{ 1|big }}"), {})


@pytest.mark.parametrize(
    "value", [object(), len, {1}, b"x", {1: 2}, [object()], Exception(), {"a": {"b": object()}}]
)
def test_only_plain_data_comes_in(value: object) -> None:
    with pytest.raises(RenderFailed, match=r"not plain data|not text"):
        rendered("x", value=value)


def test_output_has_a_limit() -> None:
    assert len(rendered("{{ x }}", x="y" * 65_536)) == 65_536
    with pytest.raises(RenderFailed, match="65,536 characters of output"):
        rendered("{{ x }}", x="y" * 65_537)


def test_nothing_is_rendered_around_the_meter() -> None:
    sandbox = environment(autoescape=True)
    for source in ("{% for a in b %}{% endfor %}", "{{ b|length }}", "plain"):
        with pytest.raises(LimitExceeded):
            sandbox.from_string(source).render(b=[1])


def test_failure_names_the_line() -> None:
    sandbox = environment(autoescape=True, loader=DictLoader({"mail.j2": "a\n\n{{ c.nothing }}"}))
    with pytest.raises(RenderFailed, match=r"^mail\.j2 line 3: 'dict object' has no attribute 'nothing'$"):
        render(sandbox.get_template("mail.j2"), {"c": {}})


def test_unknown_filter_has_a_hint() -> None:
    with pytest.raises(Refused) as raised:
        rendered("a\n{{ c.title|uppr }}")
    assert (raised.value.lineno, raised.value.hint) == (2, "did you mean `upper`?")


@pytest.mark.parametrize("name", ["a\n{{ 1 }}", "x');import os#", "../up", "", "/etc/passwd", "a b"])
def test_name_of_a_template_is_a_plain_path(name: str) -> None:
    with pytest.raises(Refused):
        environment(autoescape=True).compile("x", name=name, filename=None)


def test_whole_environment_offers_no_way_around() -> None:
    sandbox = environment(autoescape=True)
    assert sandbox.globals == {}
    with pytest.raises(Refused):
        sandbox.compile_expression("1 + 1")
    for forbidden in (
        "attr",
        "map",
        "format",
        "center",
        "indent",
        "batch",
        "replace",
        "safe",
        "tojson",
        "xmlattr",
    ):
        assert forbidden not in sandbox.filters


PIECES = [
    *(
        "{{ ",
        " }}",
        "{% if ",
        "{% for x in ",
        "{% endfor %}",
        "{% endif %}",
        " %}",
        "{% set y = ",
        "{# ",
        " #}",
    ),
    *(
        "c",
        ".title",
        ".told",
        "['title']",
        "|upper",
        "|join",
        "|list",
        "|length",
        "~",
        "+",
        "*",
        "'a'",
        "1",
        " in ",
    ),
    *(
        "(",
        ")",
        "[",
        "]",
        "loop",
        ".__class__",
        "self",
        "{% macro m() %}",
        "{% endmacro %}",
        "m()",
        "format",
        " text ",
    ),
]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_template_is_refused_fails_or_renders(source: str) -> None:
    allowed: tuple[type[Exception], ...] = (TemplateError, RenderFailed)
    outcome = _outcome(lambda: rendered(source), allowed)
    assert "__class__" not in outcome
    assert "<class" not in outcome
    assert "object at 0x" not in outcome


def _outcome(call: Callable[[], Any], allowed: tuple[type[Exception], ...]) -> str:
    try:
        return str(call())
    except allowed:
        return ""
