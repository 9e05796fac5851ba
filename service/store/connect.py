"""From a URL to a store: connects and refuses a server that could lose what it acknowledged, in plain words."""

from service.store.contract import Unfit
from service.store.redis import RedisStore
from service.store.wire import open_client

REDIS_MIN = (7, 0)  # Scripts with flags, XAUTOCLAIM that cleans up after itself, several AOF files.
VALKEY_MIN = (8, 0)
WAITAOF_MIN = (7, 2)  # of Redis; every Valkey we accept has it


async def connect(url: str, prefix: str = "ft", durability: str = "everysec") -> RedisStore:
    """A store on the server at `url`. Unfit names everything that is wrong with the server at once.

    `durability`: "everysec" survives the kill of any process, a power cut may take the last second; "fsync" loses
    nothing that was acknowledged.
    """
    client = open_client(url)
    probe = RedisStore(client, prefix)
    try:
        problems, needs_wait = await _examine(probe, durability)
    except BaseException:
        await probe.close()
        raise
    if problems:
        await probe.close()
        raise Unfit("the Redis server does not suit:\n" + "\n".join(f"- {problem}" for problem in problems))
    return RedisStore(client, prefix, fsync=True) if needs_wait else probe


async def _examine(store: RedisStore, durability: str) -> tuple[list[str], bool]:
    """What is wrong, and whether every write must wait for the disk by WAITAOF."""
    about = await store.server()
    name = "Valkey" if about.get("server_name") == "valkey" else "Redis"
    version = tuple(int(part) for part in about[f"{name.lower()}_version"].split(".")[:2])
    minimum = VALKEY_MIN if name == "Valkey" else REDIS_MIN
    problems = []
    if version < minimum:
        problems.append(f"it is {name} {_dotted(version)}: install {_dotted(minimum)} or newer.")
    if about.get("aof_enabled") != "1":
        problems.append(
            "appendonly is off, so a restart loses everything: set `appendonly yes` in its configuration (or"
            " `CONFIG SET appendonly yes`, then `CONFIG REWRITE`)."
        )
    if about.get("maxmemory_policy") != "noeviction":
        problems.append(
            f"maxmemory-policy is `{about.get('maxmemory_policy')}`, so it may drop our data when it is full: set"
            " `maxmemory-policy noeviction`."
        )
    is_always = about.get("appendfsync") == "always"
    can_wait = name == "Valkey" or version >= WAITAOF_MIN
    if durability == "fsync" and not is_always and not can_wait:
        problems.append(
            f"`durability: fsync` needs `appendfsync always` (it is `{about.get('appendfsync', 'not told')}`) or a"
            f" server with WAITAOF (Redis {_dotted(WAITAOF_MIN)}, any Valkey): change one of the two, or say"
            " `durability: everysec`."
        )
    return problems, durability == "fsync" and not is_always


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
