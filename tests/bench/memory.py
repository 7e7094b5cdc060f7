"""memory.*: what a worker holds after two million posts, and how much more than after one."""

from __future__ import annotations

import asyncio
from statistics import mean

from bench.clock import resident_bytes
from bench.pipeline import FILES
from bench.policies import written
from bench.posts import payloads
from bench.stage import Progress, Stage, fill

MILLION = 1_000_000
POSTS = 2 * MILLION
# A batch more or less under way is some megabytes, so a figure is the mean over the posts before it.
OVER, SAMPLES = 100_000, 10


def run() -> dict[str, float]:
    """Measure."""
    first, second = asyncio.run(_resident())
    return {"memory.worker_mb": second / (1 << 20), "memory.growth": second / first - 1}


async def _resident() -> tuple[float, float]:
    with Stage() as stage:
        await fill(stage.kafka, payloads(FILES, POSTS))
        async with Progress(stage.kafka) as progress:
            worker = stage.start_worker(policy=written(stage.folder / "policy"))
            means = []
            for end in (MILLION, POSTS - OVER // SAMPLES):
                samples = []
                for part in range(SAMPLES):
                    await progress.until(end - OVER + part * OVER // SAMPLES, [worker])
                    samples.append(resident_bytes(worker.process.pid))
                means.append(mean(samples))
            stage.stop(worker)
    return means[0], means[1]
