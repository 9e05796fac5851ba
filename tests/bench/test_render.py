"""Messages rendered on one core, each template in turn, beside the Jinja call for the HTML layout in it."""

import time
from collections.abc import Callable

import msgspec
import pytest

from service.messages import samples
from service.messages.card import card
from service.messages.links import Links
from service.messages.render import render
from service.messages.templates import Templates
from service.messages.view import variables
from service.settings.sandbox import render as sandboxed
from tests.bench.table import Table, interleaved

pytestmark = pytest.mark.bench

COUNT = 1_000


async def test_messages_rendered(table: Table) -> None:
    templates = Templates.load()
    links = Links(["a key of the bench, long enough!!"], "https://ft.example.com")
    usual = [(samples.usual(name), content_hash) for name, content_hash in templates.hashes.items()]
    owed = [msgspec.structs.replace(sample.owed, template_hash=hashed) for sample, hashed in usual]
    readers = [sample.reader for sample, _ in usual]
    view = variables(owed[0], readers[0], samples.name_of)
    around = {"title": "t", "url": "", "subject": "s", "preheader": "p", "body": "b", "asks": False}
    around = {**card(view), **around, "reasons": [], "buttons": []}
    layout = templates.get(owed[0].template, owed[0].template_hash).layout.html

    async def ours(_: int) -> float:
        return _per_second(
            lambda n: render(owed[n % len(owed)], readers[n % len(owed)], samples.name_of, templates, links)
        )

    async def bare(_: int) -> float:
        return _per_second(lambda _: sandboxed(layout, around))

    table.add("messages rendered/s; bare: the HTML layout alone", *await interleaved(ours, bare))


def _per_second(run: Callable[[int], object]) -> float:
    began = time.perf_counter()
    for n in range(COUNT):
        run(n)
    return COUNT / (time.perf_counter() - began)
