"""Grams: the 1-, 2- and 3-character pieces of folded texts, as 32-bit hashes in columns.

Beside them come separators, which folding takes out (`marks`), whole words of the Latin script (`words`) and its
pieces of four, for three letters say little (`quads`), how many pairs of neighbours nobody writes (`odd`), and what the
text looks like as a whole (`shapes`). Those of texts in an alphabet are hashed apart (`models.script`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.folding import Folded
from models.hashing import NO_GRAM as NO_GRAM
from models.hashing import SPREAD, mix, spread
from models.pairs import odd_pairs
from models.script import salts
from models.shape import shapes
from models.words import word_places, words

Field = Literal["text", "name"]
LAYOUT = 2
"""Raised whenever a text comes to have other columns: a model is served by the layout that it was trained on."""
SEEDS = (np.uint32(0x2545F491), np.uint32(0x27220A95), np.uint32(0x165667B1))
MARK_SEEDS = np.array([[0xD3A2646C], [0xFD7046C5], [0xB55A4F09], [0x6C8E9CF5]], np.uint32)
ODD_HASH = np.uint32(0x846CA68B)
QUAD_SEED = np.uint32(0x510E527F)
LETTERS_END = np.uint32(0x80)
# What the hash of a shape counts, whatever the length.
SHAPE_VALUE = 0.5
NAME_SPREAD = np.uint32(0x9E3779B1)


@dataclass(frozen=True)
class Grams:
    """Hashed grams of n texts.

    hashes: uint32[m, 3], the 1-, 2- and 3-gram that starts at each folded position, NO_GRAM where it would
    run past its text's end. starts: int64[n + 1], as in Folded. The columns lie one after another in memory
    (`hashes[:, k]` is contiguous). marks: uint32[s, 4], for each separator of Folded.marks the hashes of
    itself, with what is before it, with what is after it, with both. mark_starts: int64[n + 1], as in Folded.
    words, word_starts: as from `models.words`. quads: uint32[q, 1], the 4-grams of plain letters, digits and spaces;
    quad_places: int64[q], where they begin in the folded codes. odd: int64[n], as from `models.pairs`.
    shapes: uint32[5, n], as from `models.shape`.
    """

    hashes: NDArray[np.uint32]
    starts: NDArray[np.int64]
    marks: NDArray[np.uint32]
    mark_starts: NDArray[np.int64]
    words: NDArray[np.uint32]
    word_starts: NDArray[np.int64]
    quads: NDArray[np.uint32]
    quad_places: NDArray[np.int64]
    odd: NDArray[np.int64]
    shapes: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def split(self, size: int) -> tuple[Grams, Grams]:
        """The first so many texts, and those behind them."""
        return self._part(0, size), self._part(size, len(self))

    def _part(self, first: int, stop: int) -> Grams:
        texts, bounds = slice(first, stop), slice(first, stop + 1)
        codes, marks, words = (
            slice(starts[first], starts[stop]) for starts in (self.starts, self.mark_starts, self.word_starts)
        )
        quads = slice(*self.quad_places.searchsorted([codes.start, codes.stop]))
        return Grams(
            self.hashes[codes],
            self.starts[bounds] - codes.start,
            self.marks[marks],
            self.mark_starts[bounds] - marks.start,
            self.words[words],
            self.word_starts[bounds] - words.start,
            self.quads[quads],
            self.quad_places[quads] - codes.start,
            self.odd[texts],
            self.shapes[:, texts],
        )

    def counts(self) -> NDArray[np.int64]:
        """int64[n]: how many grams of 1 to 3 each text has."""
        return gram_counts(self.starts)

    def counted(self) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.int64]]]:
        """The hashes that are counted, (m, k) each, and where each text begins in them."""
        yield self.hashes, self.starts
        yield self.marks, self.mark_starts
        yield self.words, self.word_starts
        yield self.quads, self.quad_places.searchsorted(self.starts)


def columns(hashes: NDArray[np.uint32], bits: int, field: Field) -> NDArray[np.uint32]:
    """The columns, of 2 ** bits, that hashes fall into. A gram in a name has another column than in a text; NO_GRAM
    has column 0."""
    if field == "text":
        return hashes & np.uint32((1 << bits) - 1)
    return (hashes * NAME_SPREAD) >> np.uint32(32 - bits)


def grams(folded: Folded) -> Grams:
    """Hash the grams of folded texts. A text has the same hashes on every machine and in every batch."""
    codes, starts = folded.codes, folded.starts
    salt = salts(folded)
    hashes = gram_hashes(codes, starts, salt)
    marks = mark_hashes(folded.marks, salt.repeat(np.diff(folded.mark_starts)))
    odd = odd_pairs(folded, hashes[1])
    places = word_places(folded)
    return Grams(
        hashes.T,
        starts,
        marks,
        folded.mark_starts,
        *words(folded, hashes, salt, *places),
        *quads(codes, hashes[2]),
        odd,
        shapes(folded, salt, *places),
    )


def gram_counts(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n]: how many grams of 1 to 3 texts have that begin at `starts`: 1 for one code, 3k - 3 for k >= 2."""
    lengths: NDArray[np.int64] = starts[1:] - starts[:-1]
    return np.maximum(3 * lengths - 3, lengths)


