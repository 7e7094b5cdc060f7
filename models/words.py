"""Words: whole Latin words and numbers of folded texts, and neighbours among them, as 32-bit hashes.

Grams of three letters say little in a script of 26; a word says much. Of a number only its length is told: its
digits have grams of their own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.folding import Folded
from models.hashing import NO_GRAM, SPREAD, mix

WORD_SEED, PAIR_SEED, LENGTH_SEED = np.uint32(0x1B873593), np.uint32(0xCC9E2D51), np.uint32(0xE6546B64)
DIGITS, LETTERS_AND_DIGITS = np.uint32(10), np.uint32(0x80 - ord("0"))
AFTER_DIGITS = np.uint32(ord("0") + 10)


def is_digit(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Which codes are the digits 0 to 9."""
    return codes - np.uint32(ord("0")) < DIGITS


def words(
    folded: Folded,
    grams: NDArray[np.uint32],
    salts: NDArray[np.uint32],
    first: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """uint32[w, 2] and int64[n + 1]: the hash of each word, and of the word before it together with it (NO_GRAM at
    the first of a text); where each text's words begin. grams: uint32[3, m], the grams of 1, 2 and 3 codes that begin
    at each place. salts: uint32[n], as from `models.script`. first, lengths: as from `word_places`.

    A word is a run of the letters a to z or of digits; what stands between two words, if anything, does not matter.
    Words are told apart by the three letters they begin with, the three they end with, and their length.
    """
    word_starts = first.searchsorted(folded.starts)
    size = np.minimum(lengths, 3)
    row = (size - 1) * len(folded.codes)
    flat = grams.ravel()
    spelled = flat.take(row + first) * SPREAD + flat.take(row + first + lengths - size)
    spelled[folded.codes.take(first) < AFTER_DIGITS] = 0
    spelled += lengths.astype(np.uint32) * LENGTH_SEED
    spelled ^= salts.repeat(np.diff(word_starts))
    hashes = np.zeros((2, len(first)), np.uint32)
    mix(spelled + WORD_SEED, out=hashes[0])
    if len(first):
        mix(hashes[0, :-1] * SPREAD + hashes[0, 1:] + PAIR_SEED, out=hashes[1, 1:])
    hashes[1, word_starts[:-1][word_starts[1:] > word_starts[:-1]]] = NO_GRAM
    return hashes.T, word_starts


def word_places(folded: Folded) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[w] and int64[w]: where each word begins in the folded codes, and how many it has."""
    from_zero = folded.codes - np.uint32(ord("0"))
    digit, inside = from_zero < DIGITS, from_zero < LETTERS_AND_DIGITS
    # Where one kind of character ends and another, or another text, begins.
    border = np.ones(len(folded.codes) + 1, bool)
    if len(folded.codes):
        np.not_equal(inside[1:], inside[:-1], out=border[1:-1])
        border[1:-1] |= digit[1:] != digit[:-1]
        border[folded.starts] = True
    first = (border[:-1] & inside).nonzero()[0]
    return first, (border[1:] & inside).nonzero()[0] - first + 1
