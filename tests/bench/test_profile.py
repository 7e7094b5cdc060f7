"""Time is laid at the right door."""

from __future__ import annotations

import pytest

from bench.profile import EXPLAIN, LOOP, stage_of
from bench.stage import ROOT


def files(*names: str) -> list[str]:
    return [name if name.startswith("/") else f"{ROOT}/{name}" for name in names]


@pytest.mark.parametrize(
    ("stack", "stage"),
    [
        (files("models/folding.py", "workers/batch.py", "workers/judge.py"), "folding"),
        (files("/usr/lib/re.py", "workers/signals/links.py", "workers/judge.py"), "other_signals"),
        (files("models/folding.py", "workers/signals/terms.py", "workers/explaining.py"), EXPLAIN),
        (files(".venv/lib/redis/client.py", "workers/counters/redis.py", "workers/judge.py"), "counters_client"),
        (files(".venv/lib/hiredis.py", "/usr/lib/asyncio/events.py"), LOOP),
        (
            files(
                "workers/judge.py",
            ),
            "joining",
        ),
    ],
)
def test_a_sample_belongs_to_the_innermost_stage_and_what_explaining_calls_to_explaining(
    stack: list[str], stage: str
) -> None:
    assert stage_of(stack) == stage
