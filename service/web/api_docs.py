"""`/docs`: what programs may send and ask, from the application's own OpenAPI document, on one page of ours.

The usual viewers load from other hosts or weigh more than all our pages; this one reads without script.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response

from service.web.rendering import page

router = APIRouter(include_in_schema=False)


class Operation(NamedTuple):
    """One thing a program may ask."""

    method: str
    path: str
    summary: str
    description: str
    parameters: list[tuple[str, str, bool]]  # name, what it is, whether it must be given
    media_types: list[str]
    answers: list[tuple[str, str]]  # status, what it means
    example: str  # what to type, where the document has an example of the body


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Every operation, in the order of the document."""
    document: dict[str, Any] = request.app.openapi()
    return page("docs", operations=list(_operations(document)), version=document["info"]["version"])


def _operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield Operation(
                method.upper(),
                path,
                operation.get("summary", ""),
                operation.get("description", ""),
                [_parameter(parameter) for parameter in operation.get("parameters", [])],
                list(operation.get("requestBody", {}).get("content", {})),
                [
                    (status, answer.get("description", ""))
                    for status, answer in operation["responses"].items()
                ],
                _example(path, operation.get("requestBody", {}).get("content", {})),
            )


def _example(path: str, content: dict[str, Any]) -> str:
    """One call as a person types it, with the first body that the document shows."""
    for media_type, body in content.items():
        if shown := body["schema"].get("example"):
            data = json.dumps(shown, indent=2)
            return (
                f"curl -i -H 'Content-Type: {media_type}' \\\n  -d '{data}' \\\n  http://127.0.0.1:8080{path}"
            )
    return ""


def _parameter(parameter: dict[str, Any]) -> tuple[str, str, bool]:
    return parameter["name"], parameter.get("description", ""), bool(parameter.get("required"))
