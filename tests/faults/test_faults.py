"""A short selection of the fault runs; the long ones are `make faults`. A failing seed reproduces."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.run import Plan, run
from tests.servers import Server

pytestmark = [pytest.mark.fault, pytest.mark.server, pytest.mark.timeout(280)]

# One SMTP connection's worth of sends may be between "accepted" and "settled" when a process is killed.
DELIVERY_CONCURRENCY = 4


async def test_nothing_is_lost_early_or_new_when_the_service_is_killed_in_a_burst(tmp_path: Path) -> None:
    this, verdict = await run(Plan("service", events=500, times=4, seed=11), tmp_path)

    assert this.faults_done == 4
    assert verdict.accepted > 300
    assert verdict.is_clean, (verdict, verdict.lost[:5], verdict.early[:5], verdict.unexpected[:5])
    assert verdict.duplicates <= DELIVERY_CONCURRENCY * this.faults_done


async def test_nothing_is_lost_early_or_new_when_the_store_is_killed_in_a_burst(tmp_path: Path) -> None:
    this, verdict = await run(Plan("store", events=400, times=4, seed=12), tmp_path)

    assert this.faults_done == 4
    assert verdict.is_clean, (verdict, verdict.lost[:5], verdict.early[:5], verdict.unexpected[:5])
    assert verdict.duplicates <= DELIVERY_CONCURRENCY * this.faults_done


async def test_nothing_is_lost_early_or_new_when_replies_of_the_store_are_cut(
    tmp_path: Path, make_server: Callable[..., Server]
) -> None:
    server = make_server()

    this, verdict = await run(Plan("replies", events=400, times=8, seed=13), tmp_path, server)

    assert this.proxy is not None
    assert this.proxy.replies_cut > 0
    assert verdict.is_clean, (verdict, verdict.lost[:5], verdict.early[:5], verdict.unexpected[:5])
    # A claim or a settle whose reply was lost may send a message again; each cut touches at most one claim's worth.
    assert verdict.duplicates <= DELIVERY_CONCURRENCY * this.proxy.replies_cut
