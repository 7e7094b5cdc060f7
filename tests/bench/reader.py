"""Notes when a decision on each post can be read: `python -m bench.reader`, a process of its own."""

from __future__ import annotations

import asyncio
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

# Some brokers answer a fetch that waits only at its end, which would count as the worker's time.
FETCH_WAIT_MS = 5


class _Sourced(msgspec.Struct):
    source: Source


@click.command()
@click.option("--kafka", required=True)
@click.option("--first", type=json.loads, required=True, help="JSON list of the first offset of each partition.")
@click.option("--posts", type=int, required=True, help="How many to see before it ends.")
@click.option("--ready", type=Path, required=True, help="Made when reading has begun.")
@click.option("--out", type=Path, required=True, help="Where to write partition, offset and time, an array each.")
def main(kafka: str, first: list[int], posts: int, ready: Path, out: Path) -> None:
    """See so many posts decided, those from the first offsets on."""
    np.savez(out, **asyncio.run(read(kafka, first, posts, ready)))


async def read(kafka: str, first: list[int], posts: int, ready: Path) -> dict[str, NDArray[Any]]:
    """Partition and offset of every post decided and committed, and when by the monotonic clock."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        isolation_level="read_committed",
        fetch_max_wait_ms=FETCH_WAIT_MS,
    )
    await consumer.start()
    outputs = [TopicPartition(topic.name, number) for topic in OUTPUTS for number in range(PARTITIONS)]
    consumer.assign(outputs)
    for place, end in (await consumer.end_offsets(outputs)).items():
        consumer.seek(place, end)
    await asyncio.to_thread(ready.touch)
    sourced = msgspec.json.Decoder(_Sourced).decode
    seen: dict[tuple[int, int], float] = {}
    while len(seen) < posts:
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
                # Repeated decisions, and those on what was sent before, are not waited for.
                if offset >= first[partition]:
                    seen.setdefault((partition, offset), now)
    await consumer.stop()
    places, times = np.array(list(seen)), np.array(list(seen.values()))
    return {"partition": places[:, 0], "offset": places[:, 1], "time": times}


if __name__ == "__main__":
    main()
