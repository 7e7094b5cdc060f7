"""The plain part of what a rule may say, taken apart: comparisons joined by AND, OR and NOT.

Most rules are of this part, and `workers.policy.plan` decides them many times faster than Polars does. A rule that says
more (functions, patterns, sums of sums) is None here, and Polars evaluates it. What is read here means to the last bit
what Polars makes of it; where that would not be sure, it is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import polars as pl

from workers.policy.condition import (
    AllOf,
    AnyOf,
    Chosen,
    Compared,
    Condition,
    Holds,
    Not,
    Number,
    OneOf,
    Reckoned,
    Signal,
    Unknown,
)
from workers.policy.expression import Token, tokens

T = TypeVar("T")
_COMPARISONS: Final = {"=": "=", "==": "=", "!=": "<>", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_TURNED: Final = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
# Whole numbers up to here are themselves as Float32, too; with longer lists of numbers than this a rule is for Polars.
_LARGEST_NUMBER: Final = 2.0**24
_LONGEST_LIST: Final = 16


class _UnsaidError(Exception):
    """The rule says more than can be taken apart here."""


def parse(when: str, schema: Mapping[str, pl.DataType]) -> Condition | None:
    """An expression without faults, taken apart; None if it says more. schema: dtypes of the signals."""
    reader = _Reader(list(tokens(when)), schema)
    try:
        found = reader.any_of()
    except (_UnsaidError, RecursionError):
        return None
    return found if reader.at_end else None


class _Reader:
    """Reads from left to right; what binds closer is read by a later method, as in SQL."""

    def __init__(self, found: list[Token], schema: Mapping[str, pl.DataType]) -> None:
        self._tokens = found
        self._schema = schema
        self._place = 0

    @property
    def at_end(self) -> bool:
        return self._place == len(self._tokens)

    @property
    def _coming(self) -> Token | None:
        return None if self.at_end else self._tokens[self._place]

    def any_of(self) -> Condition:
        found = [self.all_of()]
        while self._taken("OR"):
            found.append(self.all_of())
        return AnyOf(tuple(found)) if len(found) > 1 else found[0]

    def all_of(self) -> Condition:
        found = [self.not_of()]
        while self._taken("AND"):
            found.append(self.not_of())
        return AllOf(tuple(found)) if len(found) > 1 else found[0]

    def not_of(self) -> Condition:
        return Not(self.not_of()) if self._taken("NOT") else self.null_of()

    def null_of(self) -> Condition:
        found = self.one()
        while self._taken("IS"):
            found = self._null(found)
        return found

    def one(self) -> Condition:
        """A condition in parentheses, a signal that is true or false, or a comparison."""
        if self._taken("("):
            found = self.any_of()
            self._need(")")
            return found
        name = self._signal()
        if name is not None:
            dtype = self._schema[name]
            if self._after(1, "IS"):
                self._place += 2
                return self._null(name)
            if dtype == pl.Boolean:
                self._place += 1
                return Holds(name)
            if dtype == pl.String:
                self._place += 1
                return self._text(name)
        return self._numbers()

    def _null(self, what: str | Condition) -> Condition:
        """What stands behind IS."""
        negated = self._taken("NOT")
        self._need("NULL")
        return Not(Unknown(what)) if negated else Unknown(what)

    def _text(self, name: str) -> Condition:
        if (operator := self._operator()) is not None:
            if operator not in ("=", "<>"):
                raise _UnsaidError
            found: Condition = OneOf(name, frozenset([self._quoted()]))
            return found if operator == "=" else Not(found)
        negated = self._taken("NOT")
        found = OneOf(name, frozenset(self._listed(self._quoted)))
        return Not(found) if negated else found

    def _numbers(self) -> Condition:
        left = self._number()
        if (operator := self._operator()) is not None:
            return self._compared(left, operator, self._number())
        if self._is_short(left):
            raise _UnsaidError
        negated = self._taken("NOT")
        if self._taken("BETWEEN"):
            low = self._number()
            self._need("AND")
            both = self._compared(left, ">=", low), self._compared(left, "<=", self._number())
            found: Condition = AllOf(both)
        else:
            values = self._listed(self._literal)
            if len(values) > _LONGEST_LIST:
                raise _UnsaidError
            found = AnyOf(tuple(self._compared(left, "=", value) for value in values))
        return Not(found) if negated else found

    def _listed(self, one: Callable[[], T]) -> list[T]:
        """IN and the values in parentheses behind it."""
        self._need("IN")
        self._need("(")
        values = [one()]
        while self._taken(","):
            values.append(one())
        self._need(")")
        return values

    def _compared(self, left: Number, operator: str, right: Number) -> Compared:
        if isinstance(left, float):
            left, operator, right = right, _TURNED[operator], left
        if isinstance(left, float) or any(
            self._is_short(one) and isinstance(other, Reckoned | Chosen)
            for one, other in ((left, right), (right, left))
        ):
            raise _UnsaidError
        return Compared(left, operator, right)

    def _is_short(self, number: Number) -> bool:
        """Whether it is a Float32: beside more than a number or a signal, Polars brings that to types of its own."""
        return isinstance(number, Signal) and self._schema[number.name] == pl.Float32

    def _number(self) -> Number:
        if self._taken("CASE"):
            return self._case()
        left = self._signal_or_literal()
        token = self._coming
        if token is None or token.kind != "operator" or token.written not in ("+", "-", "*", "/"):
            return left
        self._place += 1
        right = self._signal_or_literal()
        if isinstance(left, float) and isinstance(right, float):
            raise _UnsaidError
        if token.written == "/" and not isinstance(right, float):
            raise _UnsaidError
        if self._is_short(left) or self._is_short(right):
            raise _UnsaidError
        return Reckoned(token.written, left, right)

    def _case(self) -> Chosen:
        cases = []
        while self._taken("WHEN"):
            when = self.any_of()
            self._need("THEN")
            cases.append((when, self._literal()))
        self._need("ELSE")
        otherwise = self._literal()
        self._need("END")
        if not cases:
            raise _UnsaidError
        return Chosen(tuple(cases), otherwise)

    def _signal_or_literal(self) -> Signal | float:
        name = self._signal()
        if name is None:
            return self._literal()
        if self._schema[name] in (pl.String, pl.Boolean):
            raise _UnsaidError
        self._place += 1
        return Signal(name)

    def _literal(self) -> float:
        negated = self._taken("-")
        token = self._next()
        if token.kind != "number" or float(token.written) > _LARGEST_NUMBER:
            raise _UnsaidError
        return -float(token.written) if negated else float(token.written)

    def _quoted(self) -> str:
        token = self._next()
        if token.kind != "text" or "\\" in token.written:
            raise _UnsaidError
        return token.written[1:-1].replace("''", "'")

    def _operator(self) -> str | None:
        token = self._coming
        if token is None or token.kind != "operator" or token.written not in _COMPARISONS:
            return None
        self._place += 1
        return _COMPARISONS[token.written]

    def _signal(self) -> str | None:
        """The name of the signal that comes next, which stays there."""
        token = self._coming
        return token.written if token is not None and token.kind == "signal" and token.written in self._schema else None

    def _after(self, steps: int, word: str) -> bool:
        place = self._place + steps
        return place < len(self._tokens) and self._tokens[place].written.upper() == word

    def _next(self) -> Token:
        if self.at_end:
            raise _UnsaidError
        self._place += 1
        return self._tokens[self._place - 1]

    def _taken(self, word: str) -> bool:
        """Whether `word`, a keyword or a sign, comes next; then it is behind us."""
        if self._after(0, word) and self._tokens[self._place].kind in ("keyword", "operator"):
            self._place += 1
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._taken(word):
            raise _UnsaidError
