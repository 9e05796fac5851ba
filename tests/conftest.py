"""What every test may use. Each folder's own conftest.py adds what only that folder needs."""

import os
import shutil
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings

# Same examples on every run of `make test`; `make test-all` looks further, with new ones each time.
settings.register_profile("default", derandomize=True, deadline=None)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("default")

pytest_plugins = ["tests.servers", "tests.kafka_server"]

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
NO_CHROMIUM = f"no Chromium on this machine (looked for {', '.join(CHROMIUM_NAMES)})"


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    if CHROMIUM is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [
        report for report in terminalreporter.stats.get("skipped", []) if NO_CHROMIUM in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.section("SKIPPED: the pages were not tested", sep="!", red=True)
        terminalreporter.line(f"{len(skipped)} browser tests need Chromium; {NO_CHROMIUM}.")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Drive the system's Chromium: Playwright's own build is a download, which hangs behind a firewall."""
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {"executable_path": CHROMIUM, "args": as_root}
