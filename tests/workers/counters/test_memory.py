"""What only the store in this process has: a clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workers.batch import Part
from workers.counters import Counters, CounterSpec, MemoryStore, memory

SPECS = [
    CounterSpec("posts", "count", "posts", "author", 60_000),
    CounterSpec("daily", "count", "posts", "author", 86_400_000),
]


def test_counts_in_memory_are_forgotten_one_by_one_when_redis_would_forget_them(
    run: Callable[[Coroutine[Any, Any, Any]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock: Any = SimpleNamespace(now=0, monotonic=lambda: clock.now)
    monkeypatch.setattr(memory, "time", clock)
    counters = Counters(SPECS, MemoryStore(), grace_seconds=100)
    read = []
    for offset, seconds in enumerate((0, 219, 2 * 219, 3 * 221)):
        clock.now = seconds
        author = {"author": np.array([7], np.uint64)}
        readings = run(counters.apply([Part(0, 0, 0, 1)], np.array([offset]), np.array([1_700_000_040_000]), author))
        read.append((readings.values["posts"].tolist(), readings.values["daily"].tolist()))
    assert read == [([1], [1]), ([2], [2]), ([3], [3]), ([1], [4])]
