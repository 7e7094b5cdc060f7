"""What a text looks like as a whole: how long it is, how many capitals it has, how long its longest number is.

Each is told by one hash a text, which counts the same however long the text is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.folding import Folded
from models.hashing import NO_GRAM, mix
from models.words import DIGITS

# A text is of the last length here that it reaches, in folded codes.
LENGTHS = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 18, 21, 25, 32, 40, 60, 90, 140], np.int64)
CAPITALS = np.array([0, 1, 2, 3, 5, 7, 10, 15, 25, 40], np.int64)
NUMBERS = np.arange(13, dtype=np.int64)


def told(steps: NDArray[np.int64], seed: int) -> NDArray[np.uint32]:
    """A hash for each step, none for having nothing."""
    hashes = mix(np.arange(len(steps), dtype=np.uint32) + np.uint32(seed))
    hashes[0] = NO_GRAM
    return hashes


LENGTH_HASHES = mix(np.arange(len(LENGTHS), dtype=np.uint32) + np.uint32(0x7FEB352D))
CAPITAL_HASHES = told(CAPITALS, 0x3C6EF372)
NUMBER_HASHES = told(NUMBERS, 0x1F83D9AB)
# The hash of each value up to the last step; beyond it there is no other.
EVERY = [
    np.repeat(hashes, np.diff(steps, append=steps[-1] + 1))
    for steps, hashes in ((LENGTHS, LENGTH_HASHES), (CAPITALS, CAPITAL_HASHES), (NUMBERS, NUMBER_HASHES))
]


def shapes(folded: Folded, first: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint32]:
    """uint32[3, n]: the hashes of each text's length, of its number of capitals and of its longest number, in digits.

    first, lengths: where each word of the folded codes begins, and how long it is, as from `models.words`.
    """
    result = np.empty((3, len(folded)), np.uint32)
    values = folded.lengths, folded.capitals, longest_numbers(folded, first, lengths)
    for row, each, hashes in zip(result, values, EVERY, strict=True):
        hashes.take(each, out=row, mode="clip")
    return result


def longest_numbers(folded: Folded, first: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n]: digits of the longest number in each text."""
    longest = np.zeros(len(folded), np.int64)
    numbers = (folded.codes.take(first) - np.uint32(ord("0")) < DIGITS).nonzero()[0]
    np.maximum.at(longest, folded.starts.searchsorted(first.take(numbers), "right") - 1, lengths.take(numbers))
    return longest
