"""The nearest right name, for errors: "did you mean 'high'?"."""

import difflib
from collections.abc import Collection

_CHARS_MAX = 64  # The comparison is quadratic; nobody mistypes a longer name.


def nearest(wrong: str, right: Collection[str]) -> str:
    """`; did you mean '…'?` when one of `right` is close to `wrong`, else an empty string."""
    folded = {name.casefold(): name for name in right if len(name) <= _CHARS_MAX}
    if len(wrong) > _CHARS_MAX or len(folded) > 1000:
        return ""
    found = difflib.get_close_matches(wrong.casefold(), folded, n=1, cutoff=0.7)
    return f"; did you mean {folded[found[0]]!a}?" if found else ""
