"""Trying a rule on posts that never were: is it true or false, of one post alone, and quickly?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import polars as pl

from workers.policy.expression import compile_expression, with_plain_numbers

SECONDS: Final = 0.1
"""The most a rule may take for POSTS posts; usual ones take a thousandth of it."""
PATIENCE: Final = 3.0
"""How long a trial may last before it is given up; the rest leaves time for a machine that is busy."""
POSTS: Final = 1_000
_FEW: Final = 64
_NUMBERS: Final = (0, 0, 1, 2, 3, 5, 10, 20, 50, 100, 1_000, 30_000)
_PLAINLY: Final = {
    "comparison between series 'literal' of dtype: Boolean": (
        "compares a comparison with a number; write x > 0.2 AND x < 0.5, or BETWEEN"
    ),
    "cannot compare string with numeric": "compares text with a number",
    "'is_in' cannot check": "compares text with a number",
    "& on ": "joins by AND what is no condition",
    "| on ": "joins by OR what is no condition",
    "`bitand` operation": "joins by AND what is no condition",
    "`bitor` operation": "joins by OR what is no condition",
    "expected `String`": "gives a number to a function that takes text",
    "unable to parse '": "is no SQL: a part is missing, in the wrong place or too deep in parentheses",
    "operation not supported for dtype `str`": "gives text to a function that takes a number",
}
"""What Polars says -> what it means for the author of a rule."""
_TEXTS: Final = (
    "", "post", "comment", "message", "en", "zh-CN", "12", "u-1002", "example.com", "a" * 128, "ab" * 60, "看主页" * 20,
    "203.0.113.7", "2001:db8::1", "A-B_c.d", "0" * 40,
)  # fmt: skip


def synthetic_signals(schema: Mapping[str, pl.DataType], posts: int = POSTS) -> pl.DataFrame:
    """A frame of `posts` varied rows, the same each time. The first row is all null, then one value in eight is."""
    random = np.random.default_rng(20_261_124)
    return pl.DataFrame([_column(name, dtype, posts, random) for name, dtype in schema.items()])


def verdict_on(sql: str, signals: frozenset[str], frame: pl.DataFrame) -> str:
    """What is wrong with an expression, empty if nothing.

    Args:
        sql: an expression without `faults`.
        signals: the signals it names.
        frame: synthetic signals.
    """
    found: list[str] = []
    trial = threading.Thread(target=lambda: found.append(_try(sql, signals, frame)), daemon=True)
    trial.start()
    trial.join(PATIENCE)
    return found[0] if found else f"is too slow: not done with {frame.height} posts after {PATIENCE:g} s"


def _try(sql: str, signals: frozenset[str], frame: pl.DataFrame) -> str:
    try:
        expression = compile_expression(sql)

        def evaluate(rows: pl.DataFrame) -> pl.Series:
            return with_plain_numbers(rows, signals).select(expression.alias("outcome"))["outcome"]

        few = frame.head(_FEW)
        outcome = evaluate(few)
        if outcome.dtype != pl.Boolean:
            return f"is no condition: it gives {_kind(outcome.dtype)}, not true or false"
        if not _looks_at_one_post(evaluate, few, outcome):
            return "looks at more than one post, or at chance; declare a counter instead"
        seconds = min(_timed(evaluate, frame) for _ in range(3))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, OverflowError) as error:
        return _plainly(str(error))
    return f"is too slow: {seconds:.1f} s for {frame.height} posts" if seconds > SECONDS else ""


def _looks_at_one_post(evaluate: Callable[[pl.DataFrame], pl.Series], rows: pl.DataFrame, outcome: pl.Series) -> bool:
    if outcome.len() != rows.height:
        return False
    half = rows.height // 2
    parts = pl.concat([evaluate(rows.head(half)), evaluate(rows.tail(-half))])
    return evaluate(rows.reverse()).reverse().equals(outcome) and parts.equals(outcome)


def _timed(evaluate: Callable[[pl.DataFrame], pl.Series], rows: pl.DataFrame) -> float:
    begin = time.perf_counter()
    evaluate(rows)
    return time.perf_counter() - begin


def _plainly(error: str) -> str:
    """The first line of Polars's message, in the words of a policy."""
    lines = error.strip().splitlines() or ["no expression"]
    for theirs, ours in _PLAINLY.items():
        if theirs in lines[0]:
            return ours
    if "regex" in lines[0]:
        reasons = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        return f"holds a regular expression that cannot be used: {reasons[0] if reasons else lines[0]}"
    return f"SQL: {lines[0]}"


def _kind(dtype: pl.DataType) -> str:
    return "text" if dtype == pl.String else "a number" if dtype.is_numeric() else str(dtype)


def _column(name: str, dtype: pl.DataType, posts: int, random: np.random.Generator) -> pl.Series:
    values: list[object]
    if dtype == pl.String:
        values = random.choice(np.array(_TEXTS, dtype=object), posts).tolist()
    elif dtype == pl.Boolean:
        values = (random.random(posts) < 0.5).tolist()
    elif dtype.is_float():
        values = (random.choice(_NUMBERS, posts) * (random.random(posts) < 0.5) + random.random(posts)).tolist()
    else:
        values = random.choice(_NUMBERS, posts).tolist()
    for row in np.flatnonzero(random.random(posts) < 1 / 8).tolist():
        values[row] = None
    values[0] = None
    return pl.Series(name, values, dtype=dtype)
