"""How posts come out of Kafka: what lies there when there is room for a batch, as one event."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.cluster import ClusterMetadata
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.transport.utils import DefaultSchedulingStrategy

from workers.decoding import Fetch, joined, size


class PollAsEvent(DefaultSchedulingStrategy):
    """Hands over what one poll of all partitions gave as one event: aiokafka's records by partition."""

    def iterate(self, records: Mapping[Any, list[Any]]) -> Iterator[tuple[Any, Any]]:
        """One event a poll, in the place of one partition's last record."""
        if not records:
            return
        source = next(iter(records))
        last = records[source][-1]
        fetch = {of.partition: fetched for of, fetched in records.items()}
        stamp = last.offset, last.timestamp, last.timestamp_type
        yield source, ConsumerRecord(*source, *stamp, None, fetch, None, -1, -1, ())


class PollsOnDemand(AIOKafkaConsumerThread):
    """Asks the brokers for posts when they are wanted, once for a batch.

    aiokafka reads ahead, and so has what came first after the last poll: many small answers, each of which costs both
    sides as much as a large one. It is left to do so only while there is more than a poll takes.

    Attributes:
        wanted: set by whoever wants posts; cleared when a poll has brought all there were.
        more: whether the last poll left posts lying there.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.wanted = asyncio.Event()
        self.wanted.set()
        self.more = False

    async def getmany(self, *arguments: Any, **named: Any) -> Any:
        """Faust's way to poll; what it gives is by partition."""
        await self.wanted.wait()
        records = await super().getmany(*arguments, **named)
        if records and not self.more:
            self.wanted.clear()
        return records

    async def _fetch_records(self, consumer: AIOKafkaConsumer, *arguments: Any, **named: Any) -> Any:
        consumer.resume(*consumer.assignment())
        records = await super()._fetch_records(consumer, *arguments, **named)
        # In one go with the poll's end: aiokafka's reader comes to its turn when this waits for something.
        assigned = consumer.assignment()
        ends = {place: consumer.highwater(place) for place in records.keys() & assigned}
        self.more = any([await consumer.position(place) < end for place, end in ends.items() if end is not None])
        if not self.more:
            consumer.pause(*assigned)
        return records

    async def on_thread_stop(self) -> None:
        """Stop; aiokafka lets out that it broke off a fetch it meant to try again.

        That would end the thread without a word to the worker, which then waits for it.
        """
        with contextlib.suppress(asyncio.CancelledError):
            await super().on_thread_stop()


class OnDemand(Consumer):
    """Faust's consumer, polling so."""

    def _new_consumer_thread(self) -> PollsOnDemand:
        return PollsOnDemand(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[Any, int]:
        """Stand at the committed offsets, and at the beginning where there are none.

        Faust's own leaves a partition without a committed offset where it is: past posts that were read just before a
        rebalance and let go, which would then never be decided.
        """
        committed: Mapping[Any, int] = await super().seek_to_committed()
        if fresh := [partition for partition, offset in committed.items() if not offset]:
            await self._thread.seek_to_beginning(*fresh)
        return committed

    async def all_topics(self) -> ClusterMetadata:
        """What the brokers tell of all topics now. Raises KafkaError where they do not answer."""
        thread: Any = self._thread
        cluster: ClusterMetadata = await thread.call_thread(thread._consumer._client.fetch_all_metadata)
        return cluster


def with_waiting(fetch: Fetch, queue: Any, most: int) -> Fetch:
    """A fetch and what was fetched behind it meanwhile.

    A poll gives `most` records, so a batch has no more than half as many again.
    """
    while size(fetch) <= most // 2 and not queue.empty():
        fetch = joined(fetch, queue.get_nowait().value)
    return fetch
