"""The same burst by docket (PyPI `pydocket`), which schedules tasks on Redis: `docket.py <url> <count> <within s>`.

Runs in an environment of its own and imports nothing of ours. Prints a JSON list: by how many seconds each task was
late. Its tasks do nothing; ours are decided by then, and stored with their log and all that follows from them.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from docket import Docket, Worker

CONCURRENCY = 100  # its default of 10 fires no faster (measured 2026-11)
AT_ONCE = 100

late_s: list[float] = []


async def fire(due: float) -> None:
    late_s.append(time.time() - due)


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
        await add(first + within_s * n / count for n in range(count))
        assert time.time() < first, "it was still adding when the first was due"
        async with Worker(
            docket, concurrency=CONCURRENCY, minimum_check_interval=timedelta(milliseconds=10)
        ) as worker:
            working = asyncio.create_task(worker.run_forever())
            while len(late_s) < count:  # noqa: ASYNC110 - docket has no event for it.
                await asyncio.sleep(0.05)
            working.cancel()
            await asyncio.wait({working})
    print(json.dumps(late_s))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
