"""The AsyncAPI document says what is: every event type with its fields and an example that the door takes."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest

from service.core.events import EVENTS, INTERNAL
from service.web.asyncapi import document
from service.web.event_examples import EXAMPLES, example_of
from tests.web.door import Door, opened

TAKEN = [name for name in EVENTS if name not in INTERNAL]


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as door:
        yield door


@pytest.mark.parametrize("path", ["/asyncapi", "/asyncapi.json"])
async def test_it_is_served(door: Door, path: str) -> None:
    async with door.client.get(path) as response:
        assert response.status == 200
        assert json.loads(await response.text()) == document()


@pytest.mark.parametrize("name", TAKEN)
async def test_each_example_is_accepted_on_a_topic_that_lists_it(name: str, door: Door) -> None:
    message = document()["components"]["messages"][name]
    [example] = message["examples"]

    assert await door.send(example["payload"]) == (202, {"accepted": 1, "ids": [f"example-{name}"]})
    [event] = door.events()
    assert name in document()["channels"][event.topic]["messages"]


@pytest.mark.parametrize("name", TAKEN)
def test_each_example_has_only_fields_that_are_documented(name: str) -> None:
    message = document()["components"]["messages"][name]
    data = found(message["payload"]["properties"]["data"]["$ref"])
    example = example_of(name)

    assert example.keys() <= message["payload"]["properties"].keys()
    assert set(message["payload"]["required"]) <= example.keys()
    assert set(data.get("required", ())) <= EXAMPLES[name].keys() <= data["properties"].keys()


def test_it_lists_what_is_taken_and_nothing_else() -> None:
    assert list(document()["components"]["messages"]) == TAKEN
    assert EXAMPLES.keys() == set(TAKEN)


def test_every_reference_leads_somewhere() -> None:
    references = list(references_of(document()))
    assert references
    for reference in references:
        assert found(reference)


def test_it_has_what_the_specification_asks_for() -> None:
    """AsyncAPI 3.0.0: the fields it knows in each object, the required ones, and what an operation may point at."""
    whole = document()
    assert whole["asyncapi"] == "3.0.0"
    assert whole.keys() <= {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    assert {"title", "version"} <= whole["info"].keys()
    for channel in whole["channels"].values():
        assert channel.keys() <= {"address", "title", "summary", "description", "messages"}
    for operation in whole["operations"].values():
        assert (
            {"action", "channel"} <= operation.keys() <= {"action", "channel", "title", "summary", "messages"}
        )
        assert operation["action"] in ("send", "receive")
    for message in whole["components"]["messages"].values():
        known = {"name", "title", "summary", "description", "contentType", "payload", "examples"}
        assert message.keys() <= known
        assert all({"payload"} <= example.keys() <= {"name", "payload"} for example in message["examples"])
    assert msgspec.json.decode(msgspec.json.encode(whole)) == whole


def found(reference: str) -> Any:
    at: Any = document()
    for part in reference.removeprefix("#/").split("/"):
        at = at[part]
    return at


def references_of(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield str(node["$ref"])
        for one in node.values():
            yield from references_of(one)
    elif isinstance(node, list):
        for one in node:
            yield from references_of(one)
