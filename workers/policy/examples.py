"""A policy held against the examples beside its rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import polars as pl

from workers.policy.policy import Policy
from workers.policy.rules import VERDICTS, Example, Rule

Measure = Callable[[Sequence[dict[str, Any]]], pl.DataFrame]
"""Gives the signals of posts, a row each in the same order."""


class Outcome(NamedTuple):
    """What became of an example. `problem` is empty when it came out as expected."""

    rule: Rule
    example: Example
    verdict: str
    fired: tuple[str, ...]
    problem: str


def run_examples(policy: Policy, measure: Measure) -> list[Outcome]:
    """Decide every example of a policy, in the order of the file.

    An example holds when the whole policy gives the expected verdict and, where that is the verdict of the rule it
    stands beside, this rule is among those that fired.

    Args:
        measure: called once, and only if there are examples that give posts.
    """
    cases = [(index, rule, example) for index, rule in enumerate(policy.rules) for example in rule.examples]
    verdicts = policy.decide(example_signals(policy, [example for _, _, example in cases], measure))
    outcomes = []
    for row, (index, rule, example) in enumerate(cases):
        verdict = VERDICTS[verdicts.verdict[row]]
        indices = verdicts.fired.get(row, ())
        fired = tuple(policy.rules[other].name for other in indices)
        problem = ""
        if verdict != example.verdict:
            problem = f"expected {example.verdict}, got {verdict} ({', '.join(fired) or 'no rule fired'})"
        elif verdict == rule.verdict and index not in indices:
            problem = f"{verdict} as expected, but by {', '.join(fired) or 'no rule'} and not by this rule"
        outcomes.append(Outcome(rule, example, verdict, fired, problem))
    return outcomes


def example_signals(policy: Policy, examples: Sequence[Example], measure: Measure) -> pl.DataFrame:
    """The signals the policy's rules name, a row an example: as given, else as measured, else null."""
    posts = [example.post for example in examples if example.post is not None]
    measured = iter(measure(posts).to_dicts() if posts else [])
    given = [({} if example.post is None else next(measured)) | example.signals for example in examples]
    return pl.DataFrame(
        [
            pl.Series(name, [row.get(name) for row in given], dtype=policy.schema[name])
            for name in sorted(policy.signals)
        ]
    )
