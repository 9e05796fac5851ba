"""Messages rendered a second on one core, each template in turn, beside the bare Jinja call it stands on."""

import sys
import time
from collections.abc import Callable

import msgspec

from service.messages import samples
from service.messages.links import Links
from service.messages.render import render
from service.messages.templates import Templates
from service.messages.view import card, variables
from service.settings.sandbox import render as sandboxed

COUNT = 2_000


def per_second(run: Callable[[int], object]) -> float:
    for n in range(50):
        run(n)
    began = time.perf_counter()
    for n in range(COUNT):
        run(n)
    return COUNT / (time.perf_counter() - began)


def main() -> None:
    templates, links = (
        Templates.load(),
        Links(["a key of the bench, long enough!!"], "https://ft.example.com"),
    )
    owed = [
        msgspec.structs.replace(sample.owed, template_hash=content_hash)
        for name, content_hash in templates.hashes.items()
        for sample in [samples.usual(name)]
    ]
    readers = [samples.usual(name).reader for name in templates.hashes]
    messages = per_second(
        lambda n: render(owed[n % len(owed)], readers[n % len(owed)], samples.name_of, templates, links)
    )
    view = variables(owed[0], readers[0], samples.name_of)
    around = {
        **card(view),
        "title": "t",
        "url": "",
        "subject": "s",
        "preheader": "p",
        "body": "b",
        "asks": False,
    }
    layout = templates.get(owed[0].template, owed[0].template_hash).layout.html
    bare = per_second(lambda _: sandboxed(layout, {**around, "reasons": [], "buttons": []}))
    sys.stdout.write(f"messages rendered     {messages:8,.0f} a second\n")
    sys.stdout.write(f"the HTML layout alone {bare:8,.0f} a second\n")


if __name__ == "__main__":
    main()
