"""The bulkhead: how much a lane takes in, and when its overflow should come back."""

import asyncio

from service.delivery.lanes import HOLD_S, WAITING_MAX, Held, Lane
from service.store.contract import Entry
from tests.delivery.desk import INBOX, NOON, an_owed


class Work:
    def __init__(self) -> None:
        self.time, self.gate, self.begun = 0.0, asyncio.Event(), asyncio.Semaphore(0)
        self.takes_s, self.in_hand = 0.0, 0

    async def __call__(self, held: Held, lane: Lane) -> None:
        self.in_hand += 1
        async with lane.turn:
            with lane.sending():
                self.begun.release()
                await self.gate.wait()
                self.time += self.takes_s

    def now(self) -> float:
        return self.time


HELD = Held(Entry(INBOX, "1-0", "k", b""), an_owed(), NOON, 0.0)


def fill(lane: Lane) -> int:
    taken = 0
    while lane.offer(HELD):
        taken += 1
    return taken


async def stop(lane: Lane, work: Work) -> None:
    lane.close()
    work.gate.set()
    await lane.finish(5)


async def test_a_lane_of_unknown_pace_takes_in_what_memory_allows() -> None:
    work = Work()
    lane = Lane("email", 4, work, work.now)

    assert fill(lane) == WAITING_MAX
    await stop(lane, work)


async def test_a_lane_takes_in_only_what_it_will_send_while_the_store_thinks_it_alive() -> None:
    work = Work()
    lane = Lane("email", 4, work, work.now)
    work.takes_s = 2.0
    work.gate.set()
    lane.offer(HELD)
    await work.begun.acquire()
    for _ in range(10):
        await asyncio.sleep(0)
    assert lane.pace_s == 2.0

    assert fill(lane) <= HOLD_S * 4 / 2.0
    assert lane.drain_s <= HOLD_S
    await stop(lane, work)


async def test_a_send_that_hangs_makes_the_lane_slow_while_it_hangs() -> None:
    work = Work()
    lane = Lane("email", 1, work, work.now)
    lane.offer(HELD)
    await work.begun.acquire()
    assert lane.pace_s == 0

    work.time = 25.0

    assert lane.pace_s == 25.0
    assert fill(lane) == 2
    assert lane.drain_s == 50.0
    await stop(lane, work)


async def test_waiting_for_the_store_makes_no_lane_slow() -> None:
    work = Work()

    async def waits_for_the_store(held: Held, lane: Lane) -> None:
        work.begun.release()
        await work.gate.wait()

    lane = Lane("email", 1, waits_for_the_store, work.now)
    lane.offer(HELD)
    await work.begun.acquire()

    work.time = 25.0

    assert lane.pace_s == 0
    assert fill(lane) == WAITING_MAX
    await stop(lane, work)


async def test_those_who_step_aside_come_back_one_after_the_other() -> None:
    work = Work()
    lane = Lane("email", 2, work, work.now)
    lane.offer(HELD)
    await work.begun.acquire()
    work.time = 4.0

    slots = [lane.slot_s() for _ in range(3)]

    assert slots == [2.0, 4.0, 6.0]
    await stop(lane, work)


async def test_a_send_that_hung_keeps_nobody_away_for_longer_than_a_minute() -> None:
    work = Work()
    lane = Lane("email", 1, work, work.now)
    lane.offer(HELD)
    await work.begun.acquire()
    work.time = 25.0

    slots = [lane.slot_s() for _ in range(300)]

    assert max(slots) == HOLD_S
    await stop(lane, work)


async def test_a_closed_lane_finishes_what_it_began_and_no_more() -> None:
    work = Work()
    lane = Lane("email", 1, work, work.now)
    for _ in range(5):
        lane.offer(HELD)
    await work.begun.acquire()

    lane.close()
    work.gate.set()
    await lane.finish(5)

    assert work.in_hand == 2


async def test_while_one_is_sent_the_next_is_in_hand_and_waits_for_its_turn_at_the_channel() -> None:
    work = Work()
    lane = Lane("email", 1, work, work.now)
    for _ in range(5):
        lane.offer(HELD)
    await work.begun.acquire()
    for _ in range(20):
        await asyncio.sleep(0)

    assert work.in_hand == 2
    assert work.begun.locked()  # no second send has begun
    await stop(lane, work)
