"""Posts that come again: after a death, to another worker, under another policy."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from topics.decision import decode
from workers.counters import Counters, CountersUnavailable, MemoryStore, StaleEpoch
from workers.judge import Judge
from workers.metrics import Metrics
from workers.moderate import Moderator
from workers.policy import Policy
from workers.publishing import Row
from workers.signals import schema

DAY = 86_400_000
NOW = 1_790_000_000_000


def moderate(judge: Judge, records: list[Any]) -> dict[str, list[Row]]:
    return moderated(Moderator(judge, Metrics()), records)


def moderated(moderator: Moderator, records: list[Any]) -> dict[str, list[Row]]:
    outputs = asyncio.run(moderator.moderate({0: records}, {0: records[0].offset}))
    return outputs.rows[0]


def test_a_partition_that_comes_back_from_another_worker_is_counted_for_again(
    judge: Judge, record: Any, post_bytes: Any
) -> None:
    store = MemoryStore()
    first, second = (
        Moderator(Judge(judge.policy, judge.scorer, Counters(judge.policy.counters, store), Metrics()), Metrics())
        for _ in range(2)
    )
    for offset, owner in enumerate((first, second, first)):
        asyncio.run(owner.own([0]))
        (row,) = moderated(owner, [record(offset, post_bytes(offset))])["posts.allow"]
        assert not decode(row.value or b"").degraded
    with pytest.raises(StaleEpoch):
        moderated(second, [record(3, post_bytes(3))])


def test_a_redelivered_batch_with_other_bounds_gives_the_same_bytes(judge: Judge, record: Any, post_bytes: Any) -> None:
    text = "春季新品上架，手工羊毛围巾全场五折，前一百名下单再送手套，加微信 wool88 领券"
    author = {"created_at": NOW - DAY, "followers": 1}
    records = [record(number, post_bytes(number, text, author=author)) for number in range(60)]
    first = moderate(judge, records)
    again = [moderate(judge, records[:25]), moderate(judge, records[25:])]
    for topic, rows in first.items():
        assert [row for outputs in again for row in outputs.get(topic, [])] == rows
    readings = [decode(row.value or b"").signals for row in first["posts.block"]]
    assert readings


POLICY = """
version: "{version}"
counters:
  author_posts_1m: {{count: posts, by: author, window: 1m}}
rules:
  - {{name: many, when: author_posts_1m >= {threshold}, verdict: flag, category: flooding, reason: Many posts}}
"""


@pytest.fixture
def upgrade(tmp_path: Path, judge: Judge) -> tuple[Judge, Judge]:
    """A judge under an old policy and one under a new, with the same counters."""
    policies = []
    for version, threshold in (("old", 3), ("new", 5)):
        file = tmp_path / f"{version}.yaml"
        file.write_text(POLICY.format(version=version, threshold=threshold))
        policies.append(Policy.load(file, schema()))
    old, new = policies
    counters = Counters(old.counters, MemoryStore(), policy=old.digest)
    return (
        Judge(old, judge.scorer, counters, Metrics()),
        Judge(new, judge.scorer, counters.under(new.counters, new.digest), Metrics()),
    )


def by_offset(outputs: dict[str, list[Row]]) -> dict[int, bytes | None]:
    return {decode(row.value or b"").source.offset: row.value for rows in outputs.values() for row in rows}


def test_after_an_upgrade_a_redelivered_post_is_judged_under_the_policy_that_judged_it_first(
    upgrade: tuple[Judge, Judge], record: Any, post_bytes: Any
) -> None:
    old, new = upgrade
    records = [record(number, post_bytes(1)) for number in range(8)]
    first = by_offset(moderate(old, records[:6]))
    again = by_offset(moderated(Moderator(new, Metrics(), [old]), records))
    assert {offset: again[offset] for offset in first} == first
    decisions = [decode(again[offset] or b"") for offset in range(8)]
    assert [decision.policy for decision in decisions] == ["old"] * 6 + ["new"] * 2
    assert [decision.verdict for decision in decisions] == ["allow"] * 2 + ["flag"] * 6
    assert decisions[7].signals == {"author_posts_1m": 8}


def test_without_the_policy_of_before_it_is_judged_under_the_new_one_and_counted_as_such(
    upgrade: tuple[Judge, Judge], record: Any, post_bytes: Any
) -> None:
    old, new = upgrade
    records = [record(number, post_bytes(1)) for number in range(6)]
    moderate(old, records)
    metrics = Metrics()
    outputs = moderated(Moderator(new, metrics), records)
    decisions = [decode(value or b"") for _, value in sorted(by_offset(outputs).items())]
    assert [decision.verdict for decision in decisions] == ["allow"] * 4 + ["flag"] * 2
    assert metrics.registry.get_sample_value("sluicegate_redecided_posts_total") == 6


def test_counters_that_the_policy_of_before_missed_are_back_when_the_present_one_reads_them(
    tmp_path: Path, judge: Judge, record: Any, post_bytes: Any
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.format(version="1", threshold=3))
    policy, metrics = Policy.load(file, schema()), Metrics()

    class Silent(MemoryStore):
        async def apply(self, request: Any) -> Any:
            raise CountersUnavailable("no answer")

    for store, degraded in ((Silent(), 1), (MemoryStore(), 0)):
        its_judge = Judge(policy, judge.scorer, Counters(policy.counters, store), metrics)
        moderated(Moderator(its_judge, metrics), [record(0, post_bytes(1))])
        assert metrics.registry.get_sample_value("sluicegate_degraded") == degraded
