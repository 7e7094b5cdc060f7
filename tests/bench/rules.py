"""rules.*: the padded policy over frames of signals as posts have them."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import polars as pl

from bench.clock import seconds_each
from bench.policies import RULES, loaded
from bench.posts import batches, sound_posts
from models.scorer import Scorer
from workers.batch import Batch
from workers.counters import Counters, MemoryStore
from workers.judge import Judge
from workers.metrics import Metrics
from workers.policy import Policy

ROWS = 1_000
FRAMES = 8


def run() -> dict[str, float]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        policy = loaded(Path(folder))
    frames = asyncio.run(measured(policy, FRAMES))

    def decide_all() -> None:
        for frame in frames:
            policy.decide(frame)

    each = seconds_each(decide_all)
    return {"rules.evaluations_per_second": RULES * sum(map(len, frames)) / each}


async def measured(policy: Policy, frames: int) -> list[pl.DataFrame]:
    """Frames of all that the policy's rules name, counters included, for ROWS simulated posts each."""
    judge = Judge(policy, Scorer.load(), Counters(policy.counters, MemoryStore()), Metrics())
    found: list[pl.DataFrame] = []
    first = 0
    for chunk in batches(sound_posts(ROWS * frames + 200), ROWS):
        if len(chunk) == ROWS and len(found) < frames:
            found.append((await judge.judge(Batch.offline(chunk, first))).frame)
            first += len(chunk)
    return found
