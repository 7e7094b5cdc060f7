"""Counters over windows of the posts' own time, exact and counted once, in memory or in Redis."""

from __future__ import annotations

from workers.counters.breaker import Breaker
from workers.counters.counters import Counters, Readings
from workers.counters.memory import MemoryStore
from workers.counters.redis import RedisStore
from workers.counters.spec import MEMBERS, CounterSpec, parse_window
from workers.counters.store import MEMBERS_A_PANE, CountersUnavailable, StaleEpoch, Store

__all__ = [
    "MEMBERS",
    "MEMBERS_A_PANE",
    "Breaker",
    "CounterSpec",
    "Counters",
    "CountersUnavailable",
    "MemoryStore",
    "Readings",
    "RedisStore",
    "StaleEpoch",
    "Store",
    "parse_window",
]
