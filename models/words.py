"""Words: whole Latin words and numbers of folded texts, and neighbours among them, as 32-bit hashes.

Grams of three letters say little in a script of 26; a word says much. Of a number only its length is told: its
digits have grams of their own.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.folding import Folded
from models.hashing import NO_GRAM, SPREAD, mix

WORD_SEED, PAIR_SEED, NUMBER_SEED = np.uint32(0x1B873593), np.uint32(0xCC9E2D51), np.uint32(0xE6546B64)
DIGITS, LETTERS_AND_DIGITS = np.uint32(10), np.uint32(0x80 - ord("0"))
RATIO = 0x9E3779B1
INVERSE = pow(RATIO, -1, 1 << 32)


def words(folded: Folded, letters: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """uint32[w, 2] and int64[n + 1]: the hash of each word, and of the word before it together with it (NO_GRAM at
    the first of a text); where each text's words begin. letters: uint32[m], a number for each code.

    A word is a run of the letters a to z or of digits. What stands between two words, if anything, does not matter.
    """
    codes, starts = folded.codes, folded.starts
    from_zero = codes - np.uint32(ord("0"))
    digit, inside = from_zero < DIGITS, from_zero < LETTERS_AND_DIGITS
    # Where one kind of character ends and another, or another text, begins.
    border = np.ones(len(codes) + 1, bool)
    if len(codes):
        np.not_equal(inside[1:], inside[:-1], out=border[1:-1])
        border[1:-1] |= digit[1:] != digit[:-1]
        border[starts] = True
    first = np.flatnonzero(border[:-1] & inside)
    last = np.flatnonzero(border[1:] & inside)
    hashes = np.full((2, len(first)), NO_GRAM, np.uint32)
    word_starts = first.searchsorted(starts)
    if len(first) == 0:
        return hashes.T, word_starts
    # Letters times rising powers, summed up: a word is what its places add, brought down to the lowest power.
    rising = powers(len(codes))
    sums = np.zeros(len(codes) + 1, np.uint32)
    np.cumsum(letters * rising[0], dtype=np.uint32, out=sums[1:])
    spelled = (sums.take(last + 1) - sums.take(first)) * rising[1].take(first)
    number = digit.take(first)
    spelled[number] = (last - first + 1)[number].astype(np.uint32) * NUMBER_SEED
    mix(spelled + WORD_SEED, out=hashes[0])
    mix(hashes[0, :-1] * SPREAD + hashes[0, 1:] + PAIR_SEED, out=hashes[1, 1:])
    hashes[1, word_starts[:-1][np.diff(word_starts) > 0]] = NO_GRAM
    return hashes.T, word_starts


def powers(count: int) -> NDArray[np.uint32]:
    """uint32[2, count]: the powers of an odd number modulo 2 ** 32, and those of its inverse."""
    return kept_powers(1 << max(count - 1, 1).bit_length())[:, :count]


@lru_cache(maxsize=32)
def kept_powers(count: int) -> NDArray[np.uint32]:
    rising = np.empty((2, count), np.uint32)
    rising[:, 0] = 1
    rising[:, 1:] = np.array([[RATIO], [INVERSE]], np.uint32)
    return np.multiply.accumulate(rising, axis=1, dtype=np.uint32)
