"""Sends posts when they are due: `python -m bench.feeder`, a process of its own."""

from __future__ import annotations

import asyncio
import time
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
from workers.live.feed import Payload, file_source, partition_of

# Posts that come within this time are sent together: a loop that wakes for each would cost a core.
TICK_SECONDS = 0.001
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
    start = asyncio.run(feed(kafka, due, posts, partitions.tolist()))
    np.savez(out, **{str(number): due[partitions == number] + start for number in range(PARTITIONS)})


async def feed(kafka: str, due: NDArray[np.float64], posts: list[Payload], partitions: list[int]) -> float:
    """Send them; when it began, by the monotonic clock. Posts of a partition are sent in the order they are due."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", max_batch_size=1 << 18)
    await producer.start()
    try:
        start = time.monotonic() + HEAD_START_SECONDS
        sent, acknowledged = 0, []
        while sent < len(due):
            ready = int(due.searchsorted(time.monotonic() - start, "right"))
            for post, partition in zip(posts[sent:ready], partitions[sent:ready], strict=True):
                acknowledged.append(await producer.send(POSTS.name, post.value, post.key, partition))
            sent = ready
            if sent < len(due):
                await asyncio.sleep(max(TICK_SECONDS, start + due[sent] - time.monotonic()))
        await asyncio.gather(*acknowledged)
    finally:
        await producer.stop()
    return start


if __name__ == "__main__":
    main()
