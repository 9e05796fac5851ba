from collections.abc import Iterator

import pytest
import structlog

from service.delivery import worker
from tests.delivery.desk import Desk


@pytest.fixture(autouse=True)
def log(request: pytest.FixtureRequest) -> Iterator[list[structlog.typing.EventDict]]:
    """What was logged. An error that a test does not announce (by using `crashes`) fails it."""
    with structlog.testing.capture_logs() as lines:
        yield lines
    errors = [line for line in lines if line["log_level"] == "error"]
    assert "crashes" in request.fixturenames or not errors, errors


@pytest.fixture
def crashes() -> None:
    """This test makes something of ours crash on purpose."""


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    # The virtual clock does not wake a claim that waits; a short wait looks again soon.
    monkeypatch.setattr(worker, "CLAIM_BLOCK_MS", 2)
    return Desk()
