"""The store: does it answer, does it keep what it acknowledges, does its clock agree, and what lies in it."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from service.cli.checks.finding import Finding, bad, fine, look
from service.cli.configuration import command
from service.cli.connection import has_store, open_store
from service.cli.exits import Exit, Failure

if TYPE_CHECKING:
    from pathlib import Path

    from service.core.effects import Dead
    from service.settings.model import Settings
    from service.store.redis import RedisStore

# Beyond this the engine holds its timers (design, "Timers": the two clocks agree).
SKEW_S_MAX = 2.0
# A busy minute may delay timers; later than this is no delay any more.
OVERDUE_AFTER = timedelta(minutes=1)
COUNTED_MAX = 1_000
LOST_IS_NEW_FOR = timedelta(days=1)


async def store(settings: "Settings", given: "Path | None", *, is_running: bool) -> list[Finding]:
    """Joins the embedded server, or starts it for the moment; leaves it as it was."""
    if not has_store(settings):
        return _not_begun()
    try:
        async with open_store(settings) as opened:
            return [
                *await _durable(opened, settings),
                await _clock(opened),
                *await _contents(opened, settings, given, is_running=is_running),
            ]
    except Failure as failure:
        return [bad(failure.text, failure.action or "mend the server", is_down=failure.code == Exit.DOWN)]


def _not_begun() -> list[Finding]:
    from service.store.contract import Unfit
    from service.store.files import find_server

    try:
        return [fine(f"embedded server {find_server()}: nothing is stored yet")]
    except Unfit as error:
        return [bad("there is no embedded server", str(error), is_down=True)]


async def _durable(opened: "RedisStore", settings: "Settings") -> list[Finding]:
    """What is unfit was refused by `connect`; here is what is in force."""
    about = await opened.server()
    version = about.get("valkey_version") or about.get("redis_version", "")
    name = "Valkey" if "valkey_version" in about else "Redis"
    where = "embedded" if settings.service.redis_url is None else "redis_url"
    fsync = about.get("appendfsync", "not told")
    kept = f"{name} {version} ({where}), appendonly, appendfsync {fsync}, noeviction"
    if fsync == "no":
        return [bad(kept, "set appendfsync to everysec or always: a power cut may take half a minute")]
    return [fine(kept), *_fullness(about)]


def _fullness(about: dict[str, str]) -> list[Finding]:
    """Without a limit nobody refuses anything in time: the system ends whatever is largest when its memory is gone."""
    from service.store.fullness import FULL_FROM, TIGHT_FROM

    limit, used = int(about.get("maxmemory", "0")), int(about.get("used_memory", "0"))
    if not limit:
        return [
            look(
                f"it has no maxmemory (it uses {used >> 20} MB): nobody is warned before this server's machine is full",
                "set maxmemory to what it may use: at 70 % of it you are told, at 90 % no event is taken in",
            )
        ]
    told = f"its memory is {100 * used // limit} % full, of {limit >> 20} MB"
    if used < TIGHT_FROM * limit:
        return [fine(told)]
    fix = f"raise maxmemory: from {100 * FULL_FROM:.0f} % on no event is taken in"
    return [bad(told, fix) if used >= FULL_FROM * limit else look(told, fix)]


async def _clock(opened: "RedisStore") -> Finding:
    before = datetime.now(UTC)
    theirs = await opened.now()
    # The answer was given at some moment between asking and hearing it.
    middle = before + (datetime.now(UTC) - before) / 2
    skew_s = (theirs - middle).total_seconds()
    if abs(skew_s) > SKEW_S_MAX:
        return bad(
            f"its clock differs from this machine's by {skew_s:+.1f} s: no timer fires",
            "set both clocks by NTP (chronyc tracking, timedatectl)",
        )
    return fine(f"clocks agree within {max(abs(skew_s), 0.001):.3f} s")


async def _contents(
    opened: "RedisStore", settings: "Settings", given: "Path | None", *, is_running: bool
) -> list[Finding]:
    from service.core.events import TOPICS
    from service.store.clock import to_ms
    from service.store.contract import Shard

    until_ms = to_ms(await opened.now() - OVERDUE_AFTER)
    partitions = settings.service.partitions
    overdue = waiting = later = dead = 0
    lost: list[Dead] = []
    for shard in (Shard(topic, partition) for topic in TOPICS for partition in range(partitions)):
        overdue += len(await opened.due(shard, until_ms, COUNTED_MAX))
        owed, retries = await opened.backlog(shard)
        waiting, later = waiting + owed, later + retries
        letters = await opened.dead_letters(shard, COUNTED_MAX)
        dead += len(letters)
        lost += [one for letter in letters if (one := _told_nobody(letter.value))]
    return [
        *_lost(lost, await opened.now(), given),
        _overdue(overdue, is_running=is_running),
        fine(f"outbox: {waiting} to deliver, {later} to be tried again later"),
        look(f"{dead} dead letter{'s' * (dead != 1)}", f"see why: {command('dead-letters list', given)}")
        if dead
        else fine("no dead letters"),
    ]


def _told_nobody(raw: bytes) -> "Dead | None":
    """A dead letter of which not even the fallback contact heard."""
    import msgspec

    from service.core.effects import decode_dead
    from service.core.reasons import Code

    try:
        dead = decode_dead(raw)
    except msgspec.MsgspecError:
        return None
    return dead if dead.reason == Code.FALLBACK_UNREACHED else None


def _lost(lost: "list[Dead]", now: datetime, given: "Path | None") -> list[Finding]:
    """Nobody has been told of these: the one thing that only this page says. After a day it was seen or never will."""
    recent = [dead for dead in lost if now - dead.at < LOST_IS_NEW_FOR]
    if not recent:
        return []
    newest = max(recent, key=lambda dead: dead.at)
    many = f"{len(recent)} notification{'s' * (len(recent) != 1)}"
    told = f"{many} reached nobody, not even the fallback contact; the newest: {newest.detail}"
    fix = "mend `fallback_contact` in followthrough.yaml, or that person's address in directory.yaml; then"
    return [bad(told, f"{fix} {command('dead-letters requeue --all', given)}")]


def _overdue(count: int, *, is_running: bool) -> Finding:
    if not count:
        return fine("no timer is overdue")
    told = f"{count} timers are overdue by more than a minute"
    if not is_running:
        return look(told, "they fire when the service runs, the newest step of each only")
    return bad(told, "look into the service's log: `store_down`, `clock_differs` and `standby` say why")
