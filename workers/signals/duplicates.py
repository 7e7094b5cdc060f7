"""Texts that are the same, and texts that are nearly the same.

`fingerprint` is one hash of the folded text. `campaign` is a few keys of which two texts share one when they share
most of their grams: MinHash (Broder, On the resemblance and containment of documents, 1997) with banding (Leskovec,
Rajaraman and Ullman, Mining of Massive Datasets, chapter 3). Two texts with Jaccard similarity s of their gram sets
share a key with probability 1 - (1 - s^ROWS)^BANDS.

Greetings and laughter are alike everywhere and mean nothing, so a text must carry enough to get a hash. What it
carries is counted in grams that did not just occur: one of Chinese characters counts LETTERS_A_CHARACTER, for a
character says about as much as three letters do.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.folding import SPACE
from models.grams import NO_GRAM
from workers.batch import Batch
from workers.signals.column import Column

ALPHABETS_END = 0x0590  # codes below are letters and digits of scripts that need more of them to say something
LETTERS_A_CHARACTER = 3
REMEMBERED = 8

# "good morning everyone", "happy new year to you" and 新年快乐万事如意 fall below; ten Chinese characters do not.
FINGERPRINT_WEIGHT = 24
# 14 Chinese characters or eight English words, links and digits not counted.
CAMPAIGN_WEIGHT = 36
# Each band costs every post a key in the counters. Three rows: two let a shared title or phrase pass for a copy,
# four lose one copy in three of those with a fifth of their characters edited.
BANDS, ROWS = 6, 3

# What the same text is sent around with: links, mentions, hashtags. Digits are dropped as well.
CHANGING = re.compile(
    r"https?://[!-~]*|@[A-Za-z0-9_.-]+|@[^\s@:：,，]{1,30}(?=[\s:：,，]|$)|#[^#\n]{1,40}#|#\w+", re.MULTILINE
)

Hashes = NDArray[np.uint32]
Places = NDArray[np.int64]


class Duplicates:
    """The fingerprint of the text."""

    name = "duplicates"
    columns = (
        Column("fingerprint", pl.UInt64(), "", "hash of the folded text; null for a text too short to mean much"),
    )

    def measure(self, batch: Batch, wanted: Collection[str] | None = None) -> dict[str, pl.Series]:
        hashes = pl.Series(fingerprints(batch), dtype=pl.UInt64)
        return {"fingerprint": hashes.set(hashes == 0, None)}


def fingerprints(batch: Batch) -> NDArray[np.uint64]:
    """uint64[n]: a hash of each folded text without its spaces, 0 where that carries too little."""
    folded, hashes = batch.folded_text, batch.text_grams.hashes[:, 2]
    places = np.flatnonzero(hashes != NO_GRAM)
    weights = carried(hashes[places], folded.codes[places], places.searchsorted(folded.starts))

    solid = np.flatnonzero(folded.codes != SPACE)
    starts = solid.searchsorted(folded.starts)
    letters = places_inside(starts).astype(np.uint64) << np.uint64(32)
    letters |= folded.codes[solid]
    # Sums modulo 2^64 wrap, and so do their differences: exact.
    sums = np.zeros(len(letters) + 1, np.uint64)
    np.cumsum(spread(letters), out=sums[1:])
    result = np.maximum(np.diff(sums[starts]), 1)
    result[weights < FINGERPRINT_WEIGHT] = 0
    return result


def campaigns(batch: Batch, bands: int = BANDS, rows: int = ROWS) -> NDArray[np.uint64]:
    """uint64[n, bands]: near-duplicate keys of each text, 0 where the text carries too little."""
    keys = np.zeros((len(batch), bands), np.uint64)
    grams, starts, weights = lasting_grams(batch)
    chosen = np.flatnonzero(weights >= CAMPAIGN_WEIGHT)
    if len(chosen):
        grams, starts = pieces(grams, starts[chosen], starts[chosen + 1])
        keys[chosen] = band_keys(minima(grams, starts[:-1], bands * rows), bands)
    return keys


def lasting_grams(batch: Batch) -> tuple[Hashes, Places, Places]:
    """Grams of the texts without what changes from copy to copy; where each text's begin; what each carries.

    A gram is 3 codes of characters that stand alone, or 6 of an alphabet: as telling, and half as often shared by
    texts that have nothing to do with each other.
    """
    codes, threes = batch.folded_text.codes, batch.text_grams.hashes[:, 2]
    alphabetic = codes < ALPHABETS_END
    changes = changing(batch)
    changes[:-1] |= changes[1:]
    changes[:-1] |= changes[1:]
    grams = threes * ~changes
    np.copyto(grams, sixes(grams), where=alphabetic)
    places = np.flatnonzero(grams)
    grams, starts = grams[places], places.searchsorted(batch.folded_text.starts)
    return grams, starts, carried(grams, codes[places], starts)


def sixes(threes: Hashes) -> Hashes:
    """Hashes of the 6-grams that start where the 3-grams do, NO_GRAM past a text's end."""
    result = np.zeros_like(threes)
    if len(threes) > 3:
        first, second = threes[:-3], threes[3:]
        inside = (first != NO_GRAM) & (threes[1:-2] != NO_GRAM) & (second != NO_GRAM)
        mixed = (first * np.uint32(0x9E3779B1)) ^ second
        mixed *= np.uint32(0x85EBCA6B)
        mixed ^= mixed >> np.uint32(15)
        mixed *= np.uint32(0xC2B2AE35)
        mixed ^= mixed >> np.uint32(16)
        np.multiply(np.maximum(mixed, 1), inside, out=result[:-3])
    return result


