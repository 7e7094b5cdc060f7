"""Whatever the file, there is a policy or a PolicyError."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.policy import Policy, PolicyError
from workers.policy.expression import FUNCTIONS, KEYWORDS, signals_in
from workers.policy.trial import synthetic_signals

SCHEMA: dict[str, pl.DataType] = {
    "abuse": pl.Float32(),
    "followers": pl.UInt32(),
    "kind": pl.String(),
    "profile_bare": pl.Boolean(),
}
KEYS = (
    "version", "terms", "counters", "rules", "name", "when", "verdict", "category", "reason", "unknown", "examples",
    "count", "distinct", "by", "window", "post", "signals", "text", "<<",
)  # fmt: skip
WORDS = (
    *KEYS, "1", "a", "flag", "block", "abuse > 0.5", "posts", "author", "1m", "", "~", "2026-11-24", "0x1F", "1e999",
    "\ud800", "&a", "*a", "!!python/object:os.system", "加微信", "terms.txt", "../x", "\x00",
)  # fmt: skip
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(WORDS), st.text(max_size=8))
documents = st.recursive(
    plain,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)),
    max_leaves=30,
)
rules = st.fixed_dictionaries(
    {"name": plain, "when": plain, "verdict": plain, "category": plain, "reason": plain},
    optional={"unknown": plain, "examples": documents},
)
policies = st.fixed_dictionaries(
    {"version": plain, "rules": st.one_of(documents, st.lists(rules, max_size=3))},
    optional={"terms": documents, "counters": documents},
)
tokens = st.sampled_from(
    [
        *SCHEMA,
        *FUNCTIONS,
        *KEYWORDS,
        *"+-*/%(),=<>",
        "<=",
        "<>",
        "'x'",
        "'('",
        "0",
        "1",
        "2.5",
        "NULLIF(abuse, 0)",
        "9" * 30,
    ]
)


def load(content: bytes) -> Policy | PolicyError:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "policy.yaml"
        file.write_bytes(content)
        outcome: Policy | PolicyError
        try:
            outcome = Policy.load(file, SCHEMA)
        except PolicyError as error:
            outcome = error
    if isinstance(outcome, PolicyError):
        assert outcome.problems
        assert all(problem.line >= 1 and "\n" not in str(problem) for problem in outcome.problems)
    return outcome


@quick
@given(st.binary(max_size=200))
def test_any_bytes_give_a_policy_or_its_errors(content: bytes) -> None:
    load(content)


@quick
@given(st.text(alphabet=st.sampled_from("ab:-[]{}#&*!|>'\"%@`,? \n\t\\x0u8U"), max_size=80))
def test_any_punctuation_gives_a_policy_or_its_errors(text: str) -> None:
    load(text.encode())


@quick
@given(st.one_of(documents, policies))
def test_any_document_gives_a_policy_or_its_errors(document: Any) -> None:
    load(yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "surrogatepass"))


@settings(quick, max_examples=150)
@given(st.lists(tokens, min_size=1, max_size=14).map(" ".join))
def test_any_condition_is_refused_or_evaluated_without_fail(when: str) -> None:
    rule = {"name": "r", "when": when, "verdict": "flag", "category": "c", "reason": "r", "unknown": "flag"}
    policy = load(yaml.safe_dump({"version": "v", "rules": [rule]}).encode())
    if isinstance(policy, Policy):
        assert policy.signals == set(signals_in(when))
        frame = synthetic_signals(SCHEMA, 50)
        whole = policy.decide(frame).table()
        assert (policy.decide(frame.reverse()).table()[::-1] == whole).all()
        assert all((policy.decide(frame[row]).table()[0] == whole[row]).all() for row in range(0, 50, 7))
