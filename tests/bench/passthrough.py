"""The limit: a Faust worker with batches like ours that reads posts and publishes their bytes back unread.

Apart from deciding it does what ours does with the embedded broker: whole record batches out, acknowledged by the
broker, then the offset. It shares no code with ours.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from typing import Any

import faust
import mode
from aiokafka import AIOKafkaProducer, TopicPartition
from faust.transport.utils import DefaultSchedulingStrategy

BROKER = os.environ["SLUICEGATE_KAFKA"]


class FetchAsEvent(DefaultSchedulingStrategy):
    """A partition's fetch as one event."""

    def iterate(self, records: Mapping[Any, list[Any]]) -> Iterator[tuple[Any, Any]]:
        for partition, fetched in records.items():
            yield partition, dataclasses.replace(fetched[-1], key=None, headers=(), value=fetched)


app = faust.App(
    os.environ["SLUICEGATE_GROUP"],
    broker=f"kafka://{BROKER}",
    ConsumerScheduler=FetchAsEvent,
    datadir=os.environ["SLUICEGATE_STATE_DIR"],
    consumer_max_fetch_size=1 << 20,
    broker_max_poll_records=4_000,
    stream_buffer_maxsize=4,
    topic_disable_leader=True,
)
posts = app.topic("posts", key_type=bytes, value_type=bytes, value_serializer="raw", acks=False)


@app.agent(posts, supervisor_strategy=mode.CrashingSupervisor)
async def pass_on(stream: Any) -> None:
    """Publish batch after batch."""
    consumer: Any = app.consumer
    consumer.on_buffer_full = lambda _: None
    producer = AIOKafkaProducer(bootstrap_servers=BROKER, acks="all", max_batch_size=256 << 10)
    await producer.start()
    try:
        async for event in stream.events():
            message, sent = event.message, []
            batch = producer.create_batch()
            for record in event.value:
                while batch.append(timestamp=None, key=record.key, value=record.value) is None:
                    sent.append(await producer.send_batch(batch, "posts.allow", partition=message.partition))
                    batch = producer.create_batch()
            sent.append(await producer.send_batch(batch, "posts.allow", partition=message.partition))
            for each in sent:
                await each
            await consumer._commit_offsets({TopicPartition(message.topic, message.partition): message.offset + 1})
    finally:
        await producer.stop()


if __name__ == "__main__":
    app.main()
