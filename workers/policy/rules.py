"""What a policy is made of, and what it says of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topics.decision import Verdict

ALLOW, FLAG, BLOCK = 0, 1, 2
VERDICTS: Final[tuple[Verdict, ...]] = ("allow", "flag", "block")
"""Verdicts by weight: the heaviest of a post's fired rules is the post's."""


@dataclass(frozen=True, slots=True)
class Example:
    """What a policy's author expects of a post.

    Attributes:
        line: where it stands in the policy.
        verdict: what the whole policy must decide.
        post: fields of a post to measure, or None.
        signals: values of signals; over those measured. What neither gives is null.
    """

    line: int
    verdict: str
    post: dict[str, object] | None
    signals: dict[str, object]


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition and what follows from it.

    A rule with the verdict `allow` stops nothing: it is told when it fires, and so can be tried on live posts.

    Attributes:
        when: SQL over signals.
        signals: the signals it names.
        line: where it stands in the policy.
    """

    name: str
    when: str
    verdict: Verdict
    category: str
    reason: str
    signals: tuple[str, ...]
    line: int = 0
    examples: tuple[Example, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Verdicts:
    """What a policy says of n posts.

    Attributes:
        rules: the policy's rules.
        hits: each rule that fired, by its index, ascending, with the rows that it fired on, ascending.
        verdict: uint8[n], index in VERDICTS; 0 where nothing fired.
        heaviest: int64[n], index of the first fired rule that has the post's verdict (its category and reason are the
            decision's); -1 where nothing fired.
    """

    rules: tuple[Rule, ...]
    hits: Sequence[tuple[int, NDArray[np.intp]]]
    verdict: NDArray[np.uint8]
    heaviest: NDArray[np.int64]

    @cached_property
    def fired(self) -> Mapping[int, Sequence[int]]:
        """Indices of the rules that fired, ascending, by row; of rows on which any did."""
        found: dict[int, list[int]] = {}
        for index, rows in self.hits:
            for row in rows.tolist():
                found.setdefault(row, []).append(index)
        return found

    def table(self) -> NDArray[np.bool_]:
        """bool[n, rules]: the same, spread out."""
        spread = np.zeros((len(self.verdict), len(self.rules)), bool)
        for index, rows in self.hits:
            spread[rows, index] = True
        return spread


def weigh(rules: tuple[Rule, ...], size: int, hits: Sequence[tuple[int, NDArray[np.intp]]]) -> Verdicts:
    """The heaviest verdict of each of `size` posts. hits: as in Verdicts."""
    verdict = np.zeros(size, np.uint8)
    heaviest = np.full(size, -1, np.int64)
    weights = {index: VERDICTS.index(rules[index].verdict) for index, _ in hits}
    # What is heavier, and of the same weight what comes first, is written over the rest.
    for index, rows in sorted(hits, key=lambda hit: (weights[hit[0]], -hit[0])):
        verdict[rows], heaviest[rows] = weights[index], index
    return Verdicts(rules, hits, verdict, heaviest)
