"""Words: whole Latin words and numbers of folded texts, and neighbours among them, as 32-bit hashes.

Grams of three letters say little in a script of 26; a word says much. Of a number only its length is told: its
digits have grams of their own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.folding import Folded
from models.hashing import NO_GRAM, SPREAD, mix, spread

WORD_SEED, PAIR_SEED, NUMBER_SEED = np.uint32(0x1B873593), np.uint32(0xCC9E2D51), np.uint32(0xE6546B64)
# Letters from here on count like the last: a power for each place in a word.
LONGEST = 64
POWERS = SPREAD ** np.arange(LONGEST, dtype=np.uint32)
FIRST, AFTER_DIGITS, END = np.uint32(ord("0")), np.uint32(ord(":")), np.uint32(0x80)


def words(folded: Folded) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """uint32[w, 2] and int64[n + 1]: the hash of each word, and of the word before it together with it (NO_GRAM at
    the first of a text); where each text's words begin.

    A word is a run of the letters a to z or of digits. What stands between two words, if anything, does not matter.
    """
    codes, starts = folded.codes, folded.starts
    places = np.flatnonzero((codes >= FIRST) & (codes < END))
    letters = codes.take(places)
    digit = letters < AFTER_DIGITS
    begins = np.ones(len(places), bool)
    if len(places):
        np.not_equal(places[1:], places[:-1] + 1, out=begins[1:])
        begins[1:] |= digit[1:] != digit[:-1]
    edges = places.searchsorted(starts)
    begins[edges[edges < len(places)]] = True
    first = np.flatnonzero(begins)
    hashes = np.full((2, len(first)), NO_GRAM, np.uint32)
    word_starts = first.searchsorted(edges)
    if len(first) == 0:
        return hashes.T, word_starts
    lengths = np.diff(first, append=len(places))
    in_word = np.minimum(np.arange(len(places)) - np.repeat(first, lengths), LONGEST - 1)
    sums = np.add.reduceat(spread(letters) * POWERS.take(in_word), first, dtype=np.uint32)
    number = digit.take(first)
    sums[number] = lengths[number].astype(np.uint32) * NUMBER_SEED
    mix(sums + WORD_SEED, out=hashes[0])
    mix(hashes[0, :-1] * SPREAD + hashes[0, 1:] + PAIR_SEED, out=hashes[1, 1:])
    hashes[1, word_starts[:-1][np.diff(word_starts) > 0]] = NO_GRAM
    return hashes.T, word_starts
