"""What a policy is made of, and what it says of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a policy says of n posts.

    Attributes:
        rules: the policy's rules.
        fired: bool[n, rules].
        verdict: uint8[n], index in VERDICTS; 0 where nothing fired.
        heaviest: int64[n], index of the first fired rule that has the post's verdict (its category and reason are the
            decision's); -1 where nothing fired.
    """

    rules: tuple[Rule, ...]
    fired: NDArray[np.bool_]
    verdict: NDArray[np.uint8]
    heaviest: NDArray[np.int64]


def weigh(rules: tuple[Rule, ...], fired: NDArray[np.bool_]) -> Verdicts:
    """The heaviest verdict of each row of `fired` (bool[n, rules])."""
    verdict = np.zeros(len(fired), np.uint8)
    heaviest = np.full(len(fired), -1, np.int64)
    rows = np.flatnonzero(fired.any(axis=1))
    if len(rows):
        # One more than the verdict's index, so that a fired `allow` is heavier than no rule at all.
        weights = np.array([VERDICTS.index(rule.verdict) + 1 for rule in rules], np.uint8) * fired[rows]
        heaviest[rows] = weights.argmax(axis=1)
        verdict[rows] = weights.max(axis=1) - 1
    return Verdicts(rules, fired, verdict, heaviest)
