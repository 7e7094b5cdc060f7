"""What the plain part of a rule is made of: comparisons of numbers, joined by AND, OR and NOT."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Signal:
    """A number, by the name of its signal."""

    name: str


@dataclass(frozen=True)
class Reckoned:
    """Two numbers joined by + - * or /."""

    operator: str
    left: Signal | float
    right: Signal | float


@dataclass(frozen=True)
class Chosen:
    """CASE: the number of the first condition that is true, else the last."""

    cases: tuple[tuple[Condition, float], ...]
    otherwise: float


Number = Signal | float | Reckoned | Chosen


@dataclass(frozen=True)
class Compared:
    """A comparison of two numbers: = <> < <= > or >=."""

    left: Number
    operator: str
    right: Number


@dataclass(frozen=True)
class OneOf:
    """A text signal is one of `values`."""

    signal: str
    values: frozenset[str]


@dataclass(frozen=True)
class Holds:
    """A signal that is true or false."""

    signal: str


@dataclass(frozen=True)
class Unknown:
    """A signal, or a condition, is null."""

    what: str | Condition


@dataclass(frozen=True)
class Not:
    """True where a condition is false."""

    condition: Condition


@dataclass(frozen=True)
class AllOf:
    """Conditions joined by AND."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    """Conditions joined by OR."""

    conditions: tuple[Condition, ...]


Condition = Compared | OneOf | Holds | Unknown | Not | AllOf | AnyOf
