"""Sends posts when they are due: `python -m bench.feeder`, a process of its own."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import click
import numpy as np
from aiokafka import AIOKafkaProducer
from numpy.typing import NDArray

from bench.arrivals import poisson
from bench.posts import SEED
from bench.stage import PARTITIONS
from topics.catalog import POSTS
from workers.live.feed import MAX_BATCH_BYTES, Payload, file_source, partition_of

# Posts that come within this time are sent together: waking for each would cost a core.
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
    sent: dict[str, Any] = {str(number): due[own] + start for number, own in zip(PLACES, chosen, strict=True)}
    np.savez(out, **sent)


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
        await _feed(producer, [start + own for own in due], posts)
    finally:
        await producer.stop()
    return start


async def _feed(producer: AIOKafkaProducer, due: list[NDArray[np.float64]], posts: Sequence[list[Payload]]) -> None:
    """All that is due goes out as one request; what is due meanwhile waits for its acknowledgement."""
    sent = [0 for _ in PLACES]
    while ahead := [due[number][sent[number]] for number in PLACES if sent[number] < len(posts[number])]:
        await asyncio.sleep(max(TICK_SECONDS, min(ahead) - time.monotonic()))
        now = time.monotonic()
        acknowledged = []
        for number in PLACES:
            ready = int(due[number].searchsorted(now, "right"))
            batch = producer.create_batch()
            for post in posts[number][sent[number] : ready]:
                if batch.append(timestamp=None, key=post.key, value=post.value) is None:
                    break
                sent[number] += 1
            if batch.record_count():
                acknowledged.append(await producer.send_batch(batch, POSTS.name, partition=number))
        await asyncio.gather(*acknowledged)


if __name__ == "__main__":
    main()