def gram_hashes(
    codes: NDArray[np.uint32], starts: NDArray[np.int64], salts: NDArray[np.uint32] | None = None
) -> NDArray[np.uint32]:
    """uint32[3, m]: the 1-, 2- and 3-gram that begins at each code of texts that begin at `starts`, NO_GRAM where it
    would run past its text's end. salts: uint32[n], a salt for each text; none without it."""
    hashes = np.zeros((3, len(codes)), np.uint32)
    letters = spread(codes)
    if salts is not None:
        letters ^= salts.repeat(np.diff(starts))
    rolled = letters
    mix(rolled + SEEDS[0], out=hashes[0])
    for size in (2, 3):
        if len(codes) < size:
            break
        rolled = rolled[:-1] * SPREAD
        rolled += letters[size - 1 :]
        mix(rolled + SEEDS[size - 1], out=hashes[size - 1, : 1 - size])
    clear_overruns(hashes, starts)
    return hashes


def quads(codes: NDArray[np.uint32], threes: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """uint32[q, 1] and int64[q]: the 4-grams of codes below LETTERS_END, and where they begin. threes: uint32[m], the
    3-gram that begins at each code."""
    plain, within = codes < LETTERS_END, threes != NO_GRAM
    both = plain[:-1] & plain[1:]
    whole = both[:-2] & both[2:]
    whole &= within[:-3]
    whole &= within[1:-2]
    places = whole.nonzero()[0]
    rolled = threes[:-1] * SPREAD
    rolled += threes[1:]
    return mix(rolled.take(places) + QUAD_SEED)[:, None], places


def mark_hashes(marks: NDArray[np.uint32], salts: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """uint32[s, 4]: each separator alone, with the code before it, with the one after it, with both. salts: uint32[s],
    that of each one's text."""
    before, here, after = spread(marks.T)
    here ^= salts
    hashes = np.empty((4, len(marks)), np.uint32)
    hashes[0] = here
    hashes[1] = before * SPREAD + here
    hashes[2:] = hashes[:2] * SPREAD + after
    hashes += MARK_SEEDS
    return mix(hashes, out=hashes).T


def clear_overruns(hashes: NDArray[np.uint32], starts: NDArray[np.int64]) -> None:
    """NO_GRAM for the 2- and 3-grams that begin in the last one or two codes of a text."""
    # Where a text is too short for it, what is set is at the end of the one before, which has no such gram either.
    if hashes.shape[1] >= 2:
        last = starts[1:] - 1
        hashes[1:, last] = NO_GRAM
        hashes[2, last - 1] = NO_GRAM
