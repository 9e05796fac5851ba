"""Templates as shipped, links with a fixed key, and one call that renders like the service."""

from collections.abc import Callable

import msgspec
import pytest

from service.core.effects import Owed
from service.core.message import Message, Reader
from service.messages import samples
from service.messages.links import Links
from service.messages.render import render
from service.messages.templates import Templates

Render = Callable[[Owed, Reader], Message]


@pytest.fixture(scope="session")
def templates() -> Templates:
    return Templates.load()


@pytest.fixture(scope="session")
def links() -> Links:
    return Links(["a key of tests that is long enough"], "https://ft.example.com/")


@pytest.fixture(scope="session")
def rendered(templates: Templates, links: Links) -> Render:
    """Renders with the current template, and fails when it breaks."""

    def run(owed: Owed, reader: Reader) -> Message:
        pinned = msgspec.structs.replace(owed, template_hash=templates.hashes[owed.template])

        def fail(_: Owed, error: Exception) -> None:
            raise error

        return render(pinned, reader, samples.name_of, templates, links, fail)

    return run