def changing(batch: Batch) -> NDArray[np.bool_]:
    """bool[m]: folded codes of links, mentions, hashtags and numbers."""
    folded = batch.folded_text
    digits = folded.codes - np.uint32(ord("0")) <= 9
    joined = "\n".join(batch.texts)
    spans = np.array([match.span() for match in CHANGING.finditer(joined)], np.int64).reshape(-1, 2)
    if not len(spans):
        return digits
    lengths = np.fromiter(map(len, batch.texts), np.int64, len(batch)) + 1
    offsets = np.cumsum(lengths) - lengths
    origins = folded.origin + np.repeat(offsets, np.diff(folded.starts))
    changes = digits
    for begin, end in origins.searchsorted(spans).tolist():
        changes[begin:end] = True
    return changes


def carried(grams: Hashes, codes: Hashes, starts: Places) -> Places:
    """int64[n]: weight of each text's grams that are none of the REMEMBERED before them in the text."""
    weights = np.where(codes < ALPHABETS_END, np.uint8(1), np.uint8(LETTERS_A_CHARACTER))
    for back in range(1, min(REMEMBERED + 1, len(grams))):
        again = np.flatnonzero(grams[back:] == grams[:-back]) + back
        begins = starts[starts.searchsorted(again, side="right") - 1]
        weights[again[again - begins >= back]] = 0
    sums = np.zeros(len(grams) + 1, np.int64)
    np.cumsum(weights, out=sums[1:])
    return np.diff(sums[starts])


def places_inside(starts: Places) -> Places:
    """For pieces that lie end to end: where in its piece each element is."""
    return np.arange(starts[-1]) - np.repeat(starts[:-1], np.diff(starts))


def pieces(values: Hashes, begins: Places, ends: Places) -> tuple[Hashes, Places]:
    """The pieces values[begin:end], end to end, and where each starts there (and the last ends)."""
    starts = np.zeros(len(begins) + 1, np.int64)
    np.cumsum(ends - begins, out=starts[1:])
    return values[np.arange(starts[-1]) + np.repeat(begins - starts[:-1], ends - begins)], starts


def minima(grams: Hashes, starts: Places, count: int) -> Hashes:
    """uint32[count, n]: the smallest image of each text's grams under `count` permutations of 32-bit numbers.

    A permutation is x -> (x ^ a) * b modulo 2^32 with odd b. Grams are mixed hashes already. No text may be empty.
    """
    flips, factors = permutations(count)
    result = np.empty((count, len(starts)), np.uint32)
    images = np.empty_like(grams)
    for index in range(count):
        np.bitwise_xor(grams, flips[index], out=images)
        np.multiply(images, factors[index], out=images)
        np.minimum.reduceat(images, starts, out=result[index])
    return result


def band_keys(smallest: Hashes, bands: int) -> NDArray[np.uint64]:
    """uint64[n, bands]: the minima of each band as one key, never 0, different for different bands."""
    grouped = smallest.reshape(bands, -1, smallest.shape[1])
    keys = np.repeat(np.arange(1, bands + 1, dtype=np.uint64)[:, None], smallest.shape[1], axis=1)
    for row in range(grouped.shape[1]):
        keys = spread(keys ^ (grouped[:, row].astype(np.uint64) << np.uint64(8)))
    return np.maximum(keys, 1).T


@cache
def permutations(count: int) -> tuple[Hashes, Hashes]:
    """Constants of the permutations, uint32[count] each; the factors are odd."""
    numbers = spread(np.arange(1, 2 * count + 1, dtype=np.uint64)) >> np.uint64(32)
    flips, factors = numbers.astype(np.uint32).reshape(2, count)
    return flips, factors | np.uint32(1)


def spread(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix 64-bit numbers so that each bit depends on all (the finaliser of splitmix64)."""
    mixed = values * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
