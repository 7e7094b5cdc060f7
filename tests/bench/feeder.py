"""Sends posts when they are due: `python -m bench.feeder`, a process of its own."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import click
import numpy as np
from aiokafka import AIOKafkaProducer
from numpy.typing import NDArray

from bench.arrivals import poisson
from bench.posts import SEED
from bench.stage import PARTITIONS
from topics.catalog import POSTS
from workers.live.feed import MAX_BATCH_BYTES, Payload, file_source, partition_of

# Posts of a partition that come within this time are sent together: waking for each would cost a core.
TICK_SECONDS = 0.005
PLACES = range(PARTITIONS)
HEAD_START_SECONDS = 0.5


@click.command()
@click.option("--kafka", required=True)
@click.option("--rate", type=float, required=True, help="Posts a second.")
@click.option("--seconds", type=float, required=True)
@click.option("--posts", "file", type=Path, required=True, help="JSON Lines; read again from its beginning at its end.")
@click.option("--out", type=Path, required=True, help="Where to write when each post was due, by partition.")
def main(kafka: str, rate: float, seconds: float, file: Path, out: Path) -> None:
    """Send posts, each when it is due or as soon after as can be."""
    due = poisson(rate, seconds, SEED)
    posts = list(islice(cycle(file_source(file)), len(due)))
    partitions = np.array([partition_of(post.key, PARTITIONS) for post in posts])
    chosen = [np.flatnonzero(partitions == number) for number in PLACES]
    start = asyncio.run(feed(kafka, [due[own] for own in chosen], [[posts[place] for place in own] for own in chosen]))
    np.savez(out, **{str(number): due[own] + start for number, own in zip(PLACES, chosen, strict=True)})


async def feed(kafka: str, due: Sequence[NDArray[np.float64]], posts: Sequence[list[Payload]]) -> float:
    """Send the posts of each partition in the order they are due; when it began, by the monotonic clock."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", max_batch_size=MAX_BATCH_BYTES, max_request_size=2 * MAX_BATCH_BYTES
    )
    await producer.start()
    try:
        await producer.partitions_for(POSTS.name)
        # A pause to collect would be the feeder's, not the worker's.
        gc.freeze()
        gc.disable()
        start = time.monotonic() + HEAD_START_SECONDS
        await asyncio.gather(*(_feed_one(producer, number, start + due[number], posts[number]) for number in PLACES))
    finally:
        await producer.stop()
    return start


async def _feed_one(producer: AIOKafkaProducer, number: int, due: NDArray[np.float64], posts: list[Payload]) -> None:
    """All that is due goes out as one batch; what is due meanwhile waits for its acknowledgement."""
    sent = 0
    while sent < len(posts):
        await asyncio.sleep(max(TICK_SECONDS, due[sent] - time.monotonic()))
        ready = int(due.searchsorted(time.monotonic(), "right"))
        batch = producer.create_batch()
        while sent < ready and batch.append(timestamp=None, key=posts[sent].key, value=posts[sent].value):
            sent += 1
        if batch.record_count():
            await (await producer.send_batch(batch, POSTS.name, partition=number))


if __name__ == "__main__":
    main()
