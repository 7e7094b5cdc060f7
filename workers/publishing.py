"""Publishing a batch's outputs: whole record batches, and with them how far the input has been dealt with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from itertools import zip_longest
from typing import Any, Protocol
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, IllegalOperation, KafkaError, UnknownError
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import OffsetAndMetadata
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
Claim = Callable[[Mapping[TopicPartition, OffsetAndMetadata]], Awaitable[object]]


class Publisher(Protocol):
    """Writes what became of a batch, and that it has been dealt with."""

    async def begin(self, ends: Mapping[int, int]) -> None:
        """Begin with a batch that may still be undecided, when the one before it is published.

        ends: for each input partition of the batch, the offset below which all is done with it.
        """

    async def publish(self, rows: Mapping[int, Outputs]) -> None:
        """Return when the brokers have every row of the batch begun, in order within a topic's partition, and its ends.

        rows: rows by input partition and topic; they go to the output partitions of the same number.

        Raises:
            aiokafka.errors.KafkaError: they have not, or a newer owner of a partition has fenced this one.
        """

    async def stop(self) -> None:
        """Let go what was begun and not published, and close the connection."""


class AtLeastOnce:
    """Rows first, then the offsets: a death in between has the batch delivered again, and decided alike."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, commit: Commit) -> None:
        self._producer, self._topic, self._commit = producer, topic, commit
        self._ends: Mapping[int, int] = {}

    async def begin(self, ends: Mapping[int, int]) -> None:
        self._ends = ends

    async def publish(self, rows: Mapping[int, Outputs]) -> None:
        await send(self._producer, rows)
        await self._commit({TopicPartition(self._topic, partition): end for partition, end in self._ends.items()})

    async def stop(self) -> None:
        await self._producer.stop()


class ExactlyOnce:
    """Rows and offsets in one transaction; beside each offset, whose transaction it was.

    Offsets go first, while the rows are still being decided: they hold when the transaction is committed, not before.
    Each thing that a transaction has to do with is told to the brokers in a request of its own, one after another.
    """

    def __init__(self, producer: AIOKafkaProducer, topic: str, group: str, name: str) -> None:
        self._producer, self._topic, self._group, self._name = producer, topic, group, name
        self._transaction = AsyncExitStack()
        self._offsets: asyncio.Future[None] | None = None

    async def begin(self, ends: Mapping[int, int]) -> None:
        offsets = {
            TopicPartition(self._topic, partition): OffsetAndMetadata(end, self._name)
            for partition, end in ends.items()
        }
        await self._transaction.enter_async_context(self._producer.transaction())
        self._offsets = asyncio.ensure_future(self._producer.send_offsets_to_transaction(offsets, self._group))

    async def publish(self, rows: Mapping[int, Outputs]) -> None:
        assert self._offsets is not None
        async with self._transaction.pop_all():
            # Rows are waited for here: committing waits for them too, but does not tell their errors.
            try:
                await asyncio.gather(send(self._producer, rows), self._offsets)
            except IllegalOperation:
                # That the transaction is no more is all that aiokafka tells here; its end tells why.
                await self._producer._txn_manager.wait_for_transaction_end()
                raise

    async def stop(self) -> None:
        try:
            with suppress(_UndecidedError):
                async with self._transaction.pop_all():
                    raise _UndecidedError
        finally:
            await self._producer.stop()


class _UndecidedError(Exception):
    """Aborts a transaction."""


async def start_at_least_once(connection: Mapping[str, Any], topic: str, commit: Commit) -> Publisher:
    """A publisher that may repeat what it published when it died.

    Args:
        connection: aiokafka's keyword arguments.
        topic: the input topic.
        commit: commits offsets of the consumer group.

    Raises:
        aiokafka.errors.KafkaError: no broker can be reached.
    """
    return AtLeastOnce(await start_producer(connection), topic, commit)


