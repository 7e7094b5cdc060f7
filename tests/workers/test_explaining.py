"""Pieces of a stopped post: of what its fired rules name, and of nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from topics.decision import Span, decode
from workers.counters import Counters, MemoryStore
from workers.judge import Judge
from workers.metrics import Metrics
from workers.moderate import Moderator
from workers.policy import Policy
from workers.signals import schema

POLICY = """
version: "1"
terms: {cats: [猫咪], dogs: [狗狗]}
rules:
  - {name: cats, when: terms_cats > 0, verdict: block, category: cats, reason: Cats}
  - {name: sold, when: solicitation > 0.5, verdict: flag, category: offers, reason: Sold}
  - {name: dogs, when: terms_dogs > 0 AND kind = 'comment', verdict: allow, category: dogs, reason: Dogs}
  - {name: busy, when: followers > 1000, verdict: flag, category: busy, reason: Busy}
"""
OFFER = "同城可约，上门服务，加微信 vx8899 看照片"


@pytest.fixture
def policy_judge(tmp_path: Path, judge: Judge) -> Judge:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    policy = Policy.load(file, schema())
    return Judge(policy, judge.scorer, Counters(policy.counters, MemoryStore()), Metrics())


def test_a_post_is_explained_by_the_models_and_terms_that_its_fired_rules_name(
    policy_judge: Judge, record: Any, post_bytes: Any
) -> None:
    values = [
        post_bytes(0, "狗狗很可爱", kind="comment"),
        post_bytes(1, "今天猫咪和狗狗在家"),
        post_bytes(2, f"狗狗 {OFFER}"),
        post_bytes(3, "今天天气很好", author={"followers": 5_000}),
        post_bytes(4, f"{OFFER} 猫咪"),
    ]
    records = [record(offset, value) for offset, value in enumerate(values)]
    outputs = asyncio.run(Moderator(policy_judge, Metrics()).moderate({0: records}, {0: 0})).rows[0]
    decisions = {
        decision.source.offset: decision
        for rows in outputs.values()
        for row in rows
        if (decision := decode(row.value or b""))
    }
    assert [decisions[offset].verdict for offset in range(5)] == ["allow", "block", "flag", "flag", "block"]
    assert decisions[1].spans == [Span("text", 2, 4, "terms_cats", 1.0)]
    assert decisions[3].spans == []
    *pieces, cat = decisions[4].spans
    assert cat == Span("text", len(OFFER) + 1, len(OFFER) + 3, "terms_cats", 1.0)
    for found, start in ((decisions[2].spans, len("狗狗 ")), (pieces, 0)):
        assert 1 <= len(found) <= 3
        assert {piece.model for piece in found} == {"solicitation"}
        assert all(start <= piece.start < piece.end <= start + len(OFFER) for piece in found)
        weights = [piece.weight for piece in found]
        assert weights == sorted(weights, reverse=True)
        assert weights[-1] > 0
