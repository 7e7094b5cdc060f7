"""The padded policy is what it says it is."""

from __future__ import annotations

from pathlib import Path

from bench.policies import invented_terms, loaded
from workers.policy import DEFAULT, Policy
from workers.signals import schema


def test_the_padded_policy_has_fifty_rules_a_thousand_terms_and_all_of_the_default(tmp_path: Path) -> None:
    padded, default = loaded(tmp_path), Policy.load(DEFAULT, schema())
    assert len(padded.rules) == 50
    assert sum(map(len, padded.terms.values())) == 1_000
    assert padded.counters == default.counters
    assert [rule.when for rule in padded.rules[: len(default.rules)]] == [rule.when for rule in default.rules]


def test_there_may_be_more_rules_than_a_file_may_have(tmp_path: Path) -> None:
    large = loaded(tmp_path, rules=1_000)
    assert len(large.rules) == len(large.expressions) == 1_000
    assert len({rule.name for rule in large.rules}) == 1_000


def test_invented_terms_are_all_different() -> None:
    assert len(set(invented_terms(5_000))) == 5_000
