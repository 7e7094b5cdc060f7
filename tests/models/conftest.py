from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.scorer import Scorer


@pytest.fixture(scope="session")
def sets() -> Path:
    """The folder of published sets that SLUICEGATE_DATA names; without it the test is skipped."""
    named = os.environ.get("SLUICEGATE_DATA")
    if not named or not (Path(named) / "cold-train.jsonl").is_file():
        pytest.skip("needs the folder of published sets: set SLUICEGATE_DATA=DIR")
    return Path(named)


@pytest.fixture(scope="session")
def scorer() -> Scorer:
    """The shipped models."""
    return Scorer.load()
