"""Half load for a while: memory, file descriptors and lag must not grow."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from chaos.stage import Stage
from workers.policy import DEFAULT

WARM_UP_POSTS = 20_000
BURST_POSTS = 40_000
SAMPLE_SECONDS = 10.0
# Of the samples, the share that shows a process still filling its caches.
WARMING = 0.25
MOST_GROWTH = 1.1
MOST_DESCRIPTORS = 10
LAG_SECONDS = 5.0


@dataclass(frozen=True)
class Sample:
    """seconds since the load began; of all workers: megabytes resident, descriptors open; posts that wait."""

    seconds: float
    megabytes: float
    descriptors: int
    lag: int


@dataclass(frozen=True)
class Soaked:
    """What a soak showed. capacity, rate: posts a second."""

    capacity: float
    rate: float
    posts: int
    samples: list[Sample]

    def figures(self) -> dict[str, tuple[float, float]]:
        """Mean of the first and of the last third after the warm-up, for each thing measured."""
        steady = self.samples[int(len(self.samples) * WARMING) :]
        third = max(1, len(steady) // 3)
        first, last = steady[:third], steady[-third:]
        return {
            "memory, MB": (mean(s.megabytes for s in first), mean(s.megabytes for s in last)),
            "descriptors": (mean(s.descriptors for s in first), mean(s.descriptors for s in last)),
            "lag, posts": (mean(s.lag for s in first), mean(s.lag for s in last)),
        }

    def problems(self) -> list[str]:
        """What is not flat."""
        (memory, memory_end), (open_, open_end), (_, lag_end) = self.figures().values()
        found = []
        if memory_end > memory * MOST_GROWTH:
            found.append(f"memory grew from {memory:.0f} to {memory_end:.0f} MB")
        if open_end > open_ + MOST_DESCRIPTORS:
            found.append(f"descriptors grew from {open_:.0f} to {open_end:.0f}")
        if lag_end > LAG_SECONDS * self.rate:
            found.append(f"{lag_end:.0f} posts wait in the end")
        return found


async def soak(folder: Path, seconds: float, workers: int = 2) -> Soaked:
    """Measure how much the workers take, then send half of it for so long.

    Raises:
        ServiceError: something did not start, or the posts stopped being decided.
    """
    async with Stage(folder, 1, None, workers, {"POLICY": str(DEFAULT)}) as stage:
        await stage.feed.play(WARM_UP_POSTS)
        await stage.drained()
        began = time.monotonic()
        await stage.feed.play(BURST_POSTS)
        await stage.drained()
        capacity = BURST_POSTS / (time.monotonic() - began)
        rate = capacity / 2
        stage.timeline.note(f"{capacity:.0f} posts/s at most, now {rate:.0f} posts/s for {seconds:.0f} s")
        began, before = time.monotonic(), stage.feed.sent
        playing = asyncio.create_task(stage.feed.play(int(rate * seconds), lambda: rate))
        samples: list[Sample] = []
        try:
            while not playing.done():
                await asyncio.sleep(SAMPLE_SECONDS)
                samples.append(await _sample(stage, time.monotonic() - began))
                stage.timeline.note(str(samples[-1]))
            await playing
        finally:
            playing.cancel()
        return Soaked(capacity, rate, stage.feed.sent - before, samples)


async def _sample(stage: Stage, seconds: float) -> Sample:
    places = [Path("/proc") / str(stage.fleet.pid(number)) for number in stage.fleet.numbers]
    kilobytes = 0
    for place in places:
        resident = next(line for line in (place / "status").read_text().splitlines() if line.startswith("VmRSS"))
        kilobytes += int(resident.split()[1])
    descriptors = sum(len(list((place / "fd").iterdir())) for place in places)
    return Sample(round(seconds), round(kilobytes / 1_024, 1), descriptors, await stage.behind())
