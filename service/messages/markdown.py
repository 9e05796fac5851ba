"""Markdown to a mail's HTML and to plain text, from one parse, so that both parts say the same.

Knows nothing of values: it is given skeletons (see marks.py), a handful for each template, and keeps what it made.
"""

from functools import lru_cache
from typing import NamedTuple

import css_inline
import nh3
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from service.messages import clean
from service.messages.marks import HtmlFiller, TextFiller, as_address

TAGS = {"p", "br", "strong", "em", "a", "ul", "ol", "li", "blockquote", "h2", "h3", "hr", "code", "pre"}

# Every `if` and every length of a list makes another skeleton; a template has some twenty.
_KEPT = 2048

_parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False}).disable("image")


class Body(NamedTuple):
    html: HtmlFiller
    text: TextFiller


@lru_cache(maxsize=_KEPT)
def body(skeleton: str, css: str) -> Body:
    """The two forms of one skeleton; `css` is written into the elements, for mail clients that know no other way."""
    tokens = _parser.parse(skeleton)
    html = nh3.clean(
        _parser.renderer.render(tokens, _parser.options, {}),
        tags=TAGS,
        attributes={"a": {"href"}},
        url_schemes=set(clean.SCHEMES),
        link_rel=None,
    )
    styled = css_inline.inline_fragment(f'<div class="body">{html}</div>', css, load_remote_stylesheets=False)
    return Body(HtmlFiller(styled), TextFiller(_text(SyntaxTreeNode(tokens))))


def _text(root: SyntaxTreeNode) -> str:
    return "\n\n".join(_block(child) for child in root.children)


def _block(node: SyntaxTreeNode) -> str:
    """One block as text, without the noise of its markup."""
    match node.type:
        case "paragraph" | "heading":
            return _inline(node)
        case "bullet_list":
            return "\n".join(_indented(_inside(item), "- ", "  ") for item in node.children)
        case "ordered_list":
            numbered = enumerate(node.children, int(node.attrs.get("start", 1)))
            return "\n".join(_indented(_inside(item), f"{n}. ", "   ") for n, item in numbered)
        case "blockquote":
            return _indented(_inside(node), "> ", "> ")
        case "hr":
            return "-" * 20
        case _:
            return node.content.rstrip("\n")


def _inside(node: SyntaxTreeNode) -> str:
    return "\n".join(_block(child) for child in node.children)


def _inline(block: SyntaxTreeNode) -> str:
    """The words of a paragraph; the addresses of its links follow, each on a line of its own."""
    words: list[str] = []
    urls: list[str] = []
    for node in block.walk():
        if node.type in {"text", "code_inline"}:
            words.append(node.content)
        elif node.type in {"softbreak", "hardbreak"}:
            words.append(" " if node.type == "softbreak" else "\n")
        elif node.type == "link":
            urls.append(as_address(str(node.attrs["href"])))
    said = "".join(words)
    return "\n".join([said, *(url for url in urls if url != said)])


def _indented(text: str, first: str, rest: str) -> str:
    return first + text.replace("\n", "\n" + rest)
