"""Names made safe to show: one line, no invisible characters, one spelling of each letter."""

import unicodedata

# Characters that turn text around or hide in it: bidi controls, zero width, the tags block (U+E0000–E007F is `Cf`).
_INVISIBLE = frozenset("\u200b\u200c\u200d\u200e\u200f\ufeff\u2060\u061c")


def one_line(value: str) -> str:
    """NFC, without control, bidi and zero-width characters; white space becomes single blanks."""
    visible = (
        " " if char.isspace() else char
        for char in unicodedata.normalize("NFC", value)
        if char.isspace() or (char not in _INVISIBLE and unicodedata.category(char) not in ("Cc", "Cf", "Cs"))
    )
    return " ".join("".join(visible).split())


def lookalike(value: str) -> str:
    """Equal for ids that a reader could take for one another (NFKC, case folded)."""
    return unicodedata.normalize("NFKC", value).casefold()


def folded(text: str) -> str:
    """As people mean it: without capitals, one blank between words."""
    return " ".join(text.casefold().split())
