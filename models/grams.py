"""Grams: the 1-, 2- and 3-character pieces of folded texts, as 32-bit hashes in columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.folding import Folded

# Odd constants of splitmix and murmur finalisers: they spread neighbouring code points over all 32 bits.
SPREAD = np.uint32(0x9E3779B1)
MIX_1, MIX_2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
SEEDS = (np.uint32(0x2545F491), np.uint32(0x27220A95), np.uint32(0x165667B1))
NO_GRAM = 0


@dataclass(frozen=True)
class Grams:
    """Hashed grams of n texts.

    hashes: uint32[m, 3], the 1-, 2- and 3-gram that starts at each folded position, NO_GRAM where it
    would run past its text's end. starts: int64[n + 1], as in Folded. The columns lie one after another
    in memory (`hashes[:, k]` is contiguous).
    """

    hashes: NDArray[np.uint32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def counts(self) -> NDArray[np.int64]:
        """int64[n]: how many grams each text has: 1 for a text of one code, 3k - 3 for one of k >= 2."""
        lengths = np.diff(self.starts)
        return np.maximum(3 * lengths - 3, lengths)


def grams(folded: Folded) -> Grams:
    """Hash the grams of folded texts. A text has the same hashes on every machine and in every batch."""
    codes, starts = folded.codes, folded.starts
    hashes = np.zeros((3, len(codes)), np.uint32)
    letters = codes * SPREAD
    letters ^= letters >> np.uint32(15)
    rolled = letters
    mix(rolled + SEEDS[0], out=hashes[0])
    for size in (2, 3):
        if len(codes) < size:
            break
        rolled = rolled[:-1] * SPREAD
        rolled += letters[size - 1 :]
        mix(rolled + SEEDS[size - 1], out=hashes[size - 1, : 1 - size])
    clear_overruns(hashes, starts)
    return Grams(hashes.T, starts)


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
