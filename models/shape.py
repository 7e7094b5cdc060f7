"""What a text looks like as a whole: how long it is, how many capitals, digits and separators it has, how long its
longest number is.

Each is told by one hash a text, which counts the same however long the text is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.folding import Folded
from models.hashing import NO_GRAM, mix
from models.script import ALPHABETIC
from models.words import is_digit


def scale(steps: list[int], seed: int, *, told_at_zero: bool = False) -> NDArray[np.uint32]:
    """uint32[2, v]: the hash of each value, a value beyond the last having the hash of that one: in the East Asian
    scripts, and in alphabets. A value has the hash of the last of the steps that it reaches; that of 0 is NO_GRAM
    unless it is told."""
    hashes = mix(np.arange(len(steps), dtype=np.uint32) + np.uint32(seed))
    each = np.repeat(hashes, np.diff(steps, append=steps[-1] + 1))
    both = np.stack([each, mix(each ^ ALPHABETIC)])
    if not told_at_zero:
        both[:, 0] = NO_GRAM
    return both


LENGTHS = scale(
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 18, 21, 25, 32, 40, 60, 90, 140], 0x7FEB352D, told_at_zero=True
)
CAPITALS = scale([0, 1, 2, 3, 5, 7, 10, 15, 25, 40], 0x3C6EF372)
LONGEST_NUMBER = scale(list(range(13)), 0x1F83D9AB)
DIGIT_COUNTS = scale([0, 1, 2, 3, 4, 6, 8, 11, 15, 21, 30, 45], 0x5BE0CD19)
SEPARATORS = scale([0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 24, 34, 50], 0x1B56C4E9)
SCALES = (LENGTHS, CAPITALS, LONGEST_NUMBER, DIGIT_COUNTS, SEPARATORS)


def shapes(
    folded: Folded, salts: NDArray[np.uint32], first: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.uint32]:
    """uint32[5, n]: the hashes of each text's length, of its number of capitals, of its longest number (in digits), and
    of how many digits and separators it has.

    salts: as from `models.script`. first, lengths: where each word of the folded codes begins, and how long it is, as
    from `models.words`.
    """
    result = np.empty((len(SCALES), len(folded)), np.uint32)
    alphabetic = salts != 0
    values = folded.lengths, folded.capitals, *numbers(folded, first, lengths), np.diff(folded.mark_starts)
    for row, each, hashes in zip(result, values, SCALES, strict=True):
        most = hashes.shape[1] - 1
        hashes.take(np.minimum(each, most) + alphabetic * hashes.shape[1], out=row, mode="clip")
    return result


def numbers(
    folded: Folded, first: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[n] each: digits of the longest number in each text, and of all of them."""
    longest, together = np.zeros((2, len(folded)), np.int64)
    places = is_digit(folded.codes.take(first)).nonzero()[0]
    sizes, rows = lengths.take(places), folded.starts.searchsorted(first.take(places), "right") - 1
    np.maximum.at(longest, rows, sizes)
    np.add.at(together, rows, sizes)
    return longest, together
