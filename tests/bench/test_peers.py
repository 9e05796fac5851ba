"""The burst of timers beside other schedulers of the kind, each in an environment of its own, in the same run."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from tests.bench.stage import LADDER, stage
from tests.bench.table import Table, percentile
from tests.bench.test_timers import BURST, WITHIN, burst, keep_one_step
from tests.servers import Server

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

DOCKET = Path(__file__).parent / "peers" / "docket.py"
UV = Path(__file__).parents[2] / ".tools" / "bin" / "uv"
PINNED = "pydocket==0.27.0"
# A round takes docket more than a minute.
ROUNDS = 2


@pytest.fixture
def docket_python(tmp_path: Path) -> str:
    python = str(tmp_path / "env" / "bin" / "python")
    make = [
        [UV, "venv", "--quiet", tmp_path / "env"],
        [UV, "pip", "install", "--quiet", "--python", python, PINNED],
    ]
    for command in make:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
        except (OSError, subprocess.SubprocessError) as error:
            why = getattr(error, "stderr", "") or error
            pytest.skip(f"{PINNED} cannot be installed, so nothing is compared with docket: {why}")
    return python


async def test_timers_beside_docket(server: Server, docket_python: str, table: Table) -> None:
    ours, theirs = [], []
    async with stage(server, LADDER) as engine:
        keep_one_step(engine)
        for number in range(ROUNDS):
            late_s, _ = await burst(engine, number)
            ours.append(percentile(late_s, 99) * 1000)
            theirs.append(percentile(await _docket(docket_python, server), 99) * 1000)
    table.add("10,000 timers due in a second, lateness p99, ms; bare: docket", ours, theirs)


async def _docket(python: str, server: Server) -> list[float]:
    # -P: its own name must not hide the library of the same name.
    command = (python, "-P", str(DOCKET), server.url, str(BURST), str(WITHIN.total_seconds()))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0
    found: list[float] = json.loads(out)
    return found
