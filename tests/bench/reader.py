"""Notes when a decision on each post can be read: `python -m bench.reader`, a process of its own."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition
from numpy.typing import NDArray

from bench.stage import PARTITIONS
from topics.catalog import DEAD, OUTPUTS
from topics.dead_letter import DeadLetter
from topics.decision import Source


class _Sourced(msgspec.Struct):
    source: Source


@click.command()
@click.option("--kafka", required=True)
@click.option("--first", type=json.loads, required=True, help="JSON list of the first offset of each partition.")
@click.option("--fetch-wait-ms", type=int, required=True, help="How long a fetch may wait for its first byte.")
@click.option("--posts", type=int, required=True, help="How many to see before it ends.")
@click.option("--ready", type=Path, required=True, help="Made when reading has begun.")
@click.option("--out", type=Path, required=True, help="Where to write offsets and times, by partition.")
def main(kafka: str, fetch_wait_ms: int, first: list[int], posts: int, ready: Path, out: Path) -> None:
    """See so many posts decided, those from the first offsets on."""
    times: dict[str, Any] = asyncio.run(read(kafka, fetch_wait_ms, first, posts, ready))
    np.savez(out, **times)


async def read(kafka: str, fetch_wait_ms: int, first: list[int], posts: int, ready: Path) -> dict[str, NDArray[Any]]:
    """For each partition the offsets of posts decided and committed, and when by the monotonic clock."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        isolation_level="read_committed",
        fetch_max_wait_ms=fetch_wait_ms,
    )
    await consumer.start()
    outputs = [TopicPartition(topic.name, number) for topic in OUTPUTS for number in range(PARTITIONS)]
    consumer.assign(outputs)
    for place, end in (await consumer.end_offsets(outputs)).items():
        consumer.seek(place, end)
    await asyncio.to_thread(ready.touch)
    sourced = msgspec.json.Decoder(_Sourced).decode
    seen: list[list[int]] = [[] for _ in first]
    times: list[list[float]] = [[] for _ in first]
    gc.freeze()
    gc.disable()
    while sum(map(len, seen)) < posts:
        fetched = await consumer.getmany(timeout_ms=100)
        now = time.monotonic()
        for place, records in fetched.items():
            for record in records:
                if place.topic == DEAD.name:
                    letter = DeadLetter.from_record(record.value, record.key, record.headers)
                    partition, offset = letter.source_partition, letter.source_offset
                else:
                    source = sourced(record.value).source
                    partition, offset = source.partition, source.offset
                # The embedded broker takes the first record of the last batch for the end.
                if offset >= first[partition]:
                    seen[partition].append(offset)
                    times[partition].append(now)
    await consumer.stop()
    found: dict[str, list[list[Any]]] = {"offset": seen, "time": times}
    return {f"{name}-{number}": np.array(own) for name, each in found.items() for number, own in enumerate(each)}


if __name__ == "__main__":
    main()
