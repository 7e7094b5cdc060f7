"""Feeding posts to a run: as fast as their verdicts come back, or at a given rate."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer
from kafka.partitioner.default import murmur2

from models.lines import without_mark
from topics.catalog import POSTS
from workers.live.watch import Watch
from workers.simulator import Simulator
from workers.simulator.clock import POSTS_PER_SECOND

# Posts under way at once. A worker takes a few thousand a batch, so this keeps it busy without a long queue.
WINDOW = 12_000
CHUNK = 500
DAY_SECONDS = 86_400
# How far back a stream without end begins.
ENDLESS_SECONDS = 30 * DAY_SECONDS
# The smallest size that holds the largest post the broker takes.
MAX_BATCH_BYTES = 1 << 20


class Payload(NamedTuple):
    """A record to send, and what is true of it where that is known."""

    key: bytes | None
    value: bytes
    truth: str | None = None


class _Author(msgspec.Struct):
    id: str


class _Keyed(msgspec.Struct):
    author: _Author


_keyed = msgspec.json.Decoder(_Keyed)


def file_source(path: Path) -> Iterator[Payload]:
    """The lines of a JSON Lines file, keyed by the author's id; one without it has no key. Blank lines are skipped."""
    with path.open("rb") as lines:
        for line in without_mark(lines):
            value = line.rstrip(b"\r\n")
            if not value.strip():
                continue
            try:
                key = _keyed.decode(value).author.id.encode()
            except (ValueError, RecursionError):
                key = None
            yield Payload(key, value)


def simulator_source(seed: int, count: int | None, told: bool = True) -> Iterator[Payload]:
    """Simulated posts. They are played far faster than they were lived, so their dates lie in the past.

    A stream of `count` posts ends before now; one without end begins a month ago.
    told: say what is true of each, which a feed keeps as long as it is there.
    """
    # The platform's nights are quiet: only over whole days is the mean what it says.
    lived = ENDLESS_SECONDS if count is None else 2 * count / POSTS_PER_SECOND + DAY_SECONDS
    start_ms = int((time.time() - lived) * 1_000)
    for key, value, truth in Simulator(seed, count, start_ms).lines():
        yield Payload(key, value, truth if told else None)


@lru_cache(maxsize=1 << 20)
def partition_of(key: bytes | None, partitions: int) -> int:
    """The partition that Kafka's default partitioner gives a key; keyless records go to the first."""
    return 0 if key is None else (murmur2(key) & 0x7FFFFFFF) % partitions


def _chunks(payloads: Iterable[Payload], size: int) -> Iterator[list[Payload]]:
    waiting = iter(payloads)
    while chunk := list(itertools.islice(waiting, size)):
        yield chunk


class Feed:
    """Sends posts.

    Attributes:
        sent: how many the broker has acknowledged.
        truths: what is true of the posts sent, where known, by partition and offset.
    """

    def __init__(self, kafka: dict[str, Any], watch: Watch, rate: float | None) -> None:
        self._producer = AIOKafkaProducer(
            **kafka, acks="all", max_batch_size=MAX_BATCH_BYTES, max_request_size=2 * MAX_BATCH_BYTES
        )
        self._watch = watch
        self._rate = rate
        self.sent = 0
        self.truths: dict[tuple[int, int], str] = {}

    async def play(self, payloads: Iterable[Payload]) -> None:
        """Send all payloads, never more than WINDOW ahead of their verdicts.

        Raises:
            aiokafka.errors.KafkaError: the broker did not take them.
        """
        size = CHUNK if self._rate is None else max(1, min(CHUNK, int(self._rate / 20)))
        await self._producer.start()
        try:
            start = self._watch.began = time.monotonic()
            for chunk in _chunks(payloads, size):
                await self._send(chunk)
                await self._pace(start)
        finally:
            await self._producer.stop()

    async def _pace(self, start: float) -> None:
        await self._watch.caught_up(self.sent - WINDOW)
        if self._rate is not None:
            await asyncio.sleep(max(0.0, start + self.sent / self._rate - time.monotonic()))

    async def _send(self, chunk: Sequence[Payload]) -> None:
        by_partition: dict[int, list[Payload]] = {}
        for payload in chunk:
            by_partition.setdefault(partition_of(payload.key, self._watch.partitions), []).append(payload)
        await asyncio.gather(*(self._send_to(partition, found) for partition, found in by_partition.items()))
        self.sent += len(chunk)

    async def _send_to(self, partition: int, payloads: list[Payload]) -> None:
        waiting = iter(payloads)
        payload = next(waiting, None)
        while payload is not None:
            batch = self._producer.create_batch()
            truths: list[str | None] = []
            while payload is not None and batch.append(timestamp=None, key=payload.key, value=payload.value):
                truths.append(payload.truth)
                payload = next(waiting, None)
            self._watch.sending(partition)
            first = (await (await self._producer.send_batch(batch, POSTS.name, partition=partition))).offset
            self._watch.sent(partition, first, len(truths))
            known = ((place, truth) for place, truth in enumerate(truths, first) if truth is not None)
            self.truths.update({(partition, offset): truth for offset, truth in known})
