"""The worker's way of a post without Kafka: records in memory in, rows out, counters in a real Valkey."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import count

from aiokafka.structs import ConsumerRecord

from bench.clock import cpu_seconds
from bench.posts import BATCH, batches
from models.scorer import Scorer
from topics.catalog import POSTS
from workers.counters import Counters, RedisStore
from workers.decoding import Record
from workers.judge import Judge
from workers.metrics import Metrics
from workers.moderate import Moderator
from workers.policy import Policy
from workers.simulator.platform import START_MS

# Far more than a worker waits: what is measured is what it takes.
TIMEOUT_SECONDS = 60.0
ARRIVED_MS = START_MS + 30 * 86_400_000
_namespaces = count(1)


def records(values: Iterable[bytes], first_offset: int = 0) -> list[ConsumerRecord[bytes, bytes]]:
    """Records of one partition as aiokafka hands them over."""
    return [
        ConsumerRecord(POSTS.name, 0, offset, ARRIVED_MS, 1, b"author", value, None, 6, len(value), ())
        for offset, value in enumerate(values, first_offset)
    ]


def moderator(policy: Policy, redis: str, namespace: str | None = None) -> Moderator:
    """A moderator with counters of its own in the Valkey at `redis`."""
    store = RedisStore(redis, namespace or f"bench-{next(_namespaces)}", TIMEOUT_SECONDS)
    metrics = Metrics()
    return Moderator(Judge(policy, Scorer.load(), Counters(policy.counters, store), metrics), metrics)


async def cpu_of(of: Moderator, posts: Sequence[Record], valkey: int | None = None) -> tuple[float, float]:
    """CPU seconds of this process, and of Valkey's, for moderating the records in batches as the worker has them."""
    own, there = time.process_time(), cpu_seconds(valkey) if valkey else 0.0
    for batch in batches(posts, BATCH):
        await of.moderate({0: batch}, {0: batch[0].offset})
    return time.process_time() - own, (cpu_seconds(valkey) if valkey else 0.0) - there
