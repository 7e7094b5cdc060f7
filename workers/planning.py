"""How many cores, partitions and Redis shards a number of posts a second needs, from what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from math import ceil
from typing import Annotated, Final

from msgspec import Meta, Struct, json

LOAD: Final = 0.5
"""Share of the most they can do that workers and Redis are planned for: latency is measured at it, and the rest takes
peaks, failures and backlogs."""
LEAST_PARTITIONS: Final = 12
PARTITIONS_A_WORKER: Final = 2
Microseconds = Annotated[float, Meta(gt=0)]


class Figures(Struct, frozen=True, kw_only=True):
    """What `make bench` measured, with the default policy padded to 50 rules and 1,000 terms, at full speed.

    Attributes:
        worker_us: processor of a worker's process, microseconds a post.
        redis_us: processor of Redis (Valkey), microseconds a post.
        worker_mb: memory of a worker, MiB.
        machine, date, commit: where, when and on what it was measured.
    """

    worker_us: Microseconds
    redis_us: Microseconds
    worker_mb: Annotated[float, Meta(gt=0)]
    machine: str
    date: str
    commit: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is needed.

    Attributes:
        worker_cores: cores for workers; a worker is one process and uses one.
        partitions: of `posts` and its outputs: as many for each worker, and some for more workers later.
        redis_shards: cores of Redis, which uses one a process.
        worker_mb: memory of all workers, MiB.
    """

    posts_per_second: float
    load: float
    worker_cores: int
    partitions: int
    redis_shards: int
    worker_mb: float
    worker_arithmetic: str
    partitions_arithmetic: str
    redis_arithmetic: str


def shipped_figures() -> Figures:
    """The figures that came with this version."""
    return json.decode(resources.files("workers").joinpath("figures.json").read_bytes(), type=Figures)


def plan(posts_per_second: float, figures: Figures, load: float = LOAD) -> Plan:
    """What so many posts a second need when they are to be this share (0 to 1) of the most that can be done."""
    workers, worker_arithmetic = _cores(posts_per_second, figures.worker_us, load)
    shards, redis_arithmetic = _cores(posts_per_second, figures.redis_us, load)
    each = max(PARTITIONS_A_WORKER, ceil(LEAST_PARTITIONS / workers))
    plural = "" if workers == 1 else "s"
    return Plan(
        posts_per_second=posts_per_second,
        load=load,
        worker_cores=workers,
        partitions=workers * each,
        redis_shards=shards,
        worker_mb=workers * figures.worker_mb,
        worker_arithmetic=worker_arithmetic,
        partitions_arithmetic=f"{workers:,} worker{plural} x {each}, the same for each and at least {LEAST_PARTITIONS}",
        redis_arithmetic=redis_arithmetic,
    )


def _cores(posts_per_second: float, microseconds: float, load: float) -> tuple[int, str]:
    full_speed = posts_per_second * microseconds / 1e6
    arithmetic = f"{posts_per_second:,.0f} x {microseconds:.1f} µs = {full_speed:,.2f} at full speed; / {load:g}"
    return max(1, ceil(full_speed / load)), arithmetic
