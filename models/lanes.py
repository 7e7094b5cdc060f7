"""Sums of three small whole numbers at once, in one of 64 bits.

A model's weights are put on a grid: each is a level, a whole number of at most LARGEST, times the model's step. Levels
of three models lie side by side in an int64, WIDTH bits each, and are gathered and added as one number. Sums of whole
numbers are exact: the same in every order, in every batch and on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LANES, WIDTH = 3, 21
LARGEST = (1 << 12) - 1
# So many levels, whatever they are, add up within a lane.
LEVELS_A_SUM = (1 << WIDTH - 1) // LARGEST
# Binary logarithm of the least step: there are no plain float32 below.
LEAST_STEP = -126
_UNUSED = np.int64(64 - WIDTH)


def step_of(weights: NDArray[Any]) -> float:
    """The least power of two of which no weight is more than LARGEST: so a weight on the grid is a float32 to the last
    bit. ValueError if one is not finite."""
    largest = float(np.abs(weights).max(initial=0.0))
    if not math.isfinite(largest):
        raise ValueError("a weight is not a finite number")
    step = 2.0 ** max(math.frexp(largest)[1] - LARGEST.bit_length(), LEAST_STEP)
    return step if largest <= LARGEST * step else 2 * step


def levels_of(weights: NDArray[Any], step: float) -> NDArray[np.int16]:
    """int16: each weight as the nearest whole number of steps. It moves by half a step at most."""
    return np.rint(np.asarray(weights, np.float64) / step).astype(np.int16)


def on_grid(weights: NDArray[Any]) -> NDArray[np.float32]:
    """float32: the weights as they are served."""
    step = step_of(weights)
    return (levels_of(weights, step) * step).astype(np.float32)


def packed(levels: Sequence[NDArray[np.int16]]) -> NDArray[np.int64]:
    """int64[m]: up to LANES columns of m levels side by side."""
    together = np.zeros(len(levels[0]), np.int64)
    for lane, column in enumerate(levels):
        together += column.astype(np.int64) << (lane * WIDTH)
    return together


def unpacked(sums: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64 (LANES, m): what stands in each lane of m sums of packed levels, of LEVELS_A_SUM levels at most.

    A lane below 0 has borrowed one of the lane above it: it is taken off before that one is read."""
    lanes = np.empty((LANES, len(sums)), np.int64)
    rest = sums
    for lane in lanes:
        np.left_shift(rest, _UNUSED, out=lane)
        lane >>= _UNUSED
        rest = (rest - lane) >> WIDTH
    return lanes
