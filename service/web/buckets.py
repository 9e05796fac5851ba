"""Token buckets in this process: how often one link may be asked. It protects the store, it decides nothing."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

# Links in use at once in the largest installation we plan for; the least recently used one is forgotten first.
_KEYS_MAX = 10_000


class Buckets:
    """One bucket a key: `capacity` requests at once, refilled by `per_s` a second."""

    def __init__(
        self, capacity: float, per_s: float, elapsed_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._capacity, self._per_s, self._elapsed_s = capacity, per_s, elapsed_s
        self._levels: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Whether one more request on `key` is welcome now."""
        mark = hashlib.blake2b(key.encode(), digest_size=16).digest()
        now = self._elapsed_s()
        level, at = self._levels.pop(mark, (self._capacity, now))
        level = min(self._capacity, level + (now - at) * self._per_s)
        welcome = level >= 1
        self._levels[mark] = (level - 1 if welcome else level, now)
        if len(self._levels) > _KEYS_MAX:
            self._levels.popitem(last=False)
        return welcome
