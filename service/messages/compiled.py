"""One template with its layout, compiled: from variables to subject, short text, text part and HTML.

Everything slow or refusable happens in `compile_template`, once. It must not know where sources come from.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import css_inline
import msgspec
from jinja2 import Template, nodes
from markupsafe import Markup

from service.core.message import Action, Card, Message
from service.messages import clean, marks
from service.messages.card import card
from service.messages.markdown import body
from service.settings.filters import text
from service.settings.sandbox import Refused, Sandbox, environment, render

BLOCKS = ("subject", "short", "body")

SUBJECT_CHARS_MAX = 200
SHORT_CHARS_MAX = 300

# Inboxes show 40 to 90 characters of the preheader beside the subject.
PREHEADER_CHARS_MAX = 90

# Gmail clips a mail's HTML at 102,400 bytes, some phones earlier; the rest goes to headers and the text part.
HTML_BYTES_MAX = 60_000

# Two stylesheets in the layout: one is written into the elements, the other (media queries) has to stay.
_INLINED = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_KEPT = re.compile(r"<style data-kept>(.*?)</style>", re.DOTALL)
_KEPT_HERE = "<!--kept style-->"

# Jinja's statements stand in comments, because text between table rows is moved out of the table by a HTML parser.
_IN_COMMENT = re.compile(r"<!--\s*(\{%.*?%\})\s*-->", re.DOTALL)


class TooLong(ValueError):
    """The message would be cut by mail programs; it is not sent like that."""


@dataclass(frozen=True)
class Layout:
    """How every message of a channel is laid out."""

    html: Template
    text: Template
    css: str


class Variants(NamedTuple):
    """The environments: author's Markdown, our HTML and our text layouts."""

    markdown: Sandbox
    html: Sandbox
    text: Sandbox


@dataclass(frozen=True)
class Compiled:
    """One version of one template."""

    name: str
    template: Template
    layout: Layout

    def message(self, variables: Mapping[str, object], actions: tuple[Action, ...]) -> Message:
        """The message; raises RenderFailed and others when the template is at fault."""
        subject, short = (self._line(block, variables) for block in ("subject", "short"))
        skeleton, values = marks.split(render(self.template, variables, "body"))
        prepared = body(skeleton, self.layout.css)
        plain = prepared.text.fill(values)
        around = {
            **card(variables),
            "subject": clean.cut(subject, SUBJECT_CHARS_MAX),
            "preheader": clean.cut(short, PREHEADER_CHARS_MAX),
            "title": variables["title"],
            "url": variables["url"],
            "reasons": variables["reasons"],
            # A digest has its links beside each of its parts.
            "buttons": []
            if variables["items"]
            else [{"label": one.label, "url": one.url} for one in actions],
            "asks": any(action.name != "open" for action in actions),
        }
        html = render(self.layout.html, {**around, "body": Markup(prepared.html.fill(values))})  # noqa: S704  # sanitised
        if len(html.encode()) > HTML_BYTES_MAX:
            raise TooLong(f"more than {HTML_BYTES_MAX:,} bytes of HTML")
        return Message(
            subject=clean.cut(subject, SUBJECT_CHARS_MAX),
            short=clean.cut(short, SHORT_CHARS_MAX),
            text=_tidy(render(self.layout.text, {**around, "body": plain})),
            html=html,
            actions=actions,
            card=_card(around, plain),
        )

    def _line(self, block: str, variables: Mapping[str, object]) -> str:
        said = clean.line(marks.unmarked(render(self.template, variables, block)), 2000)
        if not said:
            raise ValueError(f"the block `{block}` is empty")
        return said


def _card(around: Mapping[str, object], text_: str) -> Card:
    """The parts that the layouts are given, for channels that have none."""
    return msgspec.convert({**around, "body": _tidy(text_).strip()}, Card)


def variants() -> Variants:
    """Fresh environments. Values in Markdown are marked, so `e` has nothing to escape there."""
    markdown = environment(autoescape=False, filters={"e": text, "escape": text})
    marks.mark_values(markdown)
    return Variants(markdown, environment(autoescape=True), environment(autoescape=False))


def compile_layout(using: Variants, html: str, text_: str) -> Layout:
    """The layout, its CSS written into its elements once, here."""
    css, kept = "".join(_INLINED.findall(html)), "".join(_KEPT.findall(html))
    inlined = css_inline.inline(_KEPT.sub(_KEPT_HERE, html), load_remote_stylesheets=False)
    inlined = inlined.replace(_KEPT_HERE, f"<style>{kept}</style>")
    return Layout(
        _compile(using.html, _IN_COMMENT.sub(r"\1", inlined), "layouts/email.html"),
        _compile(using.text, text_, "layouts/email.txt"),
        css,
    )


def compile_template(using: Variants, name: str, source: str, layout: Layout) -> Compiled:
    """The template; raises TemplateSyntaxError with its line."""
    tree = using.markdown.parse(source, name)
    marks.refuse_captures(tree)
    for node in tree.body:
        # The statement is the sandbox's own payment; no template can write one.
        if not (isinstance(node, nodes.Block | nodes.ExprStmt) or _is_blank(node)):
            raise Refused(f"only the blocks {', '.join(BLOCKS)} may stand here", node.lineno)
    template = _compile(using.markdown, source, name)
    for block in BLOCKS:
        if block not in template.blocks:
            raise Refused(
                f"the block `{block}` is missing", 1, f"write {{% block {block} %}}…{{% endblock %}}"
            )
    return Compiled(name, template, layout)


def _is_blank(node: nodes.Node) -> bool:
    """Whether nothing would be printed by it: the line ends between blocks."""
    return isinstance(node, nodes.Output) and all(
        isinstance(child, nodes.TemplateData) and not child.data.strip() for child in node.nodes
    )


def _compile(sandbox: Sandbox, source: str, name: str) -> Template:
    code = sandbox.compile(source, name, name)
    assert not isinstance(code, str)
    return Template.from_code(sandbox, code, sandbox.make_globals(None))


def _tidy(text_: str) -> str:
    """At most one blank line in a row, none at the ends."""
    lines = [line.rstrip() for line in text_.split("\n")]
    kept = [line for n, line in enumerate(lines) if line or (n and lines[n - 1])]
    return "\n".join(kept).strip("\n") + "\n"
