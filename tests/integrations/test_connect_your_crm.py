"""docs/connect-your-crm.md, run as it stands there; only the address is another one."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from service.settings.load import load
from tests.cli.shell import ROOT, Shell

PAGE = ROOT / "docs" / "connect-your-crm.md"
ADDRESS = "127.0.0.1:8080"
SECRET = "a-secret-of-the-tests-0123"


ADDRESSES = {"SLACK_WINS_URL": "https://hooks.slack.com/services/T0/B0/x", "TEAMS_URL": "https://x.example/y"}
# Files about systems that are not on this machine; `test_every_file_on_the_page_loads` reads them.
ELSEWHERE = ("vendor: ", "# config/channels.yaml")


# Four processes of Python start in it, one after the other, on a machine that may be busy.
WITHIN_S = 90.0


class Block(NamedTuple):
    kind: str
    text: str


def blocks(text: str = "") -> list[Block]:
    """Of the page, or of `text`."""
    text = text or PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(kind, text) for kind, text in found]


@pytest.fixture
def reader() -> Iterator[Shell]:
    """A reader of the page, in a folder with the shipped configuration."""
    folder = Path(tempfile.mkdtemp(prefix="ft-"))
    reader = Shell(folder)
    (reader.config / "integrations").mkdir()
    yield reader
    shutil.rmtree(folder, ignore_errors=True)


def test_every_file_on_the_page_loads(reader: Shell) -> None:
    files = [block.text for block in blocks() if block.kind == "yaml"]
    for text in files:
        path = reader.folder / text.splitlines()[0].removeprefix("# ")
        path.write_text(text, encoding="utf-8")

    secrets = dict.fromkeys(("CRM_SECRET", "HUBSPOT_CLIENT_SECRET", "PIPEDRIVE_PASSWORD"), SECRET)
    settings = load(reader.config, secrets | ADDRESSES)

    assert sorted(settings.integrations) == ["crm", "hubspot", "pipedrive"]
    assert [channel.kind for _, channel in sorted(settings.channels.items())] == [
        *("caught", "teams_webhook", "slack_webhook")
    ]
    assert settings.warnings == []


def test_what_the_readme_shows_of_it_is_on_the_page() -> None:
    """So it is run as well, exactly as it is printed there."""
    readme = (ROOT / "README.md").read_text("utf-8")
    section = readme.partition("## Connect your CRM\n")[2].partition("\n## ")[0]

    assert "docs/connect-your-crm.md" in section
    shown, run = blocks(section), blocks()
    assert [block for block in run if block in shown] == shown


@pytest.mark.server
@pytest.mark.timeout(300)
@pytest.mark.skipif(
    not shutil.which("curl") or not shutil.which("openssl"), reason="curl or openssl is missing"
)
def test_the_page_is_true(reader: Shell) -> None:
    shell = Bash(reader)
    expected = ""
    try:
        for block in blocks():
            if any(name in block.text for name in ELSEWHERE):
                continue
            if block.kind == "csv":
                (reader.folder / "deals.csv").write_text(block.text, encoding="utf-8")
            elif block.kind == "yaml":
                path = reader.folder / block.text.splitlines()[0].removeprefix("# ")
                path.write_text(block.text, encoding="utf-8")
            elif block.kind == "sh":
                expected = shell.run(block.text)
            elif block.kind == "json":
                assert json.loads(expected) == json.loads(block.text)
                shell.wait_for("deal_won")
            else:
                for line in block.text.splitlines():
                    assert line.rstrip("…") in expected
    finally:
        shell.stop()


def _wait_for(ask: Callable[[], bool]) -> None:
    until = time.monotonic() + WITHIN_S
    while not ask():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


class Bash:
    """One bash for all the page; `followthrough run` goes on behind it."""

    def __init__(self, reader: Shell) -> None:
        self._reader = reader
        self._service: subprocess.Popen[str] | None = None
        folder = reader.folder / "bin"
        folder.mkdir()
        program = folder / "followthrough"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service "$@"\n')
        program.chmod(0o755)
        self.env = {name: value for name, value in os.environ.items() if name != "REDIS_URL"} | reader.env
        self.env |= {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def run(self, text: str) -> str:
        """What it prints. What it exports is there for the next block."""
        text = text.replace(ADDRESS, f"127.0.0.1:{self._reader.port}")
        lines = text.rstrip().splitlines()
        starts = lines[-1] == "followthrough run"
        script = "\n".join([*(lines[:-1] if starts else lines), "env -0 > .env"])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self._reader.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN_S,
        )
        assert done.returncode == 0, done.stderr
        told = (self._reader.folder / ".env").read_text().split("\0")
        self.env = dict(line.split("=", 1) for line in told if "=" in line)
        if starts:
            self._start()
        return done.stdout

    def _start(self) -> None:
        with (self._reader.folder / "log").open("w") as log:
            self._service = subprocess.Popen(
                ["followthrough", "run"],
                cwd=self._reader.folder,
                env=self.env,
                stdout=log,
                stderr=log,
                text=True,
            )
        _wait_for(lambda: '"ready"' in self._get("/health/ready"))

    def _get(self, path: str) -> str:
        assert self._service is None or self._service.poll() is None, (
            self._reader.folder / "log"
        ).read_text()
        url = f"http://127.0.0.1:{self._reader.port}{path}"
        return subprocess.run(["curl", "-sS", url], capture_output=True, text=True, check=False).stdout

    def wait_for(self, template: str) -> None:
        _wait_for(lambda: f'"template":"{template}"' in self._get("/v1/caught").replace(": ", ":"))

    def stop(self) -> None:
        if self._service is not None:
            self._service.terminate()
            self._service.wait(WITHIN_S)
