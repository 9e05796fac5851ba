"""Who is in which cadence, over Kafka: the events lie on the series' own partitions, and two workers double nothing."""

import pytest

from service.cadences import announce
from service.core.events import CheckinScheduled
from service.core.model import Rhythm
from tests.kafka.conftest import Installation, until

pytestmark = [pytest.mark.server, pytest.mark.kafka, pytest.mark.xdist_group("kafka")]

PEOPLE = [f"rep{number}" for number in range(1, 9)]
SERIES = [
    CheckinScheduled(
        person=person,
        cadence="weekly",
        title="Weekly check-in",
        rhythm=Rhythm(4, "09:00", 4, "15:00"),
        time_zone="Europe/Madrid",
    )
    for person in PEOPLE
]


async def test_a_series_is_born_on_its_own_partition_whoever_says_so_how_often(installation: Installation):
    here = (installation.store, installation.broker, installation.clock)
    assert [await announce(SERIES, *here) for _ in range(2)] == [len(PEOPLE)] * 2  # nobody has read it yet

    await installation.worker()
    names = [f"{person}:weekly" for person in PEOPLE]
    await until(lambda: _all_twice(installation, names))

    entries = await installation.entries(topic="checkins")
    for name in names:
        codes = [e.reasons[0].code for e in entries if e.subject == f"checkin/{name}"]
        assert codes == ["recorded", "already_decided"]
    assert await announce(SERIES, *here) == 0


async def _all_twice(installation: Installation, names: list[str]) -> bool:
    entries = await installation.entries(topic="checkins")
    return all(sum(e.subject == f"checkin/{name}" for e in entries) == 2 for name in names)
