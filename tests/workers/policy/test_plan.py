"""A plan fires the rules that Polars fires, on the same posts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.policy import DEFAULT, Policy
from workers.policy.expression import compile_expression, signals_in, with_plain_numbers
from workers.policy.parser import parse
from workers.policy.plan import Plan
from workers.policy.trial import synthetic_signals
from workers.signals import schema as all_signals
from workers.values import columns_of

SCHEMA: dict[str, pl.DataType] = {
    "abuse": pl.Float32(),
    "marketing": pl.Float32(),
    "followers": pl.UInt32(),
    "terms_bait": pl.UInt16(),
    "account_age_days": pl.Float64(),
    "kind": pl.String(),
    "link_domain": pl.String(),
    "profile_bare": pl.Boolean(),
    "link_punycode": pl.Boolean(),
}
FLOATS, WHOLES = ("abuse", "marketing"), ("followers", "terms_bait", "account_age_days")
# Numbers that meet those of the frames, Float32 and Float64 between which a comparison could tell, and whole ones.
NUMBERS = ("0", "1", "3", "0.5", "0.1", "0.3", "0.97", "2.5", "1e2", ".25", "30.", "-1", "- 0.5", "16777216")
VALUES: dict[str, list[object]] = {
    "abuse": [0.0, 0.1, 0.3, 0.5, 0.97, 1.0, float(np.nextafter(np.float32(0.97), np.float32(0))), 2.5],
    "followers": [0, 1, 2, 3, 30, 100, 16_777_217, 4_294_967_295],
    "account_age_days": [-1.0, -0.5, -0.0, 0.0, 0.1, 0.3, 0.97, float(np.float32(0.97)), 1.5, 30.0, 100.0],
    "kind": ["post", "comment", "", "it's", "POST", "看主页"],
    "profile_bare": [False, True],
}
VALUES |= {"marketing": VALUES["abuse"], "link_domain": VALUES["kind"], "link_punycode": VALUES["profile_bare"]}
VALUES["terms_bait"] = [0, 1, 2, 3, 30, 100]

numbers = st.sampled_from(NUMBERS)
whole_signals = st.sampled_from(WHOLES)
texts = st.sampled_from(["'post'", "'comment'", "''", "'it''s'", "'nowhere'", "'看主页'"])
text_signals = st.sampled_from(["kind", "link_domain"])
signs = st.sampled_from(["=", "==", "<>", "!=", "<", "<=", ">", ">="])


def spelled(form: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda given: form.format(*given))


def lists(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(of, min_size=1, max_size=4).map(", ".join)


signals = st.sampled_from([*FLOATS, *WHOLES])
reckoned = st.one_of(
    spelled("{} {} {}", whole_signals, st.sampled_from("+-*"), numbers),
    spelled("{} {} {}", numbers, st.sampled_from("+-*"), whole_signals),
    spelled("{} {} {}", whole_signals, st.sampled_from("+-*"), whole_signals),
    spelled("{} / {}", whole_signals, st.sampled_from(["2", "0.5", "-3"])),
)
simple = st.one_of(
    spelled("{} {} {}", signals, signs, numbers),
    spelled("{} {} {}", numbers, signs, signals),
    spelled("{} {} {}", signals, signs, signals),
    spelled("{} {} {}", whole_signals, signs, reckoned),
    spelled("{} {} {}", reckoned, signs, numbers),
    spelled("{} {} {}", text_signals, st.sampled_from(["=", "<>", "!="]), texts),
    spelled("{} {} ({})", text_signals, st.sampled_from(["IN", "NOT IN"]), lists(texts)),
    spelled("{} {} ({})", whole_signals, st.sampled_from(["IN", "not in"]), lists(numbers)),
    spelled("{} {} {} AND {}", whole_signals, st.sampled_from(["BETWEEN", "NOT BETWEEN"]), numbers, numbers),
    spelled("{} IS {}", st.sampled_from(list(SCHEMA)), st.sampled_from(["NULL", "NOT NULL"])),
    st.sampled_from(["profile_bare", "link_punycode"]),
)
conditions = st.recursive(
    simple,
    lambda inner: st.one_of(
        spelled("{} {} {}", inner, st.sampled_from(["AND", "OR"]), inner),
        spelled("({})", inner),
        spelled("NOT {}", inner),
        spelled("({}) IS {}", inner, st.sampled_from(["NULL", "NOT NULL"])),
        spelled("{} {} CASE WHEN {} THEN {} ELSE {} END", whole_signals, signs, inner, numbers, numbers),
        spelled(
            "{} {} CASE WHEN {} THEN {} WHEN {} THEN {} ELSE {} END",
            whole_signals, signs, inner, numbers, inner, numbers, numbers,
        ),
    ),
    max_leaves=5,
)  # fmt: skip


def frames(rows: int, seed: int) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    nulls = chance.choice([0.0, 0.2, 1.0], len(SCHEMA))
    return pl.DataFrame(
        [
            pl.Series(
                name,
                [
                    None if chance.random() < share else VALUES[name][chance.integers(len(VALUES[name]))]
                    for _ in range(rows)
                ],
                dtype=dtype,
            )
            for share, (name, dtype) in zip(nulls, SCHEMA.items(), strict=True)
        ]
    )


def by_polars(rules: list[str], frame: pl.DataFrame) -> list[list[int]]:
    names = frozenset(name for rule in rules for name in signals_in(rule))
    expressions = [compile_expression(rule).alias(str(index)) for index, rule in enumerate(rules)]
    outcomes = with_plain_numbers(frame, names).select(expressions).fill_null(False)
    return [np.flatnonzero(outcome.to_numpy()).tolist() for outcome in outcomes]


def by_plan(rules: list[str], frame: pl.DataFrame, schema: dict[str, pl.DataType] = SCHEMA) -> list[list[int]]:
    expressions = [compile_expression(rule).alias(str(index)) for index, rule in enumerate(rules)]
    hits = {
        index: rows.tolist() for index, rows in Plan(rules, expressions, schema).fire(columns_of(frame), frame.height)
    }
    assert all(rows and rows == sorted(rows) for rows in hits.values())
    assert list(hits) == sorted(hits)
    return [hits.get(index, []) for index in range(len(rules))]


@given(st.lists(conditions, min_size=1, max_size=5), st.integers(1, 40), st.integers(0, 10_000))
@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_a_plan_fires_what_polars_fires(rules: list[str], rows: int, seed: int) -> None:
    frame = frames(rows, seed)
    assert by_plan(rules, frame) == by_polars(rules, frame)


@given(conditions)
@settings(deadline=None)
def test_what_these_tests_say_can_be_taken_apart(rule: str) -> None:
    assert parse(rule, SCHEMA) is not None


@pytest.mark.parametrize(
    "rule",
    [
        "LENGTH(kind) > 3",
        "kind LIKE '%o%'",
        "kind > 'a'",
        "abuse * 2 > 1",
        "abuse BETWEEN 0.1 AND 1",
        "abuse IN (0.1, 1)",
        "abuse > followers * 0.1",
        "abuse = CASE WHEN kind = 'post' THEN 0 ELSE 0.3 END",
        "followers + 1 + 2 > 3",
        "(followers + 1) > 3",
        "followers > 99999999999999999999999999",
        "1 + 1 > followers",
        "profile_bare = TRUE",
        "followers > CASE WHEN profile_bare THEN 1 END",
        "followers > CASE kind WHEN 'post' THEN 1 ELSE 2 END",
        "followers IN (" + ", ".join(map(str, range(100))) + ")",
        "COALESCE(followers, 0) > 3 AND abuse > 0.5",
        "kind IN ('post', NULL)",
        "followers / NULLIF(terms_bait, 0) > 1",
        r"kind = '\'",
    ],
)
def test_what_says_more_is_left_to_polars_and_fires_beside_the_rest(rule: str) -> None:
    assert parse(rule, SCHEMA) is None
    frame = frames(60, 3)
    rules = ["abuse > 0.2", rule, "followers >= 2 OR kind = 'post'"]
    assert by_plan(rules, frame) == by_polars(rules, frame)


@pytest.mark.parametrize("strange", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("null", [None, 1.0])
def test_a_number_that_is_none_is_what_polars_takes_it_for(strange: float, null: float | None) -> None:
    frame = pl.DataFrame({"account_age_days": [1.0, strange, null, 50.0], "profile_bare": [True, True, None, False]})
    rules = ["account_age_days > 30", "account_age_days < 30", "account_age_days * 0 = 0", "NOT profile_bare"]
    assert by_plan(rules, frame) == by_polars(rules, frame)


@pytest.mark.parametrize("column", ["account_age_days", "kind", "profile_bare"])
def test_a_signal_that_is_null_of_every_post_fires_what_asks_for_that(column: str) -> None:
    frame = pl.DataFrame({column: pl.Series([None] * 3, dtype=SCHEMA[column])})
    assert by_plan([f"{column} IS NULL", f"{column} IS NOT NULL"], frame) == [[0, 1, 2], []]


def test_a_condition_may_be_long_and_deep(load_rules: Callable[..., Policy]) -> None:
    policy = load_rules((" OR ".join(f"followers = {number}" for number in range(70)), "flag"))
    frame = pl.DataFrame({"followers": pl.Series([3, 69, 70, None], dtype=pl.UInt32)})
    assert policy.decide(frame).table()[:, 0].tolist() == [True, True, False, False]
    deep = "(" * 140 + "profile_bare" + ")" * 140
    assert parse(deep, SCHEMA) == parse("profile_bare", SCHEMA) or parse(deep, SCHEMA) is None


def test_every_rule_of_the_default_policy_is_in_the_plan_and_fires_as_by_polars() -> None:
    policy = Policy.load(DEFAULT, all_signals())
    rules = [rule.when for rule in policy.rules]
    assert [rule for rule in rules if parse(rule, policy.schema) is None] == []
    frame = synthetic_signals(policy.schema)
    fired = by_polars(rules, frame)
    assert by_plan(rules, frame, dict(policy.schema)) == fired
    assert all(fired)
