"""The idiomatic baseline is worth comparing with: it decides as the worker does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench.a_post_at_a_time import PostAtATime
from bench.offline import TIMEOUT_SECONDS
from bench.policies import loaded
from bench.posts import batches, sound_posts
from bench.python_rules import NULL, python
from models.scorer import Scorer
from workers.batch import Batch
from workers.counters import Counters, RedisStore
from workers.judge import Judge
from workers.metrics import Metrics
from workers.policy.rules import VERDICTS

POSTS = 1_500


def test_the_idiomatic_worker_fires_the_same_rules_on_every_post(valkey: str, tmp_path: Path) -> None:
    policy = loaded(tmp_path)
    posts = sound_posts(20_000)[-POSTS:]

    async def by_column() -> list[tuple[str, list[str]]]:
        judge = Judge(
            policy, Scorer.load(), Counters(policy.counters, RedisStore(valkey, "columns", TIMEOUT_SECONDS)), Metrics()
        )
        found, first = [], 0
        for chunk in batches(posts, 500):
            verdicts = (await judge.judge(Batch.offline(chunk, first))).verdicts
            first += len(chunk)
            for row, verdict in enumerate(verdicts.verdict.tolist()):
                found.append((VERDICTS[verdict], [policy.rules[rule].name for rule in verdicts.fired.get(row, ())]))
        return found

    async def one_by_one() -> list[tuple[str, list[str]]]:
        judge = PostAtATime(policy, valkey, "one-by-one")
        outcomes = [await judge.decide(post, post.created_at) for post in posts]
        await judge.close()
        return [(outcome.verdict, [rule.name for rule in outcome.fired]) for outcome in outcomes]

    wanted, got = asyncio.run(by_column()), asyncio.run(one_by_one())
    assert got == wanted
    assert {verdict for verdict, _ in wanted} == set(VERDICTS)


@pytest.mark.parametrize(
    ("when", "signals", "fires"),
    [
        ("a >= 1 AND b < 2", {"a": 1, "b": 1.5}, True),
        ("a >= 1 OR b < 2", {"a": NULL, "b": 1.5}, True),
        ("a <= b * 0.5", {"a": 1, "b": NULL}, False),
        ("a <> 'x'", {"a": NULL}, False),
        ("a IS NULL", {"a": NULL}, True),
        ("a IS NOT NULL", {"a": NULL}, False),
        ("a NOT IN ('x', 'y')", {"a": "z"}, True),
        ("a NOT IN ('x', 'y')", {"a": NULL}, False),
        ("a >= CASE WHEN b = 'm' THEN 3 ELSE 1 END", {"a": 2, "b": "m"}, False),
        ("a >= CASE WHEN b = 'm' THEN 3 ELSE 1 END", {"a": 2, "b": "p"}, True),
    ],
)
def test_a_condition_means_in_python_what_it_means_in_sql(when: str, signals: dict[str, object], fires: bool) -> None:
    assert bool(eval(python(when), {"NULL": NULL}, signals)) is fires


def test_sql_that_python_would_read_otherwise_is_refused() -> None:
    for when in ("NOT (a > 1)", "COALESCE(a, 0) > 1", "a BETWEEN 1 AND 2"):
        with pytest.raises(ValueError, match="cannot say"):
            python(when)
