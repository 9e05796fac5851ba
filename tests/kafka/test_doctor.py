"""What `doctor` says of Kafka."""

import dataclasses
import os
from pathlib import Path

import pytest

from service.cli.checks.kafka import kafka
from service.settings.load import load
from tests.kafka.conftest import CONFIG, PARTITIONS, Installation

pytestmark = [pytest.mark.server, pytest.mark.kafka]


async def findings(installation: Installation, **more: str) -> list[str]:
    env = {
        "SINK_PORT": "25",
        "FOLLOWTHROUGH_EVENT_LOG": f"kafka://{','.join(installation.access.servers)}",
        "FOLLOWTHROUGH_KAFKA__TOPIC_PREFIX": installation.access.topic_prefix,
        "FOLLOWTHROUGH_KAFKA__PARTITIONS": str(PARTITIONS),
    }
    settings = load(Path(CONFIG), os.environ | env | more)
    return [f"{one.mark} {one.text}" for one in await kafka(settings)]


async def test_topics_as_they_should_be_are_fine(installation: Installation):
    found = await findings(installation)

    assert found[1:] == [f"✓ 6 topics with {PARTITIONS} partitions"]


async def test_another_number_of_partitions_is_red(installation: Installation):
    found = await findings(installation, FOLLOWTHROUGH_KAFKA__PARTITIONS="5")

    assert len([one for one in found if one.startswith("✗") and "partitions says 5" in one]) == 6


async def test_missing_topics_are_made_at_the_start(installation: Installation):
    found = await findings(installation, FOLLOWTHROUGH_KAFKA__TOPIC_PREFIX="nobodys.")

    assert found[1].startswith("! no topic yet: nobodys.deals")


async def test_a_kafka_that_does_not_answer_is_red(installation: Installation):
    installation.access = dataclasses.replace(installation.access, servers=("127.0.0.1:1",))

    [found] = await findings(installation)

    assert found.startswith("✗ Kafka at 127.0.0.1:1 cannot be used")
