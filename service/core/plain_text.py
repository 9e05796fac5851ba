"""Text from strangers, made harmless without changing what a person reads in it.

One line (names, titles, ids): nothing invisible, nothing that turns the line around, no control character. A body
keeps its lines and its marks. Both in Unicode's form NFC, so that equal texts are equal. Cleaning twice is once.
"""

import re
import unicodedata

# What does not show and can make one name look like another: zero width, bidi marks and overrides, soft hyphen,
# word joiner and other invisible operators, the tags block (safety rules, bad input).
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_BODY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def one_line(text: str) -> str:
    """`text` as one visible line: controls and runs of white space are one space."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    visible = _INVISIBLE.sub("", _CONTROL.sub(" ", text))
    return " ".join(unicodedata.normalize("NFC", visible).split())


def body(text: str) -> str:
    """`text` with its lines and without other control characters."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", _CONTROL_IN_BODY.sub("", text))


def is_clean(text: str) -> bool:
    """Whether `text` holds nothing that `one_line` would take out of the middle."""
    return not _CONTROL.search(text) and not _INVISIBLE.search(text)
