"""What `/openapi.json` says about `POST /v1/events`. The truth is `core/envelope.py`; this is its description."""

from typing import Any

_EVENT: dict[str, Any] = {
    "type": "object",
    "title": "CloudEvent 1.0",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "description": "Never used twice for one source: a repeat counts once."},
        "source": {"type": "string", "examples": ["crm/pipedrive"]},
        "type": {"type": "string", "examples": ["deadline.set"]},
        "time": {
            "type": "string",
            "format": "date-time",
            "description": "When it happened; else: on receipt.",
        },
        "subject": {"type": "string"},
        "import": {"type": "boolean", "description": "History: recorded, never acted on backwards in time."},
        "data": {"type": "object"},
    },
    "example": {
        "specversion": "1.0",
        "id": "1",
        "source": "example",
        "type": "deadline.set",
        "data": {
            "commitment_id": "c1",
            "title": "Send the proposal",
            "owner": "ana",
            "due_at": "2026-11-24T16:00:00Z",
        },
    },
}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["error", "detail", "status"],
    "properties": {
        "error": {"type": "string", "description": "A stable code, as in missing_field."},
        "detail": {"type": "string"},
        "status": {"type": "integer"},
        "pointer": {"type": "string", "description": "JSON pointer into the event."},
        "item": {"type": "integer", "description": "Which event of a batch, from 0."},
        "errors": {"type": "array", "description": "Of a batch: every event that was refused."},
    },
}


def _refused(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"schema": _PROBLEM}}}


DOCUMENTED: dict[str, Any] = {
    "summary": "Send events",
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": _EVENT},
                "application/cloudevents-batch+json": {"schema": {"type": "array", "items": _EVENT}},
                "application/json": {
                    "schema": {"type": "object"},
                    "description": "Binary mode: the data here, the attributes in ce- headers.",
                },
            },
        }
    },
    "responses": {
        202: {
            "description": "The log has all of them.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "accepted": {"type": "integer"},
                            "ids": {"type": "array", "items": {"type": "string"}},
                        },
                    }
                }
            },
        },
        400: _refused("Not JSON, or JSON that two readers could understand differently."),
        413: _refused("More than 256 kB, 64 KiB an event, or 1,000 events."),
        415: _refused("A content type we do not read, or a compressed body."),
        422: _refused("An event that cannot be used; `pointer` says where. None of a batch was accepted."),
        503: _refused("Nothing was accepted; send it again after Retry-After seconds."),
    },
}
