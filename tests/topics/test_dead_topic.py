"""Reading `posts.dead` from brokers that are slow, or silent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition

from topics import dead_topic
from topics.dead_topic import DeadTopic, DeadTopicError

PLACE = TopicPartition("posts.dead", 0)


class Slow:
    """What is read of kafka-python's consumer: each poll gives one record, until there are no more."""

    def __init__(self, there: int) -> None:
        self._there, self._at = there, 0

    def assign(self, places: list[TopicPartition]) -> None:
        assert places == [PLACE]

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._at = offset

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        if self._at == self._there:
            return {}
        self._at += 1
        return {PLACE: [SimpleNamespace(partition=0, offset=self._at - 1, timestamp=0, key=b"", value=b"", headers=())]}

    def position(self, place: TopicPartition) -> int:
        return self._at

    def pause(self, *places: TopicPartition) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeadTopic]:
    """A topic of eight records, on brokers that take twenty seconds for each."""
    monkeypatch.setattr(dead_topic, "KafkaConsumer", lambda **_: Slow(8))
    monkeypatch.setattr(dead_topic, "time", SimpleNamespace(monotonic=count(0, 20).__next__))
    with DeadTopic("nowhere:1") as topic:
        yield topic


def test_brokers_that_take_long_but_send_are_waited_for(slow: DeadTopic) -> None:
    assert [stored.offset for stored in slow.read({0: (2, 8)})] == [2, 3, 4, 5, 6, 7]


def test_brokers_that_send_no_more_of_what_they_said_they_have_are_told(slow: DeadTopic) -> None:
    read = slow.read({0: (0, 9)})
    assert [next(read).offset for _ in range(8)] == list(range(8))
    with pytest.raises(DeadTopicError, match=r"sent nothing of posts\.dead for 30 s"):
        next(read)
