"""Keeps data out of Markdown: the parser sees the author's words only, values are put in afterwards, as they are.

While a block renders, every `{{ value }}` is put between two marks. `split` takes the values out and leaves
inert words in their places; what remains is the *skeleton*, turned into HTML and text once and then kept. So no title
can become a link, a heading or a tag, and the slow work is not done for every message.
"""

import re
from typing import Any
from urllib.parse import quote

from jinja2 import nodes, pass_context
from jinja2.runtime import Context, Undefined
from markupsafe import escape

from service.messages import clean
from service.messages.clean import MARK_CLOSE, MARK_OPEN
from service.settings.sandbox import Refused, Sandbox

# A word no author writes, made of letters, because they mean nothing to Markdown. Data never meets the skeleton.
_SLOT = re.compile(r"zq([vu])(\d+)vqz")
_HREF = re.compile(r'href="([^"]*)"')
_MARKED = re.compile(f"{MARK_OPEN}([^{MARK_OPEN}{MARK_CLOSE}]*){MARK_CLOSE}")
_MARKS = re.compile(f"[{MARK_OPEN}{MARK_CLOSE}]")

# The start of a line of the text part, up to its first word: quotes, bullets, indentation.
_MARGIN = re.compile(r"(?:> |- |\d+\. |  )*")

# Text captured while rendering would hold values and author's words in one, past telling apart.
_CAPTURES = (nodes.AssignBlock, nodes.Macro, nodes.CallBlock, nodes.FilterBlock)


class MarksBroken(ValueError):
    """A value could not be told from the author's words; nothing is printed then."""


def refuse_captures(tree: nodes.Template) -> None:
    """Raises Refused where a template captures what it renders."""
    for node in tree.find_all(_CAPTURES):
        raise Refused("text cannot be captured in a message", node.lineno, "write `{% set name = value %}`")


def mark_values(sandbox: Sandbox) -> None:
    """From now on `sandbox` compiles templates that mark every value they write."""
    paid = sandbox.finalize
    assert paid is not None

    @pass_context
    def finalize(context: Context, value: Any) -> str:
        value = paid(context, value)
        if isinstance(value, Undefined):
            str(value)  # StrictUndefined raises and names what is missing.
        text = "" if value is None else _MARKS.sub("", str(value))
        return f"{MARK_OPEN}{text}{MARK_CLOSE}"

    sandbox.finalize = finalize


def split(rendered: str) -> tuple[str, list[str]]:
    """The skeleton of a rendered block, and the values to put into it."""
    parts = _MARKED.split(rendered)
    words, values = parts[::2], parts[1::2]
    skeleton = words[0] + "".join([f"zqv{n}vqz{literal}" for n, literal in enumerate(words[1:])])
    if MARK_OPEN in skeleton or MARK_CLOSE in skeleton:
        raise MarksBroken("a value lost one of its marks")
    return skeleton, values


def unmarked(rendered: str) -> str:
    """A rendered block as plain text, for one that is no Markdown: subject and short."""
    return _MARKS.sub("", rendered)


class HtmlFiller:
    """HTML with slots, ready to be filled many times."""

    def __init__(self, html: str) -> None:
        hrefs = [(found.start(1), found.end(1)) for found in _HREF.finditer(html)]
        self._pieces: list[str | tuple[str, int]] = []
        end = 0
        for slot in _SLOT.finditer(html):
            inside = next((span for span in hrefs if span[0] <= slot.start() < span[1]), None)
            kind = "text" if inside is None else "url" if inside == slot.span() else "part"
            self._pieces += [html[end : slot.start()], (kind, int(slot[2]))]
            end = slot.end()
        self._pieces.append(html[end:])

    def fill(self, values: list[str]) -> str:
        return "".join([p if isinstance(p, str) else _in_html(p[0], values[p[1]]) for p in self._pieces])


def as_address(href: str) -> str:
    """The target of a link for the text part; a slot that is all of it takes addresses only."""
    return _SLOT.sub(r"zqu\2vqz", href) if _SLOT.fullmatch(href) else href


class TextFiller:
    """Text with slots; a value of several lines keeps the margin of the line it begins on."""

    def __init__(self, text: str) -> None:
        self._pieces: list[str | tuple[str, int]] = []
        end = 0
        for slot in _SLOT.finditer(text):
            found = _MARGIN.match(text, text.rfind("\n", 0, slot.start()) + 1)
            margin = "\n" + re.sub(r"[^> ]", " ", found[0] if found else "")
            self._pieces += [text[end : slot.start()], ("" if slot[1] == "u" else margin, int(slot[2]))]
            end = slot.end()
        self._pieces.append(text[end:])

    def fill(self, values: list[str]) -> str:
        return "".join([p if isinstance(p, str) else _in_text(p[0], values[p[1]]) for p in self._pieces])


def _in_text(margin: str, value: str) -> str:
    return value.replace("\n", margin) if margin else clean.url(value)


def _in_html(kind: str, value: str) -> str:
    if kind == "text":
        return str(escape(value)).replace("\n", "<br>")
    return str(escape(clean.url(value))) if kind == "url" else quote(value, safe="")
