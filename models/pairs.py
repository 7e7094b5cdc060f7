"""Odd pairs: Chinese characters that ordinary text does not write side by side.

Who swaps characters for ones that sound or look the same leaves neighbours that nobody else writes. A table
(written by `models.pairs_table`) holds a bit for each hashed pair that ordinary text writes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.folding import Folded
from models.hashing import NO_GRAM

TABLE_FILE = Path(__file__).with_name("pairs.npz")
BITS = 20
MASK = np.uint32((1 << BITS) - 1)
HAN_FIRST, HAN_COUNT = np.uint32(0x4E00), np.uint32(0x9FFF - 0x4E00 + 1)


@cache
def usual() -> NDArray[np.uint8]:
    """uint8[2 ** BITS / 8], a bit for each hash that ends in these BITS: whether ordinary text writes its pair. Packed,
    it fits a processor's cache."""
    with np.load(TABLE_FILE, allow_pickle=False) as stored:
        table: NDArray[np.uint8] = stored["usual"]
    return table


def odd_pairs(folded: Folded, pairs: NDArray[np.uint32]) -> NDArray[np.int64]:
    """int64[n]: how many pairs of Chinese characters in each text are odd. pairs: uint32[m], the hash of the pair that
    begins at each folded position."""
    places = chinese_pairs(folded, pairs).nonzero()[0]
    hashes = pairs.take(places)
    held = usual().take((hashes & MASK) >> 3) >> (hashes & 7).astype(np.uint8)
    odd = places.take(((held & 1) == 0).nonzero()[0])
    before: NDArray[np.int64] = odd.searchsorted(folded.starts)
    return before[1:] - before[:-1]


def chinese_pairs(folded: Folded, pairs: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """bool[m]: where a pair of Chinese characters begins, both of the same text."""
    chinese = (folded.codes - HAN_FIRST) < HAN_COUNT
    found: NDArray[np.bool_] = pairs != NO_GRAM
    found &= chinese
    found[:-1] &= chinese[1:]
    return found
