"""counters.*: the default policy's counters in one Valkey, client side included."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import numpy as np

from bench.clock import cpu_seconds
from bench.policies import loaded
from bench.posts import BATCH, batches, sound_posts
from deploy.embedded import start_valkey
from models.scorer import Scorer
from workers.batch import Batch, Part
from workers.campaigns.campaigns import DEFAULT_SCOPE, Guard, find
from workers.campaigns.evidence import texts_of
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
    store = RedisStore(url, "bench", TIMEOUT_SECONDS)
    names = {spec.by for spec in specs} | {spec.of for spec in specs if spec.kind == "distinct"}
    posts = [Batch.offline(chunk, number * BATCH) for number, chunk in enumerate(batches(sound_posts(POSTS)))]
    texts = [texts_of(batch, signals.measure(batch)) for batch in posts]
    # Finding campaigns is measured by itself: what it finds is one of the keys that are counted.
    process = os.getpid()
    before = cpu_seconds(process), cpu_seconds(valkey)
    found = [
        await find(store, DEFAULT_SCOPE, Guard("campaigns", 3_600, 1, first), batch.offsets, alike, 3_600)
        for batch, alike in zip(posts, texts, strict=True)
        for first in [int(batch.offsets[0])]
    ]
    finding = cpu_seconds(process) - before[0] + cpu_seconds(valkey) - before[1]
    counters = Counters(specs, store)
    batch_keys = [
        (batch.times, {**signals.keys(batch, names - {"campaign"}), "campaign": campaigns.ids})
        for batch, campaigns in zip(posts, found, strict=True)
    ]
    offset = 0
    for number, (times, keys) in enumerate(batch_keys):
        if number == WARM_BATCHES:
            start, first = (cpu_seconds(process), cpu_seconds(valkey)), offset
        await counters.apply([Part(0, offset, 0, len(times))], np.arange(offset, offset + len(times)), times, keys)
        offset += len(times)
    own, there = cpu_seconds(process) - start[0], cpu_seconds(valkey) - start[1]
    counted = sum(keys_in(specs, keys) for _, keys in batch_keys[WARM_BATCHES:])
    measured = offset - first
    return {
        "counters.keys_per_second": counted / (own + there),
        "counters.client_us_per_post": own / measured * 1e6,
        "counters.valkey_us_per_post": there / measured * 1e6,
        "counters.campaigns_us_per_post": finding / POSTS * 1e6,
        "counters.keys_per_post": counted / measured,
    }


def keys_in(specs: tuple[CounterSpec, ...], keys: Keys) -> int:
    """How many keys the posts have under all counters: each is added to and read."""
    return sum(int(np.count_nonzero(keys[spec.by])) for spec in specs)
