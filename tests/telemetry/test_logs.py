"""No secret leaves through a log line, and every event name is in the table."""

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from service.telemetry.logs import LOG_EVENTS, get_log, redact_text, set_up

CANARY = "CANARY0123456789abcdef"
SERVICE = Path(__file__).parents[2] / "service"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged during the test, as JSON lines; logging is left as it was found."""
    root, stream = logging.getLogger(), io.StringIO()
    before, level = list(root.handlers), root.level
    set_up(json=True, stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


def read(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


@pytest.mark.parametrize(
    "fields",
    [
        {"token": CANARY},
        {"slack_token": CANARY},
        {"signing_secret": CANARY},
        {"password": CANARY},
        {"Authorization": f"Bearer {CANARY}"},
        {"api_key": CANARY},
        {"signing_keys": [CANARY, CANARY]},
        {"headers": {"authorization": CANARY, "Cookie": CANARY}},
        {"settings": [{"smtp": {"password": CANARY}}]},
        {"url": f"redis://user:{CANARY}@host:6379/0"},
        {"url": f"postgresql+asyncpg://u:p@{CANARY}@host/db"},
        {"smtp": f"smtp://:{CANARY}@mail.example.com:587"},
        {"path": f"/a/{CANARY}"},
        {"link": f"https://ft.example.com/a/{CANARY}.sig-nature_1?do=done"},
        {"header": f"Bearer {CANARY}"},
        {"header": f"basic {CANARY}=="},
        {"error": f"login failed: password={CANARY}"},
        {"error": f'{{"token": "{CANARY}"}}'},
        {"error": f"POST https://hooks.slack.com/services/T0/B0/{CANARY}"},
        {"error": f"xoxb-1234-{CANARY}"},
        {"secret_less": f"whsec_{CANARY}"},
        {"url": f"https://prod.westus.logic.azure.com/workflows/1?sig={CANARY}"},
        {"error": ValueError(f"redis://:{CANARY}@h")},
        {"raw": f"token={CANARY}".encode()},
        {"deep": [[[[[[[[[[f"Bearer {CANARY}"]]]]]]]]]]},
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(lines: io.StringIO, fields: dict[str, Any]) -> None:
    get_log().warning("store_down", **fields)
    assert CANARY not in lines.getvalue()
    assert len(read(lines)) == 1


def test_a_secret_in_a_traceback_is_hidden_and_no_local_variable_is_shown(lines: io.StringIO) -> None:
    def connect(local_secret: str) -> None:
        raise ConnectionError(f"cannot reach redis://:{local_secret}@host")

    try:
        connect(CANARY)
    except ConnectionError:
        get_log().exception("request_failed")
    [line] = read(lines)
    assert "ConnectionError" in line["exception"]
    assert CANARY not in lines.getvalue()


def test_what_libraries_log_goes_the_same_way(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").error("cannot reach %s", f"redis://:{CANARY}@host")
    logging.getLogger("uvicorn.access").error("GET /a/%s", CANARY)
    logging.getLogger("asyncio").warning("Bearer %s", CANARY)
    assert CANARY not in lines.getvalue()
    assert [line["level"] for line in read(lines)] == ["error", "warning"]


def test_people_get_lines_and_machines_json() -> None:
    root = logging.getLogger()
    before, level, stream = list(root.handlers), root.level, io.StringIO()
    try:
        set_up(json=False, stream=stream)
        get_log().info("started", url="http://127.0.0.1:8080")
        get_log().error("request_failed", password=CANARY)
    finally:
        structlog.reset_defaults()
        root.handlers[:] = before
        root.setLevel(level)
    assert "started" in stream.getvalue()
    assert "http://127.0.0.1:8080" in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_what_is_no_secret_is_left_alone(lines: io.StringIO) -> None:
    fields = {
        "subject": "deadline/c1",
        "count": 3,
        "url": "http://127.0.0.1:8080/caught",
        "ok": True,
        "none": None,
    }
    get_log().info("delivered", **fields, names=["a", "b"], at="2026-11-24T09:00:00Z")
    [line] = read(lines)
    assert {name: line[name] for name in fields} == fields
    assert line["names"] == ["a", "b"]
    assert redact_text("mail to ana@example.com about /v1/events, 3 tokens left") == (
        "mail to ana@example.com about /v1/events, 3 tokens left"
    )


def test_debug_is_silent_unless_asked_for(lines: io.StringIO) -> None:
    get_log().debug("started")
    assert lines.getvalue() == ""


def _logged_names() -> Iterator[tuple[str, str]]:
    """Every literal first argument of a call like `log.info("name")` in the service."""
    levels = {"debug", "info", "warning", "error", "exception", "critical"}
    for file in SERVICE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            is_log = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in levels
            )
            if (
                not is_log
                or not isinstance(node.func.value, ast.Name)
                or node.func.value.id.strip("_") != "log"
            ):
                continue
            first = node.args[0] if node.args else None
            name = first.value if isinstance(first, ast.Constant) else f"not a literal, line {node.lineno}"
            yield str(name), file.name


def test_every_event_name_is_in_the_table() -> None:
    missing = {f"{name} ({file})" for name, file in _logged_names() if name not in LOG_EVENTS}
    assert not missing, "add a row to LOG_EVENTS (telemetry/logs.py) for each"


def test_every_name_in_the_table_is_written_somewhere() -> None:
    sources = [file.read_text() for file in SERVICE.rglob("*.py") if file.name != "logs.py"]
    assert [name for name in LOG_EVENTS if not any(f'"{name}"' in source for source in sources)] == []
