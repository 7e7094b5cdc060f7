"""Texts that are the same: `fingerprint` is one hash of the folded text, whatever stands between its characters.

Greetings and laughter are alike everywhere and mean nothing, so a text must carry enough to get a hash. What it
carries is counted in grams that did not just occur: one of Chinese characters counts LETTERS_A_CHARACTER, for a
character says about as much as three letters do.

Texts that are nearly the same are found by `workers.campaigns`.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.folding import SPACE
from models.grams import NO_GRAM
from workers.batch import Batch
from workers.campaigns.sketch import ALPHABETS_END
from workers.signals.column import Column
from workers.values import Values

# "good morning everyone", "happy new year to you" and 新年快乐万事如意 fall below; ten Chinese characters do not.
FINGERPRINT_WEIGHT = 24
LETTERS_A_CHARACTER = 3
REMEMBERED = 8

Places = NDArray[np.int64]


class Duplicates:
    """The fingerprint of the text."""

    name = "duplicates"
    columns = (
        Column("fingerprint", pl.UInt64(), "", "hash of the folded text; null for a text too short to mean much"),
    )

    def measure(self, batch: Batch, wanted: Collection[str] | None = None) -> dict[str, Values]:
        hashes = fingerprints(batch)
        return {"fingerprint": Values.known(hashes, hashes != 0)}


def fingerprints(batch: Batch) -> NDArray[np.uint64]:
    """uint64[n]: a hash of each folded text without its spaces, 0 where that carries too little."""
    folded, grams = batch.folded_text, batch.text_grams.hashes[:, 2]
    weights = carried(grams, folded.codes < ALPHABETS_END, folded.starts)
    solid = (folded.codes != SPACE).nonzero()[0]
    starts = solid.searchsorted(folded.starts)
    letters = places_inside(starts).astype(np.uint64) << np.uint64(32)
    letters |= folded.codes.take(solid)
    # Sums modulo 2^64 wrap.
    result = np.maximum(sums(spread(letters), starts), 1)
    result[weights < FINGERPRINT_WEIGHT] = 0
    return result


def carried(grams: NDArray[np.uint32], alphabetic: NDArray[np.bool_], starts: Places) -> NDArray[np.uint64]:
    """uint64[n]: weight of each text's grams that are none of the REMEMBERED before them in the text."""
    weights = np.where(alphabetic, np.uint8(1), np.uint8(LETTERS_A_CHARACTER))
    weights *= grams != NO_GRAM
    backs = range(1, min(REMEMBERED + 1, len(grams)))
    found = [(grams[back:] == grams[:-back]).nonzero()[0] + back for back in backs]
    again = np.concatenate([*found, starts[:0]])
    begins = starts[starts.searchsorted(again, side="right") - 1]
    weights[again[again - begins >= np.repeat(backs, list(map(len, found)))]] = 0
    return sums(weights, starts)


def sums(values: NDArray[np.uint8] | NDArray[np.uint64], starts: Places) -> NDArray[np.uint64]:
    """uint64[n]: sums of the values of each text."""
    result = np.zeros(len(starts) - 1, np.uint64)
    filled = (starts[1:] > starts[:-1]).nonzero()[0]
    result[filled] = np.add.reduceat(values, starts[filled], dtype=np.uint64)
    return result


def places_inside(starts: Places) -> Places:
    """For pieces that lie end to end: where in its piece each element is."""
    return np.arange(starts[-1]) - starts[:-1].repeat(starts[1:] - starts[:-1])


def spread(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix 64-bit numbers so that each bit depends on all (the finaliser of splitmix64)."""
    mixed = values * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
