"""The same burst by docket (PyPI `pydocket`), which schedules tasks on Redis: `docket.py <url> <count> <within s>`.

Runs in an environment of its own and imports nothing of ours. Prints a JSON list: by how many seconds each task was
late; one that has not run a minute after the first was due counts as that late. Its tasks do nothing; ours are decided
by then, and stored with their log and all that follows from them.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from docket import Docket, Worker

CONCURRENCY = 10  # its default; with 100 its own pool of connections runs out
AT_ONCE = 100
WAITED_FOR_S = 60

late_s: dict[float, float] = {}


async def fire(due: float) -> None:
    late_s.setdefault(due, time.time() - due)


async def main(url: str, count: int, within_s: float) -> None:
    async with Docket(name=f"bench-{time.time()}", url=url) as docket:

        async def add(due: Iterable[float]) -> None:
            whens = [(at, datetime.fromtimestamp(at, UTC)) for at in due]
            for n in range(0, len(whens), AT_ONCE):
                await asyncio.gather(
                    *[docket.add(fire, when=when)(at) for at, when in whens[n : n + AT_ONCE]]
                )

        far = time.time() + 3600
        await add([far] * AT_ONCE)  # connects
        began = time.time()
        await add([far] * 5 * AT_ONCE)  # to see how long adding all of them will take
        first = time.time() + 1.5 * (time.time() - began) * count / (5 * AT_ONCE) + 2
        due = [first + within_s * n / count for n in range(count)]
        await add(due)
        assert time.time() < first, "it was still adding when the first was due"
        async with Worker(
            docket, concurrency=CONCURRENCY, minimum_check_interval=timedelta(milliseconds=10)
        ) as worker:
            working = asyncio.create_task(worker.run_forever())
            while len(late_s) < count and time.time() < first + WAITED_FOR_S:  # noqa: ASYNC110  it has no event for it
                await asyncio.sleep(0.05)
            now = time.time()
            working.cancel()
            await asyncio.wait({working})
    print(json.dumps([late_s.get(at, now - at) for at in due]))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
