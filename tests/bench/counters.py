"""counters.*: the default policy's counters in one Valkey, client side included."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import numpy as np

from bench.clock import cpu_seconds
from bench.policies import loaded
from bench.posts import batches, sound_posts
from deploy.embedded import start_valkey
from models.scorer import Scorer
from workers.batch import Batch
from workers.counters import Counters, RedisStore
from workers.counters.plan import Keys
from workers.counters.spec import CounterSpec
from workers.signals import Signals

POSTS = 120_000
WARM_BATCHES = 5
TIMEOUT_SECONDS = 30.0


def run() -> dict[str, float]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        specs = loaded(Path(folder)).counters
        valkey, url = start_valkey(Path(folder))
        try:
            return asyncio.run(measure(specs, url, valkey.process.pid))
        finally:
            valkey.stop()


async def measure(specs: tuple[CounterSpec, ...], url: str, valkey: int) -> dict[str, float]:
    """Count simulated posts batch after batch, their keys made beforehand.

    Processor time is that of this process and of Valkey's added up: neither could be done without, and a busy
    neighbour does not count.
    """
    signals = Signals(Scorer.load(), {})
    counters = Counters(specs, RedisStore(url, "bench", TIMEOUT_SECONDS))
    names = {spec.by for spec in specs} | {spec.of for spec in specs if spec.kind == "distinct"}
    batch_keys = []
    for chunk in batches(sound_posts(POSTS)):
        batch = Batch.offline(chunk)
        batch_keys.append((batch.times, signals.keys(batch, names)))
    offset = 0
    for number, (times, keys) in enumerate(batch_keys):
        if number == WARM_BATCHES:
            start, first = (cpu_seconds(os.getpid()), cpu_seconds(valkey)), offset
        await counters.apply(0, np.arange(offset, offset + len(times)), times, keys, offset)
        offset += len(times)
    own, there = cpu_seconds(os.getpid()) - start[0], cpu_seconds(valkey) - start[1]
    counted = sum(keys_in(specs, keys) for _, keys in batch_keys[WARM_BATCHES:])
    posts = offset - first
    return {
        "counters.keys_per_second": counted / (own + there),
        "counters.client_us_per_post": own / posts * 1e6,
        "counters.valkey_us_per_post": there / posts * 1e6,
        "counters.keys_per_post": counted / posts,
    }


def keys_in(specs: tuple[CounterSpec, ...], keys: Keys) -> int:
    """How many keys the posts have under all counters: each is added to and read."""
    return sum(int(np.count_nonzero(keys[spec.by])) for spec in specs)
