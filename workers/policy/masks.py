"""Where the conditions of rules are true, over a whole batch of posts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.values import Columns, Values

Mask = NDArray[np.bool_] | None
"""bool[n]; None where it is true of no row."""
Value = Callable[["Masks"], "NDArray[np.float64] | float"]
"""A number for each row."""
COMPARE: Final = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "=": np.equal}
NULL, OTHER = 0, 1


class Layout(NamedTuple):
    """What rules look at.

    Attributes:
        numbers: names of the signals that are numbers, or true or false.
        texts: for each text signal the values that rules name, and None, numbered; any other value is OTHER.
        extremes, limits: for each bound, which extreme of the batch must be at least the limit for any post to be
            within it: the greatest value of a signal, by its place in `numbers`, or, behind those, the least, negated.
    """

    numbers: tuple[str, ...]
    texts: dict[str, dict[str | None, int]]
    extremes: NDArray[np.intp]
    limits: NDArray[np.float64]


class Masks:
    """The signals of n posts, and what was found out about them so far.

    Attributes:
        size: n.
        rows: float64[n] for each number and each signal that is true or false (1 or 0), NaN where null.
        unknown: how many of each row are null.
        possible: for each bound of the plan, whether any post is within it.
        strange: a number is infinite or NaN. Then nothing here holds.
    """

    def __init__(self, columns: Columns, size: int, layout: Layout) -> None:
        self.size = size
        self._columns = columns
        self._texts = layout.texts
        self._codes: dict[str, NDArray[np.intp]] = {}
        self._masks: dict[Node, Mask] = {}
        matrix = np.empty((len(layout.numbers), size))
        self.unknown = [_fill(row, columns[name]) for row, name in zip(matrix, layout.numbers, strict=True)]
        self.rows = list(matrix)
        # NaN only where all of a row is.
        extremes = np.concatenate([np.fmax.reduce(matrix, axis=1), -np.fmin.reduce(matrix, axis=1)])
        self.strange = bool(
            np.count_nonzero(np.isinf(extremes)) or np.count_nonzero(np.isnan(matrix)) != sum(self.unknown)
        )
        self.possible = np.ones(len(layout.limits) + 1, np.bool_)
        np.greater_equal(extremes.take(layout.extremes), layout.limits, out=self.possible[:-1])

    def mask(self, node: Node) -> Mask:
        """Where a condition is true; what several rules say is looked for once."""
        if not node.shared:
            return node.find(self)
        if node not in self._masks:
            self._masks[node] = node.find(self)
        return self._masks[node]

    def codes(self, name: str) -> NDArray[np.intp]:
        """intp[n]: the number of each value of a text signal in the plan, or NULL or OTHER."""
        if name not in self._codes:
            values = self._columns[name].held
            self._codes[name] = np.fromiter(map(self._texts[name].get, values, repeat(OTHER)), np.intp, self.size)
        return self._codes[name]


def _fill(row: NDArray[np.float64], values: Values) -> int:
    """Fill a row of the matrix; how many of it are null."""
    row[:] = values.held
    if values.null is None:
        return 0
    row[values.null] = np.nan
    return int(np.count_nonzero(values.null))


class Node:
    """A condition of two values. shared: several rules say it."""

    shared = False

    def find(self, masks: Masks) -> Mask:
        """Where it is true."""
        raise NotImplementedError


class Bound(Node):
    """A number that is at least `limit` (upper: at most)."""

    def __init__(self, row: int, upper: bool, limit: float, place: int) -> None:
        self.row, self.upper, self.limit, self.place = row, upper, limit, place

    def find(self, masks: Masks) -> Mask:
        if not masks.possible[self.place]:
            return None
        row = masks.rows[self.row]
        mask: Mask = row <= self.limit if self.upper else row >= self.limit
        return mask


class Absent(Node):
    """A number that is null, or is not."""

    def __init__(self, row: int, wanted: bool) -> None:
        self.row, self.wanted = row, wanted

    def find(self, masks: Masks) -> Mask:
        if not masks.unknown[self.row]:
            return None if self.wanted else np.ones(masks.size, bool)
        absent = np.isnan(masks.rows[self.row])
        return absent if self.wanted else ~absent


class Lookup(Node):
    """A text that is one of some values, or, not `wanted`, another one. numbers: of those values in the layout."""

    def __init__(self, name: str, numbers: frozenset[int], wanted: bool) -> None:
        self.name, self._numbers, self._wanted = name, numbers, wanted
        self._table = np.zeros(0, bool)

    def ready_for(self, size: int) -> None:
        """Get ready for values with numbers below `size`: what is null is neither one of them nor another."""
        self._table = np.array([number != NULL and (number in self._numbers) == self._wanted for number in range(size)])

    def find(self, masks: Masks) -> Mask:
        mask: Mask = self._table.take(masks.codes(self.name))
        return mask


class NoText(Node):
    """A text that is null, or is not."""

    def __init__(self, name: str, wanted: bool) -> None:
        self.name, self.wanted = name, wanted

    def find(self, masks: Masks) -> Mask:
        codes = masks.codes(self.name)
        mask: Mask = codes == NULL if self.wanted else codes != NULL
        return mask


class Relation(Node):
    """A comparison of two numbers that are reckoned for each post."""

    def __init__(self, operator: str, left: Value, right: Value) -> None:
        self.compare, self.left, self.right = COMPARE[operator], left, right

    def find(self, masks: Masks) -> Mask:
        found: Mask = self.compare(self.left(masks), self.right(masks))
        return found


class Both(Node):
    """All of some conditions, the cheap ones first."""

    def __init__(self, parts: Sequence[Node]) -> None:
        self.parts = sorted(parts, key=lambda part: _COST[type(part)])

    def find(self, masks: Masks) -> Mask:
        found: Mask = None
        for part in self.parts:
            mask = masks.mask(part)
            if mask is None:
                return None
            found = mask if found is None else found & mask
            if not np.count_nonzero(found):
                return None
        return found


class Either(Node):
    """Any of some conditions."""

    def __init__(self, parts: Sequence[Node]) -> None:
        self.parts = parts

    def find(self, masks: Masks) -> Mask:
        found: Mask = None
        for part in self.parts:
            mask = masks.mask(part)
            if mask is not None:
                found = mask if found is None else found | mask
        return found


class Neither(Node):
    """None of some conditions."""

    def __init__(self, either: Node) -> None:
        self.either = either

    def find(self, masks: Masks) -> Mask:
        mask = masks.mask(self.either)
        return np.ones(masks.size, bool) if mask is None else ~mask


_COST: Final = {Bound: 0, Absent: 1, Lookup: 2, NoText: 2, Relation: 3, Both: 4, Either: 4, Neither: 5}
