"""Publishing a batch's outputs: whole record batches, one producer for each input partition."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, UnknownError
from aiokafka.producer import sender
from msgspec import Struct

from topics.catalog import CAMPAIGNS

# Room for a post at its limits with its explanation, and for a dead letter of the largest record.
MAX_REQUEST_BYTES = 4 << 20
MAX_BATCH_BYTES = 256 << 10
# How long the readers of committed records may be held back by a worker that died with a transaction open.
TRANSACTION_MS = 30_000
RETRY_MS = 10
# A transaction cannot begin before the end marks of the one before it are written, which takes the brokers a few
# milliseconds. aiokafka asks again after 20, for which it has no setting.
sender.BACKOFF_OVERRIDE = 0.002

# aiokafka takes no other sequence than a list. Nobody adds to this one.
NO_HEADERS: list[tuple[str, bytes]] = []


class Row(Struct, gc=False):
    """One record to publish."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = NO_HEADERS


class NoTransactions(KafkaError):  # type: ignore[misc]  # noqa: N818 - a property of the broker
    """The broker has no transactions that aiokafka can use."""

    def __str__(self) -> str:
        return "this broker has no transactions: set SLUICEGATE_DELIVERY=at_least_once, or use Apache Kafka"


Outputs = Mapping[str, Sequence[Row]]
Commit = Callable[[Mapping[TopicPartition, int]], Awaitable[object]]


class Publisher(Protocol):
    """Writes what became of a batch, and that it has been dealt with, for one input partition."""

    async def publish(self, outputs: Outputs, upto: int) -> None:
        """Return when the brokers have every row, in order within a topic, and the offset below which all is done.

        Raises:
            aiokafka.errors.KafkaError: they have not, or a newer owner of the partition has fenced this one.
        """

    async def stop(self) -> None:
        """Close the connection."""


class AtLeastOnce:
    """Rows first, then the offset: a death in between has the batch delivered again, and decided alike."""

    def __init__(self, producer: AIOKafkaProducer, source: TopicPartition, commit: Commit) -> None:
        self._producer, self._source, self._commit = producer, source, commit

    async def publish(self, outputs: Outputs, upto: int) -> None:
        await send(self._producer, self._source.partition, outputs)
        await self._commit({self._source: upto})

    async def stop(self) -> None:
        await self._producer.stop()


class ExactlyOnce:
    """Rows and offset in one transaction.

    aiokafka commits offsets in a transaction without naming the group's member (before KIP-447), so the transactional
    id is one for each input partition: starting its producer fences the former owner and ends what that left open.
    """

    def __init__(self, producer: AIOKafkaProducer, source: TopicPartition, group: str) -> None:
        self._producer, self._source, self._group = producer, source, group

    async def publish(self, outputs: Outputs, upto: int) -> None:
        async with self._producer.transaction():
            # Waited for here: committing waits for the rows too, but does not tell their errors.
            await send(self._producer, self._source.partition, outputs)
            await self._producer.send_offsets_to_transaction({self._source: upto}, self._group)

    async def stop(self) -> None:
        await self._producer.stop()


async def start_publisher(
    connection: Mapping[str, Any], source: TopicPartition, group: str, commit: Commit | None
) -> Publisher:
    """A publisher for an input partition: with `commit` at least once, without exactly once.

    Args:
        connection: aiokafka's keyword arguments.
        source: the input partition; outputs go to the partitions of its number.
        group: the consumer group.
        commit: commits offsets of the group.

    Raises:
        aiokafka.errors.KafkaError: no broker can be reached; NoTransactions: it cannot do exactly once.
    """
    arguments: dict[str, Any] = {
        **connection,
        "acks": "all",
        "max_batch_size": MAX_BATCH_BYTES,
        "max_request_size": MAX_REQUEST_BYTES,
    }
    if commit is None:
        arguments |= {
            "transactional_id": f"{group}-{source.topic}-{source.partition}",
            "transaction_timeout_ms": TRANSACTION_MS,
            "retry_backoff_ms": RETRY_MS,
        }
    producer = AIOKafkaProducer(**arguments)
    try:
        await producer.start()
    except BaseException as error:
        await producer.stop()
        if commit is None and isinstance(error, UnknownError):
            raise NoTransactions from error
        raise
    return ExactlyOnce(producer, source, group) if commit is None else AtLeastOnce(producer, source, commit)


async def send(producer: AIOKafkaProducer, partition: int, outputs: Outputs) -> None:
    """Return when the brokers have acknowledged every row."""
    sent = []
    for topic, rows in outputs.items():
        # Posts of one campaign come in on every partition; its records belong together.
        place = 0 if topic == CAMPAIGNS.name else partition
        batch = producer.create_batch()
        for row in rows:
            # An empty batch takes a record of any size; a full one answers None.
            while batch.append(timestamp=None, key=row.key, value=row.value, headers=row.headers) is None:
                sent.append(await producer.send_batch(batch, topic, partition=place))
                batch = producer.create_batch()
        if batch.record_count():
            sent.append(await producer.send_batch(batch, topic, partition=place))
    await asyncio.gather(*sent)
