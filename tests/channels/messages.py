"""Messages for chat: the shipped ones with their usual and with hostile data, and whatever Hypothesis thinks of."""

from functools import lru_cache

from hypothesis import strategies as st
from msgspec.structs import replace

from service.core.effects import Owed
from service.core.message import Action, Card, Message
from service.messages import samples
from service.messages.links import Links
from service.messages.render import render, render_plain
from service.messages.templates import Templates
from tests.messages import hostile

LINKS = Links(["a key of tests that is long enough"], "https://ft.example.com/")
SHIPPED = tuple(sorted(Templates.load().hashes))


@lru_cache(maxsize=1)
def templates() -> Templates:
    return Templates.load()


def rendered(template: str, data: str = "plain") -> tuple[Owed, Message]:
    owed, reader = hostile.sample(template) if data == "hostile" else samples.usual(template)
    if data == "built in":
        return owed, render_plain(owed, reader, samples.name_of, LINKS)
    pinned = replace(owed, template_hash=templates().hashes[template])
    message = render(pinned, reader, samples.name_of, templates(), LINKS)
    assert not message.is_fallback
    return owed, message


# With what is special somewhere, and longer than anybody's limit in any alphabet.
_piece = st.sampled_from(
    [
        "<!channel>",
        "<@U1>",
        "&amp;",
        "|",
        ">",
        "*b*",
        "[x](https://e.example)",
        "日本語",
        "😀",
        "\n",
        "word ",
        "\x07",
    ]
)
texts = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60),
    st.builds(lambda parts, times: "".join(parts) * times, st.lists(_piece, max_size=8), st.integers(1, 900)),
)
lines = texts.map(lambda text: " ".join(text.split()))
urls = st.one_of(
    st.just("https://ft.example.com/a/token?do=done"),
    st.integers(1, 4000).map(lambda length: "https://ft.example.com/a/" + "x" * length),
)
actions = st.builds(
    Action, lines.map(lambda text: text or "Done"), urls, st.sampled_from(["done", "open", "acknowledge"])
)
cards = st.builds(
    Card,
    title=lines,
    body=texts,
    state=lines,
    tone=st.sampled_from(["ahead", "late", "good", "quiet"]),
    rows=st.lists(st.tuples(lines, lines), max_size=14).map(tuple),
    due_row=lines,
    url=st.sampled_from(
        ["", "https://crm.example.com/deals/42?a=b&c=d", "https://crm.example.com/" + "y" * 1900]
    ),
    reasons=st.lists(lines, max_size=8).map(tuple),
)
messages = st.builds(
    Message,
    subject=lines.map(lambda text: text[:200] or "x"),
    short=lines,
    text=texts,
    html=st.just("<p></p>"),
    actions=st.lists(actions, max_size=5).map(tuple),
    card=st.one_of(st.none(), cards),
)  # fmt: skip
