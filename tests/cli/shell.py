"""The command line as a test uses it: in this process, in a folder of its own, with what it said and its exit code."""

import asyncio
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from service.cli import main

ROOT = Path(__file__).parents[2]
WITHIN_S = 30.0


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """One folder with a `config/`, one data folder, one address nobody else uses."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.config = Path(shutil.copytree(ROOT / "config", folder / "config"))
        self.port = free_port()
        self.env = {
            "FOLLOWTHROUGH_CONFIG": str(self.config),
            "FOLLOWTHROUGH_DATA_DIR": str(self.data),
            "FOLLOWTHROUGH_WEB__LISTEN": f"127.0.0.1:{self.port}",
            "FOLLOWTHROUGH_WEB__PUBLIC_URL": f"http://127.0.0.1:{self.port}",
        }

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Answer:
        """`followthrough ARGUMENTS`; data and progress are kept apart."""
        out, err, codes = io.StringIO(), io.StringIO(), list[object]()

        def work() -> None:
            try:
                main()
                codes.append(0)
            except SystemExit as end:
                codes.append(end.code or 0)

        given = io.TextIOWrapper(io.BytesIO(stdin))
        # Of its own thread, because asyncio.run there leaves the loop of the tests alone.
        with (
            mock.patch.object(sys, "argv", ["followthrough", *arguments]),
            mock.patch.object(sys, "stdin", given),
            mock.patch.dict(os.environ, self.env),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            os.environ.pop("REDIS_URL", None) if "REDIS_URL" not in self.env else None
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        assert len(codes) == 1, err.getvalue()
        return Answer(int(str(codes[0])), out.getvalue(), err.getvalue())

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """The command in a process of its own."""
        environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"} | self.env
        return subprocess.Popen(
            [sys.executable, "-m", "service", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def write(self, name: str, *lines: dict[str, Any] | str) -> str:
        path = self.folder / name
        path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
        return str(path)


def on_thread(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """The result of a coroutine, run to its end beside the loop of the tests."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(work())))
    thread.start()
    thread.join()
    assert found, "the work failed; see its traceback"
    return found[0]


def wait_for(ask: Callable[[], Any]) -> Any:
    """The first answer that is something."""
    deadline = time.monotonic() + WITHIN_S
    while not (answer := ask()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Asked(NamedTuple):
    path: str
    headers: dict[str, str]
    body: Any


@contextmanager
def pretender(
    port: int, *answers: tuple[int, dict[str, Any]], live: object = None, silent_after: int | None = None
) -> Iterator[list[Asked]]:
    """A program at web.listen that answers POSTs as told, the last answer again and again; yields what it was asked.
    After so many it says nothing any more."""
    asked: list[Asked] = []
    is_over = threading.Event()
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, {"status": "live"} if live is None else live)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(Asked(self.path, dict(self.headers), body))
            if silent_after is not None and len(asked) > silent_after:
                is_over.wait()
                return
            status, answer = left.pop(0) if len(left) > 1 else left[0]
            ids = {"accepted": len(body), "ids": [event["id"] for event in body]} if status == 202 else {}
            self._answer(status, {**ids, **answer})

        def _answer(self, status: int, answer: object) -> None:
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield asked
    finally:
        is_over.set()
        server.shutdown()
        thread.join()
        server.server_close()
