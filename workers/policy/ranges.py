"""Comparisons that decide nothing: true, or false, whatever a signal is. Most are meant as percentages."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from workers.policy.expression import COMPARISONS, Fault, Token, compile_expression, tokens, with_plain_numbers

# A letter for each word of a condition: what is compared is a signal, maybe with a number for null, and numbers.
_LETTERS: Final = {"AND": "a", "BETWEEN": "b", "IN": "i", "NOT": "t", "COALESCE": "f", "IFNULL": "f"} | {
    sign: sign for sign in "-(),"
} | dict.fromkeys(COMPARISONS, "c") | dict.fromkeys("+*/%", "*")  # fmt: skip
_OTHER: Final = "w"
_NUMBER: Final = "-?n"
_SIGNAL: Final = rf"(?:s|f\(s,{_NUMBER}\))"
_COMPARISON: Final = re.compile(
    rf"(?<![-*sn)])(?:{_SIGNAL}c{_NUMBER}|{_NUMBER}c{_SIGNAL}|{_SIGNAL}t?b{_NUMBER}a{_NUMBER}"
    rf"|{_SIGNAL}t?i\({_NUMBER}(?:,{_NUMBER})*\))(?![-*])"
)


def ends(dtype: pl.DataType) -> tuple[float, float]:
    """The least and the greatest value of a number of this dtype."""
    if dtype.is_integer():
        limits = np.iinfo(pl.Series([], dtype=dtype).to_numpy().dtype)
        return int(limits.min), int(limits.max)
    return (0.0, 1.0) if dtype == pl.Float32 else (-math.inf, math.inf)


def range_of(signal: str, dtype: pl.DataType) -> str:
    """What a number can be, in words."""
    low, high = ends(dtype)
    if dtype.is_integer():
        return f"{signal} is a whole number from {low} to {high}"
    return f"{signal} lies between {low:g} and {high:g}" if dtype == pl.Float32 else f"{signal} is a number"


def undecided(when: str, schema: Mapping[str, pl.DataType]) -> Iterator[Fault]:
    """Comparisons of a signal with numbers that come out the same over its whole range.

    when: an expression without faults, which Polars evaluates. schema: dtypes of the signals.
    """
    found = list(tokens(when))
    letters = "".join(_letter(token, schema) for token in found)
    for match in _COMPARISON.finditer(letters):
        words = found[match.start() : match.end()]
        about = when[words[0].start : words[-1].start + len(words[-1].written)]
        signal = next(token.written for token in words if token.kind == "signal")
        numbers = [
            -float(token.written) if before.written == "-" else float(token.written)
            for before, token in zip([words[0], *words], words, strict=False)
            if token.kind == "number"
        ]
        points = _points(schema[signal], numbers)
        frame = with_plain_numbers(pl.DataFrame({signal: points}), frozenset([signal]))
        outcomes = set(frame.select(compile_expression(about).alias("outcome"))["outcome"].drop_nulls())
        if len(outcomes) == 1:
            dtype, always = schema[signal], outcomes == {True}
            known = f"; to ask whether it is known, write {signal} IS NOT NULL" if always else ""
            why = _turned(words, numbers) or range_of(signal, dtype) + (_advice(dtype, numbers) or known)
            yield Fault(signal, f"{about} is {'always' if always else 'never'} true: {why}")


def _letter(token: Token, schema: Mapping[str, pl.DataType]) -> str:
    if token.kind == "number":
        return "n"
    if token.kind == "signal":
        return "s" if schema[token.written].is_numeric() else _OTHER
    return _LETTERS.get(token.written.upper(), _OTHER)


def _points(dtype: pl.DataType, numbers: Sequence[float]) -> pl.Series:
    """Values of a signal between which nothing changes that is said with these numbers: null, the ends of its range,
    each number and what lies beside it."""
    low, high = ends(dtype)
    if dtype.is_integer():
        at = [math.floor(min(max(number, low), high)) for number in numbers]
        beside = [value + step for value in at for step in (-1, 0, 1) if low <= value + step <= high]
        return pl.Series([None, low, high, *beside], dtype=dtype)
    kind = np.float32 if dtype == pl.Float32 else np.float64
    known = np.clip([low, high, *numbers], low, high).astype(kind)
    around = [known, np.nextafter(known, kind(-math.inf)), np.nextafter(known, kind(math.inf))]
    return pl.Series([None, *np.clip(np.concatenate(around), low, high).tolist()], dtype=dtype)


def _turned(words: Sequence[Token], numbers: Sequence[float]) -> str:
    """What is to be said of BETWEEN with the greater number first; else nothing."""
    between = any(word.written.upper() == "BETWEEN" for word in words)
    low, high = numbers[-2:] if between else (0.0, 0.0)
    return "BETWEEN takes the lower number first" if low > high else ""


def _advice(dtype: pl.DataType, numbers: Sequence[float]) -> str:
    """Where numbers look like percentages, what they are as shares."""
    shares = " and ".join(f"{number / 100:g}" for number in numbers if number > 1)
    return f"; write {shares}" if dtype == pl.Float32 and shares and max(numbers) <= 100 else ""
