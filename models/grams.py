"""Grams: the 1-, 2- and 3-character pieces of folded texts, as 32-bit hashes in columns.

Separators, which folding takes out, come as grams of their own (`marks`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.folding import Folded

# Odd constants of splitmix and murmur finalisers: they spread neighbouring code points over all 32 bits.
SPREAD = np.uint32(0x9E3779B1)
MIX_1, MIX_2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
SEEDS = (np.uint32(0x2545F491), np.uint32(0x27220A95), np.uint32(0x165667B1))
MARK_SEEDS = (np.uint32(0xD3A2646C), np.uint32(0xFD7046C5), np.uint32(0xB55A4F09), np.uint32(0x6C8E9CF5))
NO_GRAM = 0


@dataclass(frozen=True)
class Grams:
    """Hashed grams of n texts.

    hashes: uint32[m, 3], the 1-, 2- and 3-gram that starts at each folded position, NO_GRAM where it would
    run past its text's end. starts: int64[n + 1], as in Folded. The columns lie one after another in memory
    (`hashes[:, k]` is contiguous). marks: uint32[s, 4], for each separator of Folded.marks the hashes of
    itself, with what is before it, with what is after it, with both. mark_starts: int64[n + 1], as in Folded.
    """

    hashes: NDArray[np.uint32]
    starts: NDArray[np.int64]
    marks: NDArray[np.uint32]
    mark_starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def counts(self) -> NDArray[np.int64]:
        """int64[n]: how many grams each text has, marks apart: 1 for one code, 3k - 3 for k >= 2."""
        lengths: NDArray[np.int64] = np.diff(self.starts)
        return np.maximum(3 * lengths - 3, lengths)


def grams(folded: Folded) -> Grams:
    """Hash the grams of folded texts. A text has the same hashes on every machine and in every batch."""
    codes, starts = folded.codes, folded.starts
    hashes = np.zeros((3, len(codes)), np.uint32)
    letters = spread(codes)
    rolled = letters
    mix(rolled + SEEDS[0], out=hashes[0])
    for size in (2, 3):
        if len(codes) < size:
            break
        rolled = rolled[:-1] * SPREAD
        rolled += letters[size - 1 :]
        mix(rolled + SEEDS[size - 1], out=hashes[size - 1, : 1 - size])
    clear_overruns(hashes, starts)
    return Grams(hashes.T, starts, mark_hashes(folded.marks), folded.mark_starts)


def mark_hashes(marks: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """uint32[s, 4]: each separator alone, with the code before it, with the one after it, with both."""
    before, here, after = spread(marks.T)
    with_before = before * SPREAD + here
    hashes = np.empty((4, len(marks)), np.uint32)
    mix(here + MARK_SEEDS[0], out=hashes[0])
    mix(with_before + MARK_SEEDS[1], out=hashes[1])
    mix(here * SPREAD + after + MARK_SEEDS[2], out=hashes[2])
    mix(with_before * SPREAD + after + MARK_SEEDS[3], out=hashes[3])
    return hashes.T


def spread(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Neighbouring code points, far apart."""
    letters = codes * SPREAD
    letters ^= letters >> np.uint32(15)
    return letters


def mix(values: NDArray[np.uint32], out: NDArray[np.uint32]) -> None:
    """Multiply and xor-shift until every bit depends on every bit; NO_GRAM is never a result."""
    values ^= values >> np.uint32(16)
    values *= MIX_1
    values ^= values >> np.uint32(13)
    values *= MIX_2
    values ^= values >> np.uint32(16)
    np.maximum(values, np.uint32(1), out=out)


def clear_overruns(hashes: NDArray[np.uint32], starts: NDArray[np.int64]) -> None:
    """NO_GRAM for the 2- and 3-grams that begin in the last one or two codes of a text."""
    lengths = np.diff(starts)
    last = starts[1:][lengths >= 1] - 1
    hashes[1:, last] = NO_GRAM
    hashes[2, starts[1:][lengths >= 2] - 2] = NO_GRAM
