"""What programs may send us, as an AsyncAPI 3 document: `/asyncapi.json`, and `followthrough schema asyncapi`.

It is made from `core/events.py`. FastStream's generator would describe our subscribers, which take raw bytes of a
whole topic on purpose; it could name no event, no field and no example. `docs/reference/asyncapi.json` is this
document, and a test keeps it so.
"""

from functools import cache
from typing import Any

import msgspec
from fastapi import APIRouter, Response

from service import __version__
from service.core.envelope import EVENT_BYTES_MAX
from service.core.events import EVENTS, INTERNAL
from service.web.event_examples import example_of

router = APIRouter(include_in_schema=False)

MEDIA_TYPE = "application/cloudevents+json"
_ABOUT = f"""Events that Followthrough takes. Each is one CloudEvent 1.0 of at most {EVENT_BYTES_MAX // 1024} KiB, in \
structured mode (the value is the whole event) or in binary mode (the value is its data, the attributes are headers \
`ce_id`, `ce_source`, `ce_type`, `ce_specversion`). The same events are taken by `POST /v1/events`, see /openapi.json.

A record may lie on any partition and have any key: its subject is found in its data. A repeated `source` and `id` \
counts once, and events may arrive in any order. Fields that are not named here are ignored."""
_ATTRIBUTES: dict[str, Any] = {
    "specversion": {"const": "1.0"},
    "id": {"type": ["string", "integer"], "description": "Never used twice for one source."},
    "source": {"type": "string", "description": "Where it happened, as in crm/pipedrive."},
    "time": {"type": "string", "format": "date-time", "description": "When it happened; else: on receipt."},
    "import": {"type": "boolean", "description": "History: recorded, never acted on backwards in time."},
}


@router.get("/asyncapi")
@router.get("/asyncapi.json")
async def asyncapi() -> Response:
    """The document; it is the same for everyone."""
    return Response(msgspec.json.encode(document()), media_type="application/json")


@cache
def document() -> dict[str, Any]:
    """The whole document; equal programs give an equal one."""
    taken = [name for name in EVENTS if name not in INTERNAL]
    topics = sorted({EVENTS[name].topic for name in taken} - {""})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Followthrough",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": MEDIA_TYPE,
        "channels": {topic: _channel(topic, taken) for topic in topics},
        "operations": {f"receive.{topic}": _operation(topic) for topic in topics},
        "components": {"messages": {name: _message(name) for name in taken}, "schemas": _schemas(taken)},
    }


def _channel(topic: str, taken: list[str]) -> dict[str, Any]:
    """An answer (`commitment.*`) goes where its subject lives, so it is on every topic."""
    messages = [name for name in taken if EVENTS[name].topic in (topic, "")]
    return {
        "address": topic,
        "description": f"The topic `{topic}`, behind `kafka.topic_prefix` where one is set.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _operation(topic: str) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{topic}"},
        "summary": f"We decide what an event on `{topic}` means, once, and in its subject's order.",
    }


def _message(name: str) -> dict[str, Any]:
    data = EVENTS[name].data
    assert data is not None
    required = ["specversion", "id", "source", "type", "data"]
    typed = {"type": {"const": name}, "data": {"$ref": f"#/components/schemas/{data.__name__}"}}
    return {
        "name": name,
        "title": name,
        "description": _where(name),
        "contentType": MEDIA_TYPE,
        "payload": {"type": "object", "required": required, "properties": {**_ATTRIBUTES, **typed}},
        "examples": [{"name": name, "payload": example_of(name)}],
    }


def _where(name: str) -> str:
    kind = EVENTS[name]
    return f"Its subject is `{kind.only}`." if kind.only else f"Its subject is `data.{kind.id_field}`."


def _schemas(taken: list[str]) -> dict[str, Any]:
    shapes = dict.fromkeys(data for name in taken if (data := EVENTS[name].data) is not None)
    _, components = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    return components
