"""The platform of a run: simulated posts, sent at a rate, and remembered by partition and offset."""

from __future__ import annotations

import asyncio
import itertools
import time
import zlib
from collections.abc import Callable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from kafka.partitioner.default import murmur2

from chaos.timeline import Timeline
from workers.simulator import Simulator

TOPIC = "posts"
POSTS_PER_SECOND = 20
CHUNK = 500
ENDLESS_SECONDS = 30 * 86_400
RETRY_SECONDS = 0.5


class Feed:
    """Sends `count` posts, or without end; the same seed and start give the same ones.

    Attributes:
        sent: records acknowledged.
        ends: the offset after the last one acknowledged, by partition.
        checksums: of every record acknowledged, by partition and offset; empty for a stream without end.
        malformed: the values sent that are no posts.
    """

    def __init__(self, brokers: str, partitions: int, seed: int, count: int | None, timeline: Timeline) -> None:
        self._brokers, self._partitions, self._timeline = brokers, partitions, timeline
        # All of it was lived before now, so that a post's time is its own.
        lived = ENDLESS_SECONDS if count is None else 2 * count / POSTS_PER_SECOND + 3_600
        start_ms = int((time.time() - lived) * 1_000)
        self._remembers = count is not None
        self._lines = Simulator(seed, count, start_ms).lines()
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self.sent = 0
        self.ends: dict[int, int] = {}
        self.checksums: dict[tuple[int, int], int] = {}
        self.malformed: set[bytes] = set()

    async def play(self, count: int, rate: Callable[[], float] | None = None) -> None:
        """Send the next `count` posts: as many a second as `rate` says then, or as fast as the brokers take them."""
        end = self.sent + count
        while self.sent < end:
            size = CHUNK if rate is None else max(1, int(rate() / 10))
            chunk = list(itertools.islice(self._lines, min(size, end - self.sent)))
            start = time.monotonic()
            by_partition: dict[int, list[tuple[bytes, bytes]]] = {}
            for key, value, truth in chunk:
                if truth == "malformed":
                    self.malformed.add(value)
                number = (murmur2(key) & 0x7FFFFFFF) % self._partitions
                by_partition.setdefault(number, []).append((key, value))
            await asyncio.gather(*(self._send(number, records) for number, records in by_partition.items()))
            self.sent += len(chunk)
            if rate is not None:
                # What an outage held back is not sent all at once: faults should meet posts on their way.
                await asyncio.sleep(max(0.0, start + 0.1 - time.monotonic()))

    async def stop(self) -> None:
        """Close the connection."""
        if self._producer:
            await self._producer.stop()

    async def _send(self, partition: int, records: list[tuple[bytes, bytes]]) -> None:
        while True:
            try:
                await self._try(partition, records)
            except KafkaError as error:
                # Some may lie there already: then they are records like others, and are answered like others.
                self._timeline.note(f"the platform sends again to partition {partition}: {error!r}")
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _try(self, partition: int, records: list[tuple[bytes, bytes]]) -> None:
        producer = await self._started()
        at = 0
        while at < len(records):
            batch, taken = producer.create_batch(), []
            while at < len(records) and batch.append(timestamp=None, key=records[at][0], value=records[at][1]):
                taken.append(records[at][1])
                at += 1
            first = (await (await producer.send_batch(batch, TOPIC, partition=partition))).offset
            self.ends[partition] = max(self.ends.get(partition, 0), first + len(taken))
            for offset, value in enumerate(taken if self._remembers else [], first):
                self.checksums[partition, offset] = zlib.crc32(value)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._brokers,
                    acks="all",
                    enable_idempotence=True,
                    max_batch_size=1 << 20,
                    max_request_size=2 << 20,
                    request_timeout_ms=60_000,
                )
                await producer.start()
                self._producer = producer
        return self._producer
