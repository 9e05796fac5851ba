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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """All that needs Kafka runs in one worker, so that one broker is enough.

    `xdist_group` would say it, and has no effect since pytest 9.2 (pytest-xdist issue 1386).
    """
    from xdist.scheduler import LoadScopeScheduling

    class OneBroker(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "kafka" if "kafka" in nodeid.lower() else nodeid

    return OneBroker(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Nothing is skipped silently: what this machine lacks is said at the end, in red."""
    # Not above: pytest wants to be the first to import its plug-ins.
    from tests.kafka_server import NO_KAFKA
    from tests.servers import NO_REDIS

    untested_without = {
        NO_CHROMIUM: "the pages were not tested",
        NO_REDIS: "Redis was not tested, only Valkey",
        NO_KAFKA: "nothing was tested on Kafka",
    }
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    for lack, untested in untested_without.items():
        if count := sum(lack in why for why in skipped):
            terminalreporter.section(f"SKIPPED: {untested}", sep="!", red=True)
            terminalreporter.line(f"{count} tests were skipped: {lack}.")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Drive the system's Chromium: Playwright's own build is a download, which hangs behind a firewall."""
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {"executable_path": CHROMIUM, "args": as_root}
