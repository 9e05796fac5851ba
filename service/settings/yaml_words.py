"""What the YAML parser says, in words for who has typed the file; the table is all of it.

A sentence of the parser's that is not here is shown as it is.
"""

import re
from typing import NamedTuple


class Said(NamedTuple):
    """`is_at_its_beginning`: the place to look at is where the value begins, not where the parser gave up."""

    message: str
    hint: str = ""
    is_at_its_beginning: bool = False


_WORDS = (
    (r".*character '\\t'.*", Said("a tab stands where only spaces may", "indent with spaces")),
    (r".*character '([@`%])'.*", Said("is not YAML: a value cannot begin with `{0}`", "quote it")),
    (
        r".*unknown escape character '(.)'",
        Said("is not YAML: `\\{0}` means nothing inside double quotes", "use single quotes, or write `\\\\`"),
    ),
    (
        r".*mapping values are not allowed.*",
        Said("is not YAML: a second `: ` in one value", "quote the value"),
    ),
    (
        r".*could not find expected ':'",
        Said("is not YAML: the line before is neither a key nor a value", "put a space after its `:`"),
    ),
    (
        r".*expected <block end>.*",
        Said(
            "is not YAML: this line begins in a column of its own", "indent it like the lines it belongs to"
        ),
    ),
    (r".*quoted scalar.*end of stream", Said("is not YAML: this quotation mark is never closed", "", True)),
    (r".*flow mapping.*stream end.*", Said("is not YAML: this `{{` is never closed", "add a `}}`", True)),
    (r".*flow sequence.*stream end.*", Said("is not YAML: this `[` is never closed", "add a `]`", True)),
    (r".*flow mapping.*expected ',' or '}'.*", Said("is not YAML: a `,` or `}}` is expected here")),
    (r".*flow sequence.*expected ',' or '\]'.*", Said("is not YAML: a `,` or `]` is expected here")),
)


def syntax_error(context: str, problem: str) -> Said:
    """The parser's words in ours."""
    whole = " ".join(part for part in (context, problem) if part)
    for pattern, said in _WORDS:
        if found := re.fullmatch(pattern, whole, re.DOTALL):
            return said._replace(message=said.message.format(*found.groups()), hint=said.hint.format())
    return Said(f"is not YAML: {whole}")
