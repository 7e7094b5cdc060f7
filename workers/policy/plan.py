"""A policy's rules as one plan: all of them over a batch, with nothing evaluated twice and little that cannot fire.

The signals of a batch are laid out as rows of one matrix (null is NaN, which no comparison is true of), of which the
least and the greatest value are taken once. Conditions are two-valued: a rule fires where it is true, and by the laws
of De Morgan each NOT is carried down to a comparison, which becomes its opposite. A comparison with a number that the
greatest value of the batch does not reach is true of no post, and so is every AND with it: most rules of a large policy
end there, all at once. What is left is evaluated on whole rows, and what several rules say only once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
from workers.policy.expression import with_plain_numbers
from workers.policy.masks import (
    NULL,
    Absent,
    Both,
    Bound,
    Either,
    Layout,
    Lookup,
    Mask,
    Masks,
    Neither,
    Node,
    NoText,
    Relation,
    Value,
)
from workers.policy.parser import parse
from workers.values import Columns, frame_of

Fired = list[tuple[int, NDArray[np.intp]]]
"""Each rule that fires, by its index, ascending, with the rows it fires on, ascending."""
_OPPOSITE: Final = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "<>", "<>": "="}
_RECKON: Final[dict[str, np.ufunc]] = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}


class Plan:
    """The rules of a policy, ready to be evaluated.

    Args:
        conditions: the rules' SQL.
        expressions: the same for Polars.
        schema: dtypes of the signals.
    """

    def __init__(
        self, conditions: Sequence[str], expressions: Sequence[pl.Expr], schema: Mapping[str, pl.DataType]
    ) -> None:
        self._expressions = tuple(expressions)
        trees = [parse(when, schema) for when in conditions]
        builder = _Builder(schema)
        self._rules = [(index, builder.node(tree, True)) for index, tree in enumerate(trees) if tree is not None]
        self._others = [index for index, tree in enumerate(trees) if tree is None]
        self._layout, bounds = builder.layout(), len(builder.bounds)
        # Bounds outside of which a rule cannot fire, and one that always holds.
        needed = [[*_needed(node), bounds] for _, node in self._rules]
        self._needed = np.array([place for places in needed for place in places], np.intp)
        self._firsts = np.cumsum([0, *map(len, needed)])[:-1]

    def fire(self, columns: Columns, posts: int) -> Fired:
        """Evaluate every rule on every row of so many. columns: the signals that rules name, each of its dtype."""
        if not posts:
            return []
        fired: Fired = []
        if self._rules:
            masks = Masks(columns, posts, self._layout)
            if masks.strange:
                return list(self._by_polars(columns, range(len(self._expressions))))
            can = np.logical_and.reduceat(masks.possible.take(self._needed), self._firsts)
            for place in can.nonzero()[0].tolist():
                index, node = self._rules[place]
                mask = masks.mask(node)
                if mask is not None and len(rows := mask.nonzero()[0]):
                    fired.append((index, rows))
        if self._others:
            fired = sorted([*fired, *self._by_polars(columns, self._others)], key=lambda one: one[0])
        return fired

    def _by_polars(self, columns: Columns, indices: Sequence[int]) -> Iterator[tuple[int, NDArray[np.intp]]]:
        expressions = [self._expressions[index] for index in indices]
        names = frozenset(name for expression in expressions for name in expression.meta.root_names())
        outcomes = with_plain_numbers(frame_of(columns, names), names).select(expressions).fill_null(False)
        for index, outcome in zip(indices, outcomes, strict=True):
            if len(rows := outcome.to_numpy().nonzero()[0]):
                yield index, rows


def _needed(node: Node) -> list[int]:
    parts = node.parts if isinstance(node, Both) else [node]
    return [part.place for part in parts if isinstance(part, Bound)]


class _Builder:
    """Makes nodes of conditions; of what is said twice, one that is shared."""

    def __init__(self, schema: Mapping[str, pl.DataType]) -> None:
        self.bounds: list[Bound] = []
        self._schema = schema
        self._nodes: dict[tuple[object, ...], Node] = {}
        self._numbers: dict[str, int] = {}
        self._texts: dict[str, dict[str | None, int]] = {}

    def layout(self) -> Layout:
        """What all nodes that were made look at."""
        for node in self._nodes.values():
            if isinstance(node, Lookup):
                node.ready_for(len(self._texts[node.name]) + 1)
        count = len(self._numbers)
        return Layout(
            tuple(self._numbers),
            self._texts,
            np.array([bound.row + count * bound.upper for bound in self.bounds], np.intp),
            np.array([-bound.limit if bound.upper else bound.limit for bound in self.bounds], np.float64),
        )

    def node(self, found: Condition, wanted: bool) -> Node:
        """Where a condition is true, or, not `wanted`, where it is false."""
        match found:
            case Not(inner):
                return self.node(inner, not wanted)
            case AllOf(conditions) | AnyOf(conditions):
                parts = [self.node(one, wanted) for one in conditions]
                return self._both(parts) if isinstance(found, AllOf) == wanted else self._either(parts)
            case Holds(signal):
                row = self._row(signal)
                return self._bound(row, False, 1.0) if wanted else self._bound(row, True, 0.0)
            case OneOf(signal, values):
                known = self._known(signal)
                numbers = frozenset(known.setdefault(value, len(known) + 1) for value in values)
                return self._one(("lookup", signal, numbers, wanted), lambda: Lookup(signal, numbers, wanted))
            case Unknown(str() as signal):
                if self._schema[signal] == pl.String:
                    self._known(signal)
                    return self._one(("no text", signal, wanted), lambda: NoText(signal, wanted))
                row = self._row(signal)
                return self._one(("absent", row, wanted), lambda: Absent(row, wanted))
            case Unknown(AllOf() | AnyOf() | Not() | Compared() | OneOf() | Holds() | Unknown() as inner):
                known_of = self._either([self.node(inner, True), self.node(inner, False)])
                return self._one(("neither", known_of), lambda: Neither(known_of)) if wanted else known_of
            case Compared(left, operator, right):
                return self._compared(left, operator if wanted else _OPPOSITE[operator], right)
        raise TypeError(found)

    def _compared(self, left: Number, operator: str, right: Number) -> Node:
        if operator == "<>":
            return self._either([self._compared(left, sign, right) for sign in "<>"])
        if not (isinstance(left, Signal) and isinstance(right, float)):
            key = ("relation", left, operator, right)
            return self._one(key, lambda: Relation(operator, self._value(left), self._value(right)))
        # As Polars has it: a number beside a signal is of the signal's type.
        limit = float(np.float32(right)) if self._schema[left.name] == pl.Float32 else right
        row = self._row(left.name)
        if operator == "=":
            return self._both([self._bound(row, False, limit), self._bound(row, True, limit)])
        upper = operator[0] == "<"
        if len(operator) == 1:
            limit = math.nextafter(limit, -math.inf if upper else math.inf)
        return self._bound(row, upper, limit)

    def _value(self, number: Number) -> Value:
        match number:
            case Signal(name):
                row = self._row(name)
                return lambda masks: masks.rows[row]
            case Reckoned(operator, left, right):
                return _reckoned(_RECKON[operator], self._value(left), self._value(right))
            case Chosen(cases, otherwise):
                return _chosen([(self.node(when, True), chosen) for when, chosen in cases], otherwise)
            case float():
                return lambda masks: number
        raise TypeError(number)

    def _both(self, parts: list[Node]) -> Node:
        flat = [inner for part in parts for inner in (part.parts if isinstance(part, Both) else [part])]
        return self._one(("both", *flat), lambda: Both(flat))

    def _either(self, parts: list[Node]) -> Node:
        return self._one(("either", *parts), lambda: Either(parts))

    def _bound(self, row: int, upper: bool, limit: float) -> Node:
        def make() -> Node:
            self.bounds.append(Bound(row, upper, limit, len(self.bounds)))
            return self.bounds[-1]

        return self._one(("bound", row, upper, limit), make)

    def _one(self, key: tuple[object, ...], make: Callable[[], Node]) -> Node:
        if key in self._nodes:
            self._nodes[key].shared = True
        else:
            self._nodes[key] = make()
        return self._nodes[key]

    def _row(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def _known(self, signal: str) -> dict[str | None, int]:
        """Values of a text signal by number; None is NULL, and OTHER is kept free."""
        return self._texts.setdefault(signal, {None: NULL})


def _reckoned(operation: np.ufunc, left: Value, right: Value) -> Value:
    def value(masks: Masks) -> NDArray[np.float64]:
        with np.errstate(over="ignore"):
            found: NDArray[np.float64] = operation(left(masks), right(masks))
        return found

    return value


def _chosen(cases: list[tuple[Node, float]], otherwise: float) -> Value:
    def value(masks: Masks) -> NDArray[np.float64]:
        found = np.full(masks.size, otherwise)
        # The first that is true decides, so that it is written last.
        for node, chosen in reversed(cases):
            mask: Mask = masks.mask(node)
            if mask is not None:
                found[mask] = chosen
        return found

    return value
