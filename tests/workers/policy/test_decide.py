"""How rules that fired become a verdict."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from workers.policy import ALLOW, BLOCK, FLAG, VERDICTS, Policy, Rule
from workers.policy.rules import weigh

LoadRules = Callable[..., Policy]


def frame(*abuse: float | None, age: float | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "abuse": pl.Series(abuse, dtype=pl.Float32),
            "account_age_days": pl.Series([age] * len(abuse), dtype=pl.Float64),
        }
    )


def test_the_heaviest_verdict_wins_and_all_rules_that_fired_are_told(load_rules: LoadRules) -> None:
    policy = load_rules(
        ("abuse > 0.2", "allow"), ("abuse > 0.5", "flag"), ("abuse > 0.7", "block"), ("abuse > 0.6", "block")
    )
    verdicts = policy.decide(frame(0.1, 0.3, 0.55, 0.65, 0.9))
    assert verdicts.verdict.tolist() == [ALLOW, ALLOW, FLAG, BLOCK, BLOCK]
    assert verdicts.heaviest.tolist() == [-1, 0, 1, 3, 2]
    assert verdicts.fired == {1: [0], 2: [0, 1], 3: [0, 1, 3], 4: [0, 1, 2, 3]}
    assert verdicts.rules == policy.rules


def test_a_rule_whose_outcome_is_null_has_not_fired(load_rules: LoadRules) -> None:
    policy = load_rules(("abuse > 0.5 AND account_age_days < 30", "block"))
    assert policy.decide(frame(0.9, 0.1, None)).verdict.tolist() == [ALLOW] * 3
    assert policy.decide(frame(0.9, 0.1, None, age=3)).verdict.tolist() == [BLOCK, ALLOW, ALLOW]


def test_unknown_flag_flags_what_hangs_on_a_null_and_only_that(load_rules: LoadRules) -> None:
    policy = load_rules(("abuse > 0.5 AND account_age_days < 30", "block", "unknown: flag"))
    assert [rule.name for rule in policy.rules] == ["r0", "r0-unknown"]
    # False AND unknown is false: a polite post is not flagged however little is known of its author.
    assert policy.decide(frame(0.9, 0.1, None)).verdict.tolist() == [FLAG, ALLOW, FLAG]
    assert policy.decide(frame(0.9, 0.1, age=3)).verdict.tolist() == [BLOCK, ALLOW]
    assert policy.rules[1].reason.startswith(policy.rules[0].reason)


def test_an_empty_batch_gets_no_verdict(load_rules: LoadRules) -> None:
    verdicts = load_rules(("abuse > 0.5", "flag")).decide(frame())
    assert verdicts.verdict.shape == (0,)
    assert verdicts.table().shape == (0, 1)


def test_signals_no_rule_names_may_come_along(load_rules: LoadRules) -> None:
    policy = load_rules(("abuse > 0.5", "flag"))
    assert policy.signals == {"abuse"}
    assert policy.decide(frame(0.9, age=1)).verdict.tolist() == [FLAG]


fired_tables = st.integers(1, 6).flatmap(
    lambda rules: st.tuples(
        st.lists(st.sampled_from(VERDICTS), min_size=rules, max_size=rules),
        st.lists(st.lists(st.booleans(), min_size=rules, max_size=rules), max_size=20).map(
            lambda rows: np.array(rows, bool).reshape(-1, rules)
        ),
    )
)


@given(fired_tables)
def test_weighing_gives_what_a_loop_over_posts_gives(table: tuple[list[str], NDArray[np.bool_]]) -> None:
    verdicts, fired = table
    rules = tuple(Rule(f"r{i}", "", verdict, "c", "r", ()) for i, verdict in enumerate(verdicts))
    hits = [(index, np.flatnonzero(column)) for index, column in enumerate(fired.T) if column.any()]
    weighed = weigh(rules, len(fired), hits)
    assert (weighed.table() == fired).all()
    for row, verdict, heaviest in zip(fired, weighed.verdict.tolist(), weighed.heaviest.tolist(), strict=True):
        weights = [VERDICTS.index(verdicts[index]) for index in np.flatnonzero(row)]
        assert verdict == max(weights, default=ALLOW)
        assert heaviest == (np.flatnonzero(row)[weights.index(max(weights))] if weights else -1)
