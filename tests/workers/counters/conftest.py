"""Both stores, each test (and each example of a property) with counts of its own."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from workers.counters import MemoryStore, RedisStore, Store

_serial = itertools.count()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def run(runner: asyncio.Runner) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine to its end; all of a test's run in one loop."""
    return runner.run


@pytest.fixture
def make_redis_store(runner: asyncio.Runner, valkey: str) -> Iterator[Callable[..., RedisStore]]:
    """Makes a store on the shared Valkey, in a namespace of its own unless one is given."""
    made: list[RedisStore] = []

    def make(namespace: str | None = None, timeout_seconds: float = 30.0) -> RedisStore:
        made.append(RedisStore(valkey, namespace or f"test-{os.getpid()}-{next(_serial)}", timeout_seconds))
        return made[-1]

    yield make
    for store in made:
        runner.run(store.close())


@pytest.fixture(params=["memory", "redis"])
def make_store(request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Makes an empty store of either kind."""
    if request.param == "memory":
        return MemoryStore
    make: Callable[[], Store] = request.getfixturevalue("make_redis_store")
    return make


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Store:
    return make_store()
