"""Publishing a batch's outputs: whole record batches, one producer for each input partition."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

# Room for a post at its limits with its explanation, and for a dead letter of the largest record.
MAX_REQUEST_BYTES = 4 << 20
MAX_BATCH_BYTES = 256 << 10

# aiokafka takes no other sequence than a list. Nobody adds to this one.
NO_HEADERS: list[tuple[str, bytes]] = []


class Row(NamedTuple):
    """One record to publish."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = NO_HEADERS


class Publisher:
    """Writes rows of all output topics to the partition number that their posts came from."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    @classmethod
    async def start(cls, connection: Mapping[str, Any]) -> Publisher:
        """A started publisher; `connection` holds aiokafka's keyword arguments.

        Raises:
            aiokafka.errors.KafkaError: no broker can be reached.
        """
        producer = AIOKafkaProducer(
            **connection,
            acks="all",
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
        )
        await producer.start()
        return cls(producer)

    async def publish(self, partition: int, outputs: Mapping[str, Sequence[Row]]) -> None:
        """Return when the brokers have acknowledged every row, in order within a topic.

        Raises:
            aiokafka.errors.KafkaError: a row was not acknowledged.
        """
        sent = []
        for topic, rows in outputs.items():
            batch = self._producer.create_batch()
            for key, value, headers in rows:
                # An empty batch takes a record of any size; a full one answers None.
                while batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                    sent.append(await self._producer.send_batch(batch, topic, partition=partition))
                    batch = self._producer.create_batch()
            if batch.record_count():
                sent.append(await self._producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*sent)

    async def stop(self) -> None:
        """Close the connection."""
        await self._producer.stop()