async def start_exactly_once(
    connection: Mapping[str, Any], topic: str, partitions: Collection[int], group: str, claim: Claim
) -> Publisher:
    """A publisher for these input partitions, whose former owners publish and commit nothing from now on.

    aiokafka commits offsets in a transaction without naming the group's member (before KIP-447): the brokers cannot
    tell a former owner by its generation, but by its transactional id. So every owner is a new id, which it writes
    beside the offsets of its partitions; the next one finds it there, and taking over that id fences whose it was.

    Args:
        connection: aiokafka's keyword arguments.
        topic, partitions: what is read.
        group: the consumer group.
        claim: commits offsets and what stands beside them as `commit_as_member` does. The brokers take that from the
            group's present members only: no former owner writes its name after this one has looked for it.

    Raises:
        aiokafka.errors.CommitFailedError: the group has shared out the partitions anew meanwhile.
        aiokafka.errors.KafkaError: no broker can be reached; NoTransactions: it cannot do exactly once.
    """
    owned = [TopicPartition(topic, partition) for partition in partitions]
    name = f"{group}-{topic}-{uuid4().hex}"
    producer = await start_producer(connection, name)
    try:
        former = await _committed(connection, group, owned)
        await asyncio.gather(*(_shut_out(connection, owner) for owner in {each.metadata for each in former.values()}))
        # What a former owner had under way is now decided.
        stands = await _committed(connection, group, owned)
        await claim({each: OffsetAndMetadata(stands[each].offset if each in stands else 0, name) for each in owned})
    except BaseException:
        await producer.stop()
        raise
    return ExactlyOnce(producer, topic, group, name)


async def commit_as_member(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
    """Commit as a member to whom the group has given these partitions, unless it is sharing them out anew.

    A commit sent while the member joins again is answered after that, when its generation is past. aiokafka then
    has it join once more; and when the next commit comes as late, members join for ever.

    Raises:
        aiokafka.errors.CommitFailedError: the partitions are shared out anew; nothing need be done for it.
        aiokafka.errors.KafkaError: the brokers did not take them.
    """
    state, coordinator = consumer._subscription, consumer._coordinator
    if (
        state.reassignment_in_progress
        or coordinator.need_rejoin(state.subscription)
        or offsets.keys() - state.assigned_partitions()
    ):
        raise CommitFailedError("the group shares out its partitions anew")
    await consumer.commit(offsets)


async def _committed(
    connection: Mapping[str, Any], group: str, partitions: list[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """What the group has committed of these partitions; those of which it has nothing are left out."""
    admin = AIOKafkaAdminClient(**connection)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group, partitions=partitions)
    finally:
        await admin.close()
    return {partition: committed for partition, committed in found.items() if committed.offset >= 0}


async def _shut_out(connection: Mapping[str, Any], owner: str) -> None:
    """Abort what a transactional id has open, and fence whoever uses it."""
    # Offsets that were set by hand have nobody's name beside them.
    if owner:
        await (await start_producer(connection, owner)).stop()


async def start_producer(connection: Mapping[str, Any], transactional_id: str | None = None) -> AIOKafkaProducer:
    """A producer for whole record batches; with a transactional id, whoever used that before is fenced.

    Raises:
        aiokafka.errors.KafkaError: no broker can be reached; NoTransactions: it cannot do exactly once.
    """
    arguments: dict[str, Any] = {
        **connection,
        "acks": "all",
        "max_batch_size": MAX_BATCH_BYTES,
        "max_request_size": MAX_REQUEST_BYTES,
    }
    if transactional_id is not None:
        arguments |= {
            "transactional_id": transactional_id,
            "transaction_timeout_ms": TRANSACTION_MS,
            "retry_backoff_ms": RETRY_MS,
        }
    producer = AIOKafkaProducer(**arguments)
    try:
        await producer.start()
    except BaseException as error:
        await producer.stop()
        if transactional_id is not None and isinstance(error, UnknownError):
            raise NoTransactions from error
        raise
    return producer


async def send(producer: AIOKafkaProducer, rows: Mapping[int, Outputs]) -> None:
    """Return when the brokers have acknowledged every row, by partition and topic."""
    places: dict[TopicPartition, list[Row]] = {}
    for partition, outputs in rows.items():
        for topic, own in outputs.items():
            if own:
                # Posts of one campaign come in on every partition; its records belong together.
                place = TopicPartition(topic, 0 if topic == CAMPAIGNS.name else partition)
                places.setdefault(place, []).extend(own)
    sent = []
    # A place's second batch waits for its first one to go out: first of all those that need not wait.
    for together in zip_longest(*(_batches(producer, own) for own in places.values())):
        for place, batch in zip(places, together, strict=True):
            if batch is not None:
                sent.append(await producer.send_batch(batch, place.topic, partition=place.partition))
    await asyncio.gather(*sent)


def _batches(producer: AIOKafkaProducer, rows: Sequence[Row]) -> Iterator[BatchBuilder]:
    """The rows in whole batches."""
    batch = producer.create_batch()
    for row in rows:
        # An empty batch takes a record of any size; a full one answers None.
        while batch.append(timestamp=None, key=row.key, value=row.value, headers=row.headers) is None:
            yield batch
            batch = producer.create_batch()
    yield batch
