"""pipeline.*: the whole worker, beside an idiomatic one and one that passes bytes on unread."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

from bench.policies import written
from bench.posts import payloads
from bench.stage import OURS, Progress, Stage, fill, measure

POSTS = 240_000
# Of a run's posts, the first are decided while caches fill, and the last batches are small.
FROM, TO = 60_000, 230_000
IDIOMATIC_FROM, IDIOMATIC_SECONDS = 300, 12.0
WORKER_ARGUMENTS = ("worker", "--loglevel=error", "--without-web")
PASSTHROUGH = ("-m", "bench.passthrough", *WORKER_ARGUMENTS)
IDIOMATIC = ("-m", "bench.idiomatic", *WORKER_ARGUMENTS)
FILES = Path("build/bench")


class Rate(NamedTuple):
    """What a worker took: CPU seconds a post, of its process and of Valkey's; posts a second by the clock."""

    cpu: float
    valkey: float
    wall: float


def run() -> dict[str, float]:
    """Measure."""
    with Stage() as stage:
        asyncio.run(fill(stage.kafka, payloads(FILES, POSTS)))
        policy = written(stage.folder / "policy")
        ours = asyncio.run(rate(stage, OURS, "ours", policy, FROM, TO))
        limit = asyncio.run(rate(stage, PASSTHROUGH, "passthrough", policy, FROM, TO))
        idiomatic = asyncio.run(rate(stage, IDIOMATIC, "idiomatic", policy, IDIOMATIC_FROM, TO, IDIOMATIC_SECONDS))
    return {
        "pipeline.ratio_to_idiomatic": idiomatic.cpu / ours.cpu,
        "pipeline.posts_per_second_per_core": 1 / ours.cpu,
        "pipeline.share_of_limit": limit.cpu / ours.cpu,
        "pipeline.idiomatic_posts_per_second_per_core": 1 / idiomatic.cpu,
        "pipeline.limit_posts_per_second_per_core": 1 / limit.cpu,
        "pipeline.posts_per_second": ours.wall,
        "pipeline.valkey_us_per_post": ours.valkey * 1e6,
    }


async def rate(
    stage: Stage,
    command: tuple[str, ...],
    group: str,
    policy: Path,
    first: int,
    last: int,
    seconds: float | None = None,
) -> Rate:
    """Start a worker on the posts that wait; measure it from its `first` post decided to its `last`."""
    async with Progress(stage.kafka, group) as progress:
        worker = stage.start_worker(command, group, policy)
        try:
            posts, passed, (own, valkey) = await measure(progress, [worker], first, last, seconds, [stage.valkey])
        finally:
            stage.stop(worker)
    return Rate(own / posts, valkey / posts, posts / passed)
