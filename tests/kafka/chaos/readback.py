"""What lies in Kafka and Valkey, read with plain clients and none of the worker's code."""

from __future__ import annotations

import time
from collections.abc import Mapping

import redis
from kafka import KafkaConsumer, TopicPartition

from chaos.check import Record
from deploy.processes import HOST

OUTPUTS = ("posts.allow", "posts.flag", "posts.block", "posts.dead")
FILLER = b"lives since"
"""The field that only makes a hash a table."""
PATIENCE_SECONDS = 120.0


def read_topics(brokers: str, partitions: int, *topics: str) -> list[Record]:
    """Every committed record of the topics up to their ends now.

    Raises:
        TimeoutError: nothing came for a long time though the end was not reached.
    """
    consumer = KafkaConsumer(
        bootstrap_servers=brokers.split(","),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_bytes=16 << 20,
        max_partition_fetch_bytes=4 << 20,
    )
    try:
        places = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        found: list[Record] = []
        latest = time.monotonic()
        while True:
            fetched = consumer.poll(timeout_ms=500, max_records=20_000)
            if fetched:
                latest = time.monotonic()
            else:
                behind = [place for place in places if consumer.position(place) < ends[place]]
                if not behind:
                    return found
                if time.monotonic() > latest + PATIENCE_SECONDS:
                    raise TimeoutError(f"the end is not reached on {behind}: is a transaction open?")
            for records in fetched.values():
                found += [
                    Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
                    for r in records
                ]
    finally:
        consumer.close()


def committed(brokers: str, group: str, partitions: int) -> dict[int, int]:
    """The group's committed offset of each partition of `posts`, 0 where it has none."""
    consumer = KafkaConsumer(bootstrap_servers=brokers.split(","), group_id=group, enable_auto_commit=False)
    try:
        return {number: consumer.committed(TopicPartition("posts", number)) or 0 for number in range(partitions)}
    finally:
        consumer.close()


def read_counters(port: int, prefix: str) -> Mapping[str, Mapping[bytes, bytes]]:
    """The counters' hashes by name without `prefix`, their fields and values."""
    with redis.Redis(host=HOST, port=port) as client:
        return {
            name.decode().removeprefix(prefix): {
                field: value for field, value in client.hgetall(name).items() if field != FILLER
            }
            for name in client.scan_iter(match=prefix + "*", count=1_000)
            if b":guard:" not in name and b":alike:" not in name
        }
