"""scale.*: two workers in one group against one."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bench.figures import CORES_TO_SPARE
from bench.pipeline import FILES
from bench.policies import written
from bench.posts import payloads
from bench.stage import Progress, Stage, fill, measure
from deploy.processes import ServiceError

POSTS = 400_000
# The group may be joined one after the other: by then it has settled.
FROM, TO = 120_000, 390_000
LEAST_SHARE = 0.25


def run() -> dict[str, float]:
    """Measure."""
    with Stage() as stage:
        asyncio.run(fill(stage.kafka, payloads(FILES, POSTS)))
        policy = written(stage.folder / "policy")
        one_cpu, one_wall = asyncio.run(_rate(stage, 1, policy))
        two_cpu, two_wall = asyncio.run(_rate(stage, 2, policy))
    return {
        "scale.two_workers": two_wall / one_wall if CORES_TO_SPARE else two_cpu / one_cpu,
        "scale.cpu_of_two_over_one": two_cpu / one_cpu,
        "scale.posts_per_second_of_two_over_one": two_wall / one_wall,
    }


async def _rate(stage: Stage, number: int, policy: Path) -> tuple[float, float]:
    """CPU seconds a post of so many workers together, and posts a second by the clock."""
    group = f"{number}-workers"
    async with Progress(stage.kafka, group) as progress:
        workers = [stage.start_worker(group=group, policy=policy) for _ in range(number)]
        if CORES_TO_SPARE:
            for core, worker in enumerate(workers):
                os.sched_setaffinity(worker.process.pid, {core})
        try:
            posts, seconds, cpu = await measure(progress, workers, FROM, TO)
        finally:
            for worker in workers:
                stage.stop(worker)
    if min(cpu) < LEAST_SHARE * sum(cpu):
        raise ServiceError(f"the workers did not share the work: {cpu} CPU seconds")
    return sum(cpu) / posts, posts / seconds
