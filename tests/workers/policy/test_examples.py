"""Examples beside rules, and the shipped policy with its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

from workers.campaigns.evidence import ASKED
from workers.policy import DEFAULT, Policy
from workers.policy.examples import run_examples
from workers.signals import schema


def no_posts(posts: Sequence[dict[str, Any]]) -> pl.DataFrame:
    raise AssertionError("no example gives a post")


def test_an_example_holds_when_the_policy_gives_its_verdict_by_its_rule(load_rules: Callable[..., Policy]) -> None:
    policy = load_rules(
        (
            "abuse > 0.5",
            "flag",
            "examples:",
            "- {verdict: flag, signals: {abuse: 0.6}}",
            "- {verdict: allow, signals: {abuse: 0.4}}",
            "- {verdict: flag, signals: {abuse: 0.4}}",
            "- {verdict: flag, signals: {abuse: 0.4, marketing: 0.9}}",
        ),
        ("marketing > 0.5", "flag"),
    )
    outcomes = run_examples(policy, no_posts)
    assert [outcome.problem for outcome in outcomes] == [
        "",
        "",
        "expected flag, got allow (no rule fired)",
        "flag as expected, but by r1 and not by this rule",
    ]
    assert [outcome.example.line for outcome in outcomes] == [9, 10, 11, 12]


def test_posts_are_measured_and_given_signals_go_before(load_rules: Callable[..., Policy]) -> None:
    policy = load_rules(
        (
            "abuse > 0.5 AND followers > 5",
            "flag",
            "examples:",
            "- {verdict: flag, post: {text: you fool}, signals: {followers: 9}}",
            "- {verdict: allow, post: {text: you fool}}",
        ),
    )
    seen: list[dict[str, Any]] = []

    def measure(posts: Sequence[dict[str, Any]]) -> pl.DataFrame:
        seen.extend(posts)
        return pl.DataFrame({"abuse": [0.9] * len(posts), "followers": [1] * len(posts)})

    assert [outcome.problem for outcome in run_examples(policy, measure)] == ["", ""]
    assert seen == [{"text": "you fool"}, {"text": "you fool"}]


@pytest.fixture(scope="module")
def default() -> Policy:
    return Policy.load(DEFAULT, schema())


def test_the_shipped_policy_loads_and_uses_all_it_declares(default: Policy) -> None:
    assert {counter.name for counter in default.counters} <= default.signals
    assert {f"terms_{name}" for name in default.terms} <= default.signals | ASKED


def test_every_rule_of_the_shipped_policy_has_examples_that_fire_it(default: Policy) -> None:
    assert all(any(example.verdict == rule.verdict for example in rule.examples) for rule in default.rules)
    by_signals = [example for rule in default.rules for example in rule.examples if example.post is None]
    assert len(by_signals) > 2 * len(default.rules)


def test_no_score_of_a_model_blocks_alone(default: Policy) -> None:
    sure = {"abuse": 1.0, "marketing": 1.0, "solicitation": 1.0}
    row = {name: [sure.get(name)] for name in default.signals}
    frame = pl.DataFrame(row, schema={name: default.schema[name] for name in default.signals})
    assert default.decide(frame).verdict.tolist() == [1]


def test_a_post_of_which_nothing_is_known_passes(default: Policy) -> None:
    frame = pl.DataFrame({name: [None] for name in default.signals}, schema_overrides=default.schema)
    assert default.decide(frame).verdict.tolist() == [0]
