"""The circuit breaker: nobody waits for a store that does not answer, and it is noticed when it does again."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest
import redis

from workers.batch import Part
from workers.counters import Breaker, Counters, CounterSpec, CountersUnavailable, MemoryStore, Readings, RedisStore

SPECS = [CounterSpec("posts", "count", "posts", "author", 60_000)]


class Moody(MemoryStore):
    """A store whose temper the test sets; it counts what reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.up = True
        self.answers_pings = True
        self.calls = 0

    async def claim(self, guard: str, guard_ttl_seconds: int) -> int:
        if not self.up:
            raise CountersUnavailable("down")
        return await super().claim(guard, guard_ttl_seconds)

    async def apply(self, request: Any) -> Any:
        self.calls += 1
        if not self.up:
            raise CountersUnavailable("down")
        return await super().apply(request)

    async def ping(self) -> None:
        if not self.answers_pings:
            raise CountersUnavailable("down")


async def count(counters: Counters, offset: int, committed: int = 0) -> int:
    readings = await read(counters, offset, committed)
    for error in readings.unread.values():
        raise error
    return int(readings.values["posts"][0])


def read(counters: Counters, offset: int, committed: int) -> Coroutine[Any, Any, Readings]:
    keys = {"author": np.array([7], np.uint64)}
    return counters.apply([Part(0, committed, 0, 1)], np.array([offset]), np.array([1_000]), keys)


async def probed(breaker: Breaker) -> None:
    """Wait for the background's ping to be answered."""
    assert breaker._probe is not None
    await asyncio.wait_for(breaker._probe, 10)


def test_after_a_failure_calls_are_refused_without_asking_until_a_ping_is_answered() -> None:
    async def run() -> None:
        store = Moody()
        counters = Counters(SPECS, breaker := Breaker(store, 0.01, 0.02))
        assert await count(counters, 0) == 1
        store.up = store.answers_pings = False
        for offset in range(1, 6):
            with pytest.raises(CountersUnavailable):
                await count(counters, offset)
        assert store.calls == 2
        store.up = store.answers_pings = True
        await probed(breaker)
        assert await count(counters, 6) == 2
        await breaker.close()

    asyncio.run(run())


def test_a_store_that_was_away_from_the_beginning_has_lost_nothing() -> None:
    async def run() -> None:
        store = Moody()
        store.up = False
        counters = Counters(SPECS, breaker := Breaker(store, 0.01, 0.01))
        for offset in (5, 6):
            with pytest.raises(CountersUnavailable):
                await count(counters, offset, committed=offset)
        store.up = True
        await probed(breaker)
        assert not (await read(counters, 7, committed=7)).lost
        await breaker.close()

    asyncio.run(run())


def test_a_store_that_answers_pings_but_no_calls_is_asked_less_and_less_often() -> None:
    async def run() -> None:
        store = Moody()
        store.up = False
        counters = Counters(SPECS, breaker := Breaker(store, 0.01, 10))
        for doubled in (0.02, 0.04, 0.08):
            with pytest.raises(CountersUnavailable):
                await count(counters, 0)
            await probed(breaker)
            assert breaker._pause == doubled
        store.up = True
        assert await count(counters, 0) == 1
        assert breaker._pause == 0.01
        await breaker.close()

    asyncio.run(run())


@pytest.mark.filterwarnings("error")
def test_a_call_that_is_refused_is_no_call_that_was_forgotten() -> None:
    async def run() -> None:
        store = Moody()
        store.up = False
        breaker = Breaker(store)
        for _ in range(2):
            with pytest.raises(CountersUnavailable):
                await breaker.claim("guard", 1)
        await breaker.close()

    asyncio.run(run())


def test_whether_the_store_answers_is_asked_of_the_store_itself_at_any_time() -> None:
    async def run() -> None:
        store = Moody()
        breaker = Breaker(store)
        await breaker.ping()
        store.up = store.answers_pings = False
        with pytest.raises(CountersUnavailable):
            await breaker.ping()
        with pytest.raises(CountersUnavailable):
            await breaker.claim("guard", 1)
        store.answers_pings = True
        await breaker.ping()
        await breaker.close()

    asyncio.run(run())


def test_a_closed_breaker_asks_no_more() -> None:
    async def run() -> None:
        store = Moody()
        store.up = False
        breaker = Breaker(store, 0.01)
        with pytest.raises(CountersUnavailable):
            await breaker.claim("guard", 1)
        await breaker.close()
        with pytest.raises(asyncio.CancelledError):
            await probed(breaker)

    asyncio.run(run())


def test_a_paused_valkey_is_not_waited_for_and_normal_service_resumes_by_itself(valkey: str) -> None:
    async def run() -> None:
        store = Breaker(RedisStore(valkey, "breaker", timeout_seconds=0.1), 0.05, 0.1)
        counters = Counters(SPECS, store)
        assert await count(counters, 0) == 1
        with redis.Redis.from_url(valkey) as server:
            server.client_pause(3_000)
        for offset in range(1, 100):
            with pytest.raises(CountersUnavailable):
                await count(counters, offset)
        await probed(store)
        assert await count(counters, 100) >= 2
        await store.close()

    asyncio.run(run())
