"""A policy: rules over signals, the counters and term lists they need, and how it decides on a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from workers.counters.spec import CounterSpec
from workers.policy.plan import Plan
from workers.policy.rules import Rule, Verdicts, weigh
from workers.values import Columns, columns_of


@dataclass(frozen=True)
class Policy:
    """A policy that was loaded and found sound.

    Attributes:
        version: as its author named it.
        digest: SHA-256 of its file and of its term files, in hexadecimal.
        rules: in the order of the file. One that says `unknown: flag` is followed by a second one, `<name>-unknown`,
            which flags where the first is neither true nor false because a signal is null.
        counters: those its rules may name.
        terms: terms by list name, as written.
        schema: every signal its rules may name, with term lists and counters.
        signals: those its rules do name.
    """

    version: str
    digest: str
    rules: tuple[Rule, ...]
    counters: tuple[CounterSpec, ...]
    terms: Mapping[str, list[str]]
    schema: Mapping[str, pl.DataType] = field(repr=False)
    signals: frozenset[str]
    expressions: tuple[pl.Expr, ...] = field(repr=False, compare=False)

    @classmethod
    def load(cls, path: Path, schema: Mapping[str, pl.DataType]) -> Policy:
        """Read and check a policy file.

        Args:
            path: the YAML file; term files are looked for beside it.
            schema: dtypes of the signals, term lists and counters apart.

        Raises:
            PolicyError: with all that is wrong.
        """
        from workers.policy.loading import load

        return load(path, schema)

    @cached_property
    def plan(self) -> Plan:
        """The rules, ready to be evaluated together."""
        return Plan([rule.when for rule in self.rules], self.expressions, self.schema)

    def decide(self, frame: pl.DataFrame) -> Verdicts:
        """Evaluate every rule on every row.

        Args:
            frame: a column for each of `signals`, of the dtype in `schema`; more do no harm.
        """
        return self.decide_columns(columns_of(frame), frame.height)

    def decide_columns(self, columns: Columns, posts: int) -> Verdicts:
        """The same for columns of so many posts."""
        return weigh(self.rules, posts, self.plan.fire(columns, posts))
