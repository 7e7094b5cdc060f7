"""A judge of the shipped policy and models, records as they come from Kafka, and stores of counters of both kinds."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from workers.assembly import offline_judge
from workers.counters import CountersUnavailable, MemoryStore, RedisStore, Store
from workers.judge import Judge

NOW = 1_790_000_000_000
DAY = 86_400_000

_serial = itertools.count()


@dataclass
class StoredRecord:
    """What the worker reads of aiokafka's record."""

    offset: int
    value: bytes | None
    key: bytes | None = b"author"
    partition: int = 0
    timestamp: int = NOW
    headers: tuple[tuple[str, bytes], ...] = ()


MakePost = Callable[..., bytes]
Refusing = Callable[[Store, str, int], AbstractContextManager[None]]


def make_post(number: int, text: str = "今天的面条很好吃", **fields: Any) -> bytes:
    """An ordinary post of an author with a past."""
    author = {"id": f"author-{number}", "name": "小王", "created_at": NOW - 900 * DAY, "followers": 80}
    author |= fields.pop("author", {})
    return json.dumps({"id": f"post-{number}", "text": text, "author": author, "created_at": NOW, **fields}).encode()


@pytest.fixture
def record() -> type[StoredRecord]:
    """The class of records: offset, value, and the rest by keyword."""
    return StoredRecord


@pytest.fixture
def post_bytes() -> MakePost:
    """Makes a post's bytes: its number, its text, other fields by keyword."""
    return make_post


@pytest.fixture
def judge() -> Judge:
    """The shipped policy and models with counters in memory, empty."""
    return offline_judge(None, None)


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


@pytest.fixture
def refusing() -> Refusing:
    """Makes a store refuse a call, told by its name, for one partition."""

    @contextmanager
    def refuse(store: Store, call: str, partition: int) -> Iterator[None]:
        answer = getattr(store, call)

        async def refuse_one(request: Any) -> Any:
            if request.guard.endswith(f":{partition}"):
                raise CountersUnavailable("down")
            return await answer(request)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, call, refuse_one)
            yield

    return refuse
