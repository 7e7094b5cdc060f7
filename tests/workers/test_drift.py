"""Scores in Prometheus: their histogram, and drift that is told when there is something to tell."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from models.drift import BINS, LEAST_POSTS, Reference, binned, read_references
from models.registry import SHIPPED
from topics.reading import read_posts
from workers.batch import Batch
from workers.cli.models import command
from workers.cli.score import command as score
from workers.drift import HALF_LIFE_POSTS, Scores
from workers.judge import Judge
from workers.simulator import Simulator
from workers.values import Values

ORDINARY, ODD = np.random.default_rng(1).beta(1, 9, 8_000), np.random.default_rng(2).beta(2, 3, 8_000)
REFERENCE = {"abuse": Reference("1", "ordinary", binned(np.random.default_rng(3).beta(1, 9, 50_000)).tolist())}


def columns(scores: np.ndarray) -> dict[str, Values]:
    return {"abuse": Values(scores.astype(np.float32)), "other": Values(np.zeros(len(scores)))}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def scores(registry: CollectorRegistry) -> Scores:
    made = Scores(registry)
    assert made.compare({"abuse": "1"}, REFERENCE) == []
    return made


def test_scores_are_a_histogram_that_prometheus_can_read(registry: CollectorRegistry, scores: Scores) -> None:
    for part in np.split(ORDINARY, 8):
        scores.observe(columns(part))
    value = registry.get_sample_value
    assert value("sluicegate_score_count", {"model": "abuse"}) == 8_000
    assert (
        value("sluicegate_score_bucket", {"model": "abuse", "le": "0.1"})
        == (ORDINARY.astype(np.float32) <= np.float32(0.1)).sum()
    )
    assert value("sluicegate_score_sum", {"model": "abuse"}) == pytest.approx(ORDINARY.sum(), rel=1e-3)


def test_more_of_the_same_is_steady_and_something_else_has_shifted(registry: CollectorRegistry, scores: Scores) -> None:
    scores.observe(columns(ORDINARY))
    assert (registry.get_sample_value("sluicegate_score_drift", {"model": "abuse"}) or 9) < 0.05
    scores.observe(columns(ODD))
    assert (registry.get_sample_value("sluicegate_score_drift", {"model": "abuse"}) or 0) > 0.25


def test_what_was_odd_long_ago_is_forgotten(scores: Scores) -> None:
    scores.observe(columns(ODD))
    for _ in range(10 * HALF_LIFE_POSTS // len(ORDINARY)):
        scores.observe(columns(ORDINARY))
    assert (scores.drift("abuse") or 9) < 0.05


def test_few_posts_tell_no_drift(scores: Scores) -> None:
    scores.observe(columns(ODD[: LEAST_POSTS - 1]))
    assert scores.drift("abuse") is None


def test_a_version_without_a_reference_is_named_and_tells_no_drift() -> None:
    scores = Scores(CollectorRegistry())
    assert scores.compare({"abuse": "2", "marketing": "1"}, REFERENCE) == ["abuse", "marketing"]
    scores.observe(columns(ODD) | {"marketing": Values(np.full(len(ODD), 0.5))})
    assert scores.drift("abuse") is None


def test_another_day_of_the_simulated_platform_has_not_drifted(judge: Judge) -> None:
    scores = Scores(CollectorRegistry())
    scores.compare(judge.scorer.versions, read_references(SHIPPED))
    payloads = [value for _, value, truth in Simulator(99, 20_000).lines() if truth != "malformed"]
    posts = [post for post in read_posts(payloads)[0] if post]
    scores.observe(asyncio.run(judge.judge(Batch.offline(posts))).columns)
    for model in judge.scorer.names:
        assert (scores.drift(model) or 9) < 0.1, model


def test_a_reference_is_measured_on_posts_of_one_s_own(tmp_path: Path) -> None:
    folder, posts = tmp_path / "models", tmp_path / "day.jsonl"
    shutil.copytree(SHIPPED, folder)
    lines = [json.dumps({"text": f"今天第{number}次下雨"}) for number in range(LEAST_POSTS)]
    posts.write_text("\n".join([*lines, "{", ""]), "utf-8-sig")
    done = CliRunner().invoke(command, ["reference", str(posts), "--registry", str(folder)])
    assert done.exit_code == 0, done.output
    assert "1,000 posts (1 lines were none)" in done.output
    kept = read_references(folder)
    assert {reference.posts for reference in kept.values()} == {"day.jsonl"}
    assert all(sum(reference.counts) == LEAST_POSTS and len(reference.counts) == BINS for reference in kept.values())


def test_a_reference_is_measured_on_what_is_scored(tmp_path: Path) -> None:
    folder, posts = tmp_path / "models", tmp_path / "day.jsonl"
    shutil.copytree(SHIPPED, folder)
    line = json.dumps({"text": "晚上好呀", "nick": "同城上门服务看主页加微信"})
    posts.write_text(f"{line}\n" * LEAST_POSTS)
    assert CliRunner().invoke(command, ["reference", str(posts), "--registry", str(folder)]).exit_code == 0
    scored = json.loads(CliRunner().invoke(score, ["-"], input=line).output)["scores"]["solicitation"]
    assert read_references(folder)["solicitation"].counts == (LEAST_POSTS * binned(np.array([scored]))).tolist()


def test_a_reference_of_too_few_posts_is_refused(tmp_path: Path) -> None:
    posts = tmp_path / "few.jsonl"
    posts.write_text('{"text": "x"}\n')
    done = CliRunner().invoke(command, ["reference", str(posts)])
    assert done.exit_code == 1
    assert "at least 1,000" in done.output
