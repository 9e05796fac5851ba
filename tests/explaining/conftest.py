"""A company to ask."""

from pathlib import Path

import pytest

from tests.explaining.world import Company


@pytest.fixture
async def company(tmp_path: Path) -> Company:
    return await Company(tmp_path).start()
