"""Pictures as SVG text, made by hand: what all of ours share. No library draws this smaller.

Light and dark by the reader's own setting; a program that knows no media queries shows the light one.
"""

from collections.abc import Iterable
from html import escape

# A mark's colour says what kind of word it is; the same words stand beside it, for whoever sees no colours.
COLOURS = {
    "reminder": "#2f6fde",
    "checkin_ask": "#2f6fde",
    "missed": "#d9822b",
    "checkin_missed": "#d9822b",
    "escalated": "#c23030",
    "offer_help": "#8f398f",
    "kept": "#0f9960",
    "deal_won": "#0f9960",
    "resolved": "#5c7080",
    "deal_stalled": "#8a6100",
    "replanned": "#7157d9",
    "digest": "#00838f",
}
OTHER = "#8a9ba8"

# The colours of site.css, by name: the picture lies on its cards, and in a file of its own on its own paper.
_STYLE = (
    'text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1c1f22 }',
    "text.strong { font-weight: 600 } text.soft { fill: #575d64 } text.small { font-size: 12px }",
    "text.over { paint-order: stroke; stroke: #fff; stroke-width: 5px; stroke-linejoin: round }",
    ".paper { fill: #fff } .line { stroke: #dfe0dc } .edge { stroke: #8b9096 }",
    "@media (prefers-color-scheme: dark) {",
    "  text { fill: #e9ebed } text.soft { fill: #a7aeb6 } text.over { stroke: #1d2024 }",
    "  .paper { fill: #1d2024 } .line { stroke: #33383e } .edge { stroke: #727a83 }",
    "}",
)


def opened(width: int, height: int, title: str, about: str = "") -> list[str]:
    """The beginning of a picture: its size, its name, what it shows in words, its paper. `</svg>` ends it."""
    described = [f'<desc id="about">{escape(about)}</desc>'] if about else []
    labelled = f'aria-labelledby="title{" about" if about else ""}"'
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {labelled}>',
        f'<title id="title">{escape(title)}</title>',
        *described,
        "<style>",
        *_STYLE,
        "</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
    ]


def closed(parts: Iterable[str]) -> str:
    return "\n".join([*parts, "</svg>"]) + "\n"


def text(x: float, y: float, words: str, look: str = "", anchor: str = "start") -> str:
    """A line of text; `look` is one or more of strong, soft, small and over (legible over lines)."""
    look = f' class="{look}"' if look else ""
    anchor = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}"{look}{anchor}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, look: str = "line", more: str = "") -> str:
    return f'<line class="{look}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"{more}/>'
