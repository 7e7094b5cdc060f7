"""Arrivals are a Poisson process, and delays count from when a post was due."""

from __future__ import annotations

import numpy as np
import pytest

from bench.arrivals import delays_ms, poisson
from bench.latency import joined
from bench.stage import PARTITIONS


def test_arrivals_come_as_often_as_asked_and_are_the_same_for_a_seed() -> None:
    due = poisson(1_000, 60, seed=1)
    assert len(due) == pytest.approx(60_000, rel=0.02)
    assert (due == poisson(1_000, 60, seed=1)).all()
    assert due[0] >= 0
    assert due[-1] <= 60


def test_gaps_between_arrivals_are_exponential() -> None:
    gaps = np.diff(poisson(1_000, 60, seed=2))
    assert (gaps >= 0).all()
    # Of an exponential distribution the mean and the deviation are the same, and 1 - 1/e are below them.
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)
    assert (gaps < gaps.mean()).mean() == pytest.approx(1 - 1 / np.e, abs=0.01)


def test_a_sender_that_is_held_up_hides_nothing() -> None:
    due = np.array([0.0, 0.1, 0.2])
    # All are sent and decided at 1.0: each has waited since it was due.
    assert delays_ms(due, np.full(3, 1.0)).tolist() == pytest.approx([1000, 900, 800])


def test_a_post_that_was_never_decided_is_no_figure() -> None:
    with pytest.raises(ValueError, match="1 of 2"):
        delays_ms(np.array([0.0, 0.1]), np.array([0.5, np.nan]))


def test_decisions_find_their_posts_by_partition_and_offset() -> None:
    sent = {str(number): np.array([10.0, 11.0]) + number for number in range(PARTITIONS)}
    # Decisions of a partition may be seen in any order of topics.
    seen = {f"offset-{number}": np.array([101, 100]) for number in range(PARTITIONS)}
    seen |= {f"time-{number}": np.array([11.5, 10.25]) + number for number in range(PARTITIONS)}
    assert joined(sent, seen, [100] * PARTITIONS).tolist() == pytest.approx([250, 500] * PARTITIONS)
