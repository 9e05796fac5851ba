"""Makes other people's text safe to print: one line or a few, no control characters, only harmless addresses.

Every field of an event is attacker's text. Markup is not handled here (see marks.py): nothing here escapes.
"""

import string
import unicodedata
from urllib.parse import quote, urlsplit

# Long enough for any title a person reads; the event's own limit is 300 (core/events.py, `Line`).
LINE_CHARS_MAX = 300

# A mail is no archive: the rest of a long text is one click away.
PROSE_CHARS_MAX = 600
PROSE_LINES_MAX = 12

# Longer addresses are cut by mail clients, and no browser is sure to open them.
URL_CHARS_MAX = 2000

SCHEMES = frozenset({"http", "https", "mailto"})

# Private-use characters that marks.py puts around values: data may not contain them.
MARK_OPEN, MARK_CLOSE = "\ue000", "\ue001"

# Where such characters are. Walking all of Unicode at every start takes a quarter of a second (measured 2026-11).
_TEXT_END, _TAGS = 0x20000, range(0xE0000, 0xE0080)


def _tables() -> tuple[dict[int, str | None], dict[int, str | None]]:
    """What to do with each character: in a line, and in prose.

    Categories: Cc control, Cf format (bidi, zero width, tags), Cs surrogate, Zl/Zp line separators.
    Prose keeps format characters: scripts and emoji need joiners there, and a paragraph ends any override.
    """
    line: dict[int, str | None] = {}
    prose: dict[int, str | None] = {}
    for code in (*range(_TEXT_END), *_TAGS):
        category = unicodedata.category(chr(code))
        if category in {"Cc", "Zl", "Zp"}:
            line[code] = " " if chr(code).isspace() else None
            prose[code] = None
        elif category == "Cf":
            line[code] = None
        elif category == "Cs":
            line[code] = prose[code] = "\ufffd"
    prose[ord("\n")] = "\n"
    prose[ord("\t")] = " "
    # The tags block is invisible text: of use to nobody but an attacker.
    prose |= dict.fromkeys(_TAGS)
    for table in (line, prose):
        table[ord(MARK_OPEN)] = table[ord(MARK_CLOSE)] = None
    return line, prose


_LINE, _PROSE = _tables()


def line(value: object, chars_max: int = LINE_CHARS_MAX) -> str:
    """`value` as one line of visible text: for names, titles and subjects."""
    text = str(value)
    if not (text.isascii() and text.isprintable()):
        text = " ".join(unicodedata.normalize("NFC", text.translate(_LINE)).split())
    elif "  " in text or text[:1] == " " or text[-1:] == " ":
        text = " ".join(text.split())
    return cut(text, chars_max)


def prose(value: object, chars_max: int = PROSE_CHARS_MAX) -> str:
    """`value` as a few lines of text: for descriptions, notes and reasons people gave."""
    text = str(value).replace("\r\n", "\n").replace("\r", "\n").translate(_PROSE).strip()
    kept = [part.strip() for part in text.split("\n") if part.strip()]
    if len(kept) > PROSE_LINES_MAX:
        kept = [*kept[:PROSE_LINES_MAX], "…"]
    return cut("\n".join(kept), chars_max)


def cut(text: str, chars_max: int) -> str:
    """At most `chars_max` characters; ends at a word, with an ellipsis, when something is missing."""
    if len(text) <= chars_max:
        return text
    head = text[: chars_max - 1]
    at_word = head.rfind(" ", chars_max * 2 // 3)
    return (head[:at_word] if at_word > 0 else head).rstrip(" ,;:.-") + "…"


def url(value: object) -> str:
    """`value` when it is an address a person may be sent to, else nothing."""
    text = str(value).strip()
    if not text.isprintable() or any(c in text for c in " <>\"'`\\"):
        return ""
    text = quote(text, safe=string.punctuation)
    if len(text) > URL_CHARS_MAX:
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    if parts.scheme == "mailto":
        return text if parts.path else ""
    # `https://bank.example@evil.example/` reads as the bank, and so may a host in another alphabet.
    is_plain_host = bool(parts.netloc) and not set("@%") & set(parts.netloc)
    return text if parts.scheme in SCHEMES and is_plain_host else ""
