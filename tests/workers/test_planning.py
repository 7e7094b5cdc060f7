"""Reckoning what a number of posts a second needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.planning import LEAST_PARTITIONS, Figures, plan, shipped_figures

FIGURES = Figures(worker_us=20, redis_us=8, worker_mb=400, machine="m", date="2026-11-25", commit="c")


def test_half_of_a_core_is_left_to_spare() -> None:
    needed = plan(100_000, FIGURES)
    # 100,000 x 20 µs are two cores at full speed, 100,000 x 8 µs are 0.8.
    assert (needed.worker_cores, needed.redis_shards, needed.worker_mb) == (4, 2, 1600)


def test_what_is_to_spare_can_be_chosen() -> None:
    assert plan(100_000, FIGURES, load=1).worker_cores == 2
    assert plan(100_000, FIGURES, load=0.1).worker_cores == 20


def test_the_smallest_stream_needs_one_of_each() -> None:
    needed = plan(1, FIGURES)
    assert (needed.worker_cores, needed.redis_shards, needed.partitions) == (1, 1, LEAST_PARTITIONS)


@given(st.floats(1, 1e9), st.floats(0.01, 1))
def test_every_worker_has_as_many_partitions_and_there_is_room_for_more_workers(posts: float, load: float) -> None:
    needed = plan(posts, FIGURES, load)
    assert needed.partitions % needed.worker_cores == 0
    assert needed.partitions >= max(LEAST_PARTITIONS, 2 * needed.worker_cores)


@given(st.floats(1, 1e9), st.floats(1, 1e9))
def test_more_posts_never_need_less(one: float, other: float) -> None:
    less, more = plan(min(one, other), FIGURES), plan(max(one, other), FIGURES)
    assert less.worker_cores <= more.worker_cores
    assert less.redis_shards <= more.redis_shards


def test_the_arithmetic_is_told() -> None:
    assert plan(100_000, FIGURES).worker_arithmetic == "100,000 x 20.0 µs = 2.00 at full speed; / 0.5"


def test_figures_are_shipped_that_say_where_they_are_from() -> None:
    figures = shipped_figures()
    assert figures.machine
    assert figures.commit
    assert figures.worker_us == pytest.approx(30, rel=0.9)
