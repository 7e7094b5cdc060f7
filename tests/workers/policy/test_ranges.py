"""A comparison that comes out the same whatever a signal is, is refused."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.policy import Policy
from workers.policy.expression import compile_expression, with_plain_numbers
from workers.policy.ranges import undecided

Refusal = Callable[[str], str]
# Numbers that are an eighth of a whole one; all that lies between two of them is alike.
SHARES = pl.DataFrame([pl.Series("share", [None, *(step / 16 for step in range(17))], pl.Float32)])
DAYS = pl.DataFrame([pl.Series("days", [None, *(step / 16 for step in range(-32, 16_032))], pl.Float64)])
COUNTS = pl.DataFrame([pl.Series("count", [None, *range(256)], pl.UInt8)])
NUMBERS = ["0", "1", "-1", "- 0.5", "0.125", "0.5", ".875", "2.5", "3", "2e0", "20", "255", "255.5", "256", "1000"]

numbers = st.sampled_from(NUMBERS)
signals = st.sampled_from(["{0}", "{0}", "COALESCE({0}, 0.5)", "ifnull({0}, 30)"])
signs = st.sampled_from(["=", "==", "<>", "!=", "<", "<=", ">", ">="])
comparisons = st.one_of(
    st.tuples(signals, signs, numbers).map(" ".join),
    st.tuples(numbers, signs, signals).map(" ".join),
    st.tuples(signals, st.sampled_from(["BETWEEN", "not between"]), numbers, st.just("AND"), numbers).map(" ".join),
    st.tuples(signals, st.sampled_from(["IN", "NOT IN"]), st.lists(numbers, min_size=1, max_size=4).map(", ".join)).map(
        lambda words: f"{words[0]} {words[1]} ({words[2]})"
    ),
)


@pytest.mark.parametrize("frame", [SHARES, DAYS, COUNTS])
@given(comparison=comparisons)
@settings(deadline=None)
def test_a_comparison_is_refused_if_and_only_if_no_value_changes_its_outcome(
    frame: pl.DataFrame, comparison: str
) -> None:
    name = frame.columns[0]
    when = comparison.format(name)
    values = with_plain_numbers(frame, frozenset([name]))
    outcomes = set(values.select(compile_expression(when).alias("outcome"))["outcome"].drop_nulls())
    told = [fault.message for fault in undecided(when, frame.schema)]
    assert bool(told) == (len(outcomes) == 1)
    if told:
        always = "always" if outcomes == {True} else "never"
        assert told[0].startswith(f"{when} is {always} true: ")


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("abuse >= 90", "abuse >= 90 is never true: abuse lies between 0 and 1; write 0.9"),
        ("followers > 3 AND marketing > 85.5", "marketing > 85.5 is never true: marketing lies between 0 and 1"),
        ("90 <= abuse", "90 <= abuse is never true: abuse lies between 0 and 1; write 0.9"),
        ("abuse > 1", "abuse > 1 is never true"),
        ("marketing < 0", "marketing < 0 is never true"),
        ("abuse = 2", "abuse = 2 is never true"),
        ("abuse >= 0", "abuse >= 0 is always true"),
        ("abuse <= 1.0", "abuse <= 1.0 is always true"),
        ("abuse < 50", "abuse < 50 is always true: abuse lies between 0 and 1; write 0.5"),
        ("abuse <> 90", "abuse <> 90 is always true"),
        ("abuse >= -1", "abuse >= -1 is always true: abuse lies between 0 and 1"),
        (
            "abuse BETWEEN 50 AND 90",
            "abuse BETWEEN 50 AND 90 is never true: abuse lies between 0 and 1; write 0.5 and 0.9",
        ),
        (
            "NOT abuse not between 0 and 90",
            "abuse not between 0 and 90 is never true: abuse lies between 0 and 1; write 0.9",
        ),
        ("abuse IN (50, 90)", "abuse IN (50, 90) is never true"),
        ("COALESCE(abuse, 0) >= 90", "COALESCE(abuse, 0) >= 90 is never true: abuse lies between 0 and 1; write 0.9"),
        ("abuse BETWEEN 0.9 AND 0.2", "is never true: BETWEEN takes the lower number first"),
        ("account_age_days BETWEEN 30 AND 7", "is never true: BETWEEN takes the lower number first"),
        ("followers >= 0", "to ask whether it is known, write followers IS NOT NULL"),
        ("followers = 2.5", "followers = 2.5 is never true: followers is a whole number"),
        ("CASE WHEN followers < -3 THEN 1 ELSE 0 END = 1", "followers < -3 is never true"),
    ],
)
def test_a_threshold_that_a_signal_cannot_cross_is_refused_with_its_range(
    refusal: Refusal, when: str, told: str
) -> None:
    assert told in refusal(when)


@pytest.mark.parametrize(
    "when",
    [
        "abuse >= 1",
        "abuse > 0",
        "abuse <= 0",
        "abuse = 1",
        "abuse <> 0",
        "0.9 <= abuse",
        "abuse * 100 >= 90",
        "100 * abuse >= 90",
        "marketing + abuse > 1",
        "abuse - marketing < 0",
        "abuse >= 2 * marketing",
        "followers >= 90",
        "account_age_days < 0",
        "abuse BETWEEN 0.2 AND 90",
        "abuse IN (0, 90)",
        "COALESCE(abuse, 2) >= 2",
        "followers - 5 > -1",
        "followers + 1 BETWEEN 2 AND 3 * followers",
        "followers > 3 AND 2 < followers",
    ],
)
def test_what_a_signal_may_be_compared_with_is_taken(load_rules: Callable[..., Policy], when: str) -> None:
    assert load_rules((when, "flag")).rules[0].when == when
