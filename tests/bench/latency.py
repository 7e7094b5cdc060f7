"""latency.*: from when a post was due to when its decision can be read, at half load and when nearly idle."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.arrivals import delays_ms, poisson
from bench.clock import cpu_seconds
from bench.pipeline import FILES, POSTS
from bench.policies import written
from bench.posts import SEED, payloads, post_file
from bench.stage import PARTITIONS, Kind, Progress, Stage, fill, measure
from deploy import kafka
from deploy.processes import Service, ServiceError

# How many of the posts are decided as fast as they can be, to learn how fast that is.
BACKLOG, FROM, TO = 200_000, 60_000, 190_000
SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
IDLE_RATE, IDLE_SECONDS = 10.0, min(20.0, SECONDS)
LOAD = 0.5
PATIENCE_SECONDS = 120.0
SETTLE_SECONDS = 3.0
# The embedded broker answers a fetch that waits only at its end, which would count as the worker's time; Apache Kafka
# at once, and asking it all the time would take processor time from those who are measured.
FETCH_WAIT_MS: Mapping[Kind, int] = {"kafka": 250, "embedded": 10}


def run() -> dict[str, float]:
    """Measure: on Apache Kafka, where it was fetched, and on the embedded broker."""
    found: dict[str, float] = {}
    if kafka.fetched():
        found |= {f"latency.kafka.{name}": value for name, value in asyncio.run(_latency("kafka")).items()}
        found |= {f"latency.{name}": found[f"latency.kafka.{name}"] for name in ("p50_ms", "p99_ms", "idle_p99_ms")}
    else:
        print(f"latency on Apache Kafka is left out: {kafka.HOW_TO}", file=sys.stderr)
    found |= {f"latency.embedded.{name}": value for name, value in asyncio.run(_latency("embedded")).items()}
    return found


async def _latency(kind: Kind) -> dict[str, float]:
    with Stage(kind) as stage:
        backlog = await fill(stage.kafka, islice(payloads(FILES, POSTS), BACKLOG))
        async with Progress(stage.kafka) as progress:
            worker = stage.start_worker(policy=written(stage.folder / "policy"))
            posts, seconds, _ = await measure(progress, [worker], FROM, TO)
            await progress.until(backlog, [worker])
            rate = LOAD * posts / seconds
            loaded, busy = await asyncio.to_thread(_delays, stage, worker, await progress.offsets(), rate, SECONDS)
            idle, _ = await asyncio.to_thread(_delays, stage, worker, await progress.offsets(), IDLE_RATE, IDLE_SECONDS)
        stage.stop(worker)
    return {
        "posts_per_second": rate,
        **{f"{name}_cores": cores for name, cores in busy.items()},
        **{f"p{share}_ms": float(np.percentile(loaded, share)) for share in (50, 99)},
        **{f"idle_p{share}_ms": float(np.percentile(idle, share)) for share in (50, 99)},
    }


def _delays(
    stage: Stage, worker: Service, first: list[int], rate: float, seconds: float
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Milliseconds of each post sent at this rate, from these offsets on, while nobody else sends; cores kept busy."""
    sent, seen, ready = (stage.folder / name for name in ("sent.npz", "seen.npz", "ready"))
    ready.unlink(missing_ok=True)
    posts = len(poisson(rate, seconds, SEED))
    reader = stage.start_program(
        "reader", "--first", json.dumps(first), "--posts", str(posts), "--ready", str(ready), "--out", str(seen),
        "--fetch-wait-ms", str(FETCH_WAIT_MS[stage.kind]),
    )  # fmt: skip
    for _ in range(int(PATIENCE_SECONDS / 0.05)):
        if ready.exists():
            break
        time.sleep(0.05)
    feeder = stage.start_program(
        "feeder", "--rate", str(rate), "--seconds", str(seconds), "--posts", str(post_file(FILES, POSTS).resolve()),
        "--out", str(sent),
    )  # fmt: skip
    services = {"worker": worker, "broker": stage.broker, "valkey": stage.valkey, "reader": reader, "feeder": feeder}
    time.sleep(SETTLE_SECONDS)
    before = {name: cpu_seconds(service.process.pid) for name, service in services.items()}
    time.sleep(seconds - SETTLE_SECONDS)
    busy = {
        name: (cpu_seconds(of.process.pid) - before[name]) / (seconds - SETTLE_SECONDS) for name, of in services.items()
    }
    for program in (feeder, reader):
        try:
            status = program.process.wait(seconds + PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise ServiceError(f"not all posts were decided in time: {program.last_lines()}") from None
        stage.stop(program)
        if status:
            raise ServiceError(f"{program.name} ended: {program.last_lines()}")
    return joined(np.load(sent), np.load(seen), first), busy


def joined(sent: Mapping[str, NDArray[Any]], seen: Mapping[str, NDArray[Any]], first: list[int]) -> NDArray[np.float64]:
    """Delays, out of when posts of each partition were due and when decisions were seen."""
    found = []
    for number in range(PARTITIONS):
        due = sent[str(number)]
        times = np.full(len(due), np.nan)
        times[seen[f"offset-{number}"].astype(np.int64) - first[number]] = seen[f"time-{number}"]
        found.append(delays_ms(due, times))
    return np.concatenate(found)
