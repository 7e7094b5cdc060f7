"""The short form of `make chaos`: one fault of every kind under load, and a rolling upgrade among them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from chaos.report import report
from chaos.run import run
from chaos.schedule import SHORT

from deploy import kafka

POSTS = 50_000
SEED = 2026
EXACT, BROKEN = (phase.name for phase in SHORT)

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]


@pytest.mark.skipif(not kafka.fetched(), reason=f"needs Apache Kafka: {kafka.HOW_TO}")
def test_nothing_is_lost_doubled_or_miscounted_whatever_breaks(tmp_path: Path) -> None:
    outcome = asyncio.run(run(tmp_path, seed=SEED, posts=POSTS, rate=1_500, phases=SHORT))
    print(report(outcome))
    assert outcome.findings == []
    exact, broken = outcome.verdicts[EXACT].figures, outcome.verdicts[BROKEN].figures
    assert broken["posts"] >= POSTS
    assert exact["degraded"] == 0
    # The faults were real: both policies decided, Valkey was missed, dead letters were among the posts.
    assert min(broken["policy chaos-1"], broken["policy chaos-2"], broken["degraded"], broken["dead"]) > 0
