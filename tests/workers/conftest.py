"""A judge of the shipped policy and models, records as they come from Kafka, and a store that refuses a partition."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from workers.assembly import offline_judge
from workers.counters import CountersUnavailable, Store
from workers.judge import Judge

NOW = 1_790_000_000_000
DAY = 86_400_000


@dataclass
class StoredRecord:
    """What the worker reads of aiokafka's record."""

    offset: int
    value: bytes | None
    key: bytes | None = b"author"
    topic: str = "posts"
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
