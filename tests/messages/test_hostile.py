"""Every field of an event is attacker's text; none of it may become markup, an address or a header."""

import re
import unicodedata
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.core.message import Message
from service.messages import clean, marks, samples
from service.messages.compiled import HTML_BYTES_MAX, variants
from service.settings.sandbox import render
from tests.messages import hostile
from tests.messages.conftest import Render
from tests.messages.test_goldens import SHIPPED

ALLOWED_TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "div",
        "table",
        "tbody",
        "tr",
        "td",
        "th",
        "h1",
        "span",
        "a",
    ),
    *("p", "br", "b", "strong", "em", "ul", "ol", "li", "blockquote", "code"),
}


class Reading(HTMLParser):
    """What a mail program sees: tags, targets and visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.targets: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.targets += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def harmless(message: Message) -> Reading:
    """Asserts what must hold for any message at all."""
    page = Reading(message.html)
    assert page.tags <= ALLOWED_TAGS
    assert not {name for name in page.attributes if name.startswith("on")}
    assert "src" not in page.attributes
    assert all(re.match(r"(https?://|mailto:)", target) for target in page.targets)
    assert "<script" not in message.html.lower()
    assert len(message.html.encode()) <= HTML_BYTES_MAX
    for line in (message.subject, message.short):
        assert line
        assert not [c for c in line if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert len(message.subject) <= 200
    assert not [c for c in message.text if unicodedata.category(c) in {"Cc", "Cs"} and c != "\n"]
    return page


@pytest.mark.parametrize("template", SHIPPED)
def test_hostile_words_are_printed_as_they_are_and_mean_nothing(template: str, rendered: Render) -> None:
    message = rendered(*hostile.sample(template))
    page = harmless(message)
    title = clean.line(hostile.TITLE)
    assert title in page.text
    assert title in message.text
    assert all(target.startswith("https://ft.example.com/a/") for target in page.targets)
    assert "forged" in message.text or "forged" not in page.text


def test_prose_of_others_cannot_pass_for_our_links_in_the_text_part(rendered: Render) -> None:
    message = rendered(samples.owed("reminder", facts={**hostile.FACTS, "owner": "ana"}), samples.ANA)
    forged = [line for line in message.text.splitlines() if line.startswith(("Done:", "https://"))]
    assert sorted(forged) == ["Done:", *sorted(action.url for action in message.actions)]


def test_marks_and_slots_in_data_are_plain_data(rendered: Render) -> None:
    owed = samples.owed(
        "reminder", facts={"title": "\ue000a\ue001 zqv0vqz zqv9vqz zqu0vqz", "description": "zqv5vqz"}
    )
    message = rendered(owed, samples.ANA)
    assert "a zqv0vqz zqv9vqz zqu0vqz" in message.text
    assert "> zqv5vqz" in message.text


@pytest.mark.parametrize(
    "url",
    [
        *(
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " javascript:alert(1)",
            "java\tscript:alert(1)",
            "data:text/html,x",
        ),
        *(
            "vbscript:x",
            "//evil.example",
            "/a/b",
            "https:evil",
            "https://",
            "ftp://x.example",
            "file:///etc/passwd",
        ),
        *(
            "https://bank.example@evil.example/",
            "https://x.exa\nmple/",
            'https://x.example/"onclick="',
            "mailto:",
        ),
        *(
            "https://b\u0430nk.example/",
            "https://x.example/<b>",
            "https://[::1",
            "\u0000https://x.example",
            "x" * 3000,
        ),
    ],
)
def test_an_address_that_is_none_is_not_linked(url: str, rendered: Render) -> None:
    message = rendered(samples.owed("reminder", facts={"url": url}), samples.ANA)
    assert {action.url for action in message.actions} == set(harmless(message).targets)
    assert "Link:" not in message.text


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://crm.example.com/deals/42?a=1&b=2#x", "https://crm.example.com/deals/42?a=1&b=2#x"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
        ("mailto:ana@example.com", "mailto:ana@example.com"),
        ("https://crm.example.com/größe", "https://crm.example.com/gr%C3%B6%C3%9Fe"),
    ],
)
def test_a_usable_address_is_linked(url: str, linked: str, rendered: Render) -> None:
    message = rendered(samples.owed("reminder", facts={"url": url}), samples.ANA)
    assert linked in harmless(message).targets
    assert f"Link:\n{linked}\n" in message.text


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_TEXT = st.text(st.characters(), max_size=400) | st.sampled_from([hostile.TITLE, hostile.PROSE, hostile.LINE])
_INSTANT = st.datetimes(timezones=st.just(samples.NOW.tzinfo)).map(lambda at: at.isoformat())
_TOLD = st.lists(
    st.fixed_dictionaries({"to": _TEXT, "at": _INSTANT | _TEXT, "after": st.booleans()}) | _JSON, max_size=9
)
_FACTS = st.dictionaries(
    st.sampled_from(
        [
            "title",
            "description",
            "note",
            "url",
            "owner",
            "status",
            "due_at",
            "closed_at",
            "progress",
            "slips",
            "on_time",
            "changed",
        ]
    ),
    _TEXT | _INSTANT | _JSON | st.sampled_from(["met", "cancelled", "ana"]),
) | st.fixed_dictionaries({"told": _TOLD | _JSON})
_EXTRA = st.dictionaries(
    st.sampled_from(
        [
            "from",
            "to",
            "by",
            "reason",
            "how",
            "from_owner",
            "to_owner",
            "asked_by",
            "step",
            "why",
            "next",
            "other",
        ]
    ),
    _TEXT | _INSTANT | _JSON,
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(
    template=st.sampled_from(SHIPPED),
    facts=_FACTS,
    extra=_EXTRA,
    reasons=st.lists(_TEXT, max_size=3),
    zone=_TEXT,
)
def test_any_facts_make_a_harmless_message(
    template: str,
    facts: dict[str, object],
    extra: dict[str, object],
    reasons: list[str],
    zone: str,
    rendered: Render,
) -> None:
    owed = samples.owed(template, facts=facts, extra=extra, reasons=tuple(reasons))
    reader = type(samples.ANA)("ana", "Ana", zone)
    harmless(rendered(owed, reader))


def test_missing_facts_make_a_message_too(rendered: Render) -> None:
    owed = msgspec.structs.replace(samples.owed("missed"), facts={}, reasons=())
    assert harmless(rendered(owed, samples.ANA)).text


def test_long_data_never_makes_a_mail_that_is_clipped(rendered: Render) -> None:
    long = {
        "title": "&" * 300,
        "description": "<\n" * 4000,
        "note": "&" * 4000,
        "url": "https://x.example/" + "&" * 1900,
    }
    told = [{"to": "&" * 200, "at": "2026-11-24T10:00:00Z", "after": True}] * 50
    for template in SHIPPED:
        owed = samples.owed(template, facts={**long, "told": told}, reasons=("&" * 2000,) * 3)
        harmless(rendered(owed, samples.DANA))


def test_marks_inside_a_value_do_not_end_it() -> None:
    # given a value that nobody has cleaned
    sandbox = variants().markdown
    template = sandbox.from_string("**{{ x }}** y")
    # when
    said = render(template, {"x": "a\ue001[b](c)\ue000"})
    # then
    assert marks.split(said) == ("**zqv0vqz** y", ["a[b](c)"])


def test_every_invisible_character_of_unicode_is_known():
    """The tables are made from the ranges that hold such characters, not from all of Unicode."""
    bad = {
        code for code in range(0x110000) if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    }

    assert bad <= clean._LINE.keys()
    assert set(range(0xE0000, 0xE0080)) <= clean._PROSE.keys()


def test_a_start_does_not_walk_all_of_unicode(monkeypatch: pytest.MonkeyPatch):
    looked_at = list[str]()
    category = unicodedata.category

    def counted(char: str) -> str:
        looked_at.append(char)
        return category(char)

    monkeypatch.setattr(unicodedata, "category", counted)
    clean._tables()

    assert len(looked_at) < 150_000
