"""Folding: one plain spelling for the many ways to write the same text.

Works on the code points of a whole batch at once. A table (written by `models.folding_table`) maps width,
case, accents, traditional characters, look-alikes and drawn letters to the plain code point. Invisible
characters go. Separators (spaces, punctuation, ornaments) go too, except that one space is kept between
two words of an alphabetic script; letters that stand alone one after another ("v i a g r a") are read as
one word. Of a run of the same character, digits apart, three are kept.

Which separators stood where is evidence too; it is kept apart (`marks`), so that a text and the same text with
its words split share all their codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TABLE_FILE = Path(__file__).with_name("folding.npz")

# Roles of a code point. DROP: prints nothing. SEPARATOR: stands between. SOLO: needs no space around it
# (Chinese characters, kana, emoji). WORD: letters and digits that spaces join into words.
DROP, SEPARATOR, SOLO, WORD = 0, 1, 2, 3
ROLE_SHIFT = 24
CODE_MASK = np.uint32((1 << ROLE_SHIFT) - 1)
CODE_POINTS = 0x110000
SPACE = 0x20
A, LETTERS = np.uint32(ord("A")), np.uint32(26)


@dataclass(frozen=True)
class Folded:
    """Folded texts, end to end.

    codes: uint32[m], folded code points. starts: int64[n + 1], where each text begins in `codes`, and the
    end of the last. marks: uint32[s, 3], for each separator (a lone space between two words apart) the code before it,
    its own, and the code after it, 0 at the text's ends; of a run of the same separator the first and the last count.
    mark_starts: int64[n + 1], where each text's marks begin in `marks`. raw_starts: int64[n + 1], where each text
    begins in the originals end to end. kept: which code points of those are the ones in `codes`, in two steps: bool for
    each that is visible, and bool for each visible one that is kept. capitals: int64[n], how many of A to Z each text
    was written with.
    """

    codes: NDArray[np.uint32]
    starts: NDArray[np.int64]
    marks: NDArray[np.uint32]
    mark_starts: NDArray[np.int64]
    raw_starts: NDArray[np.int64]
    kept: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    capitals: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """int64[n]: how many codes each text has."""
        return self.starts[1:] - self.starts[:-1]

    @cached_property
    def origin(self) -> NDArray[np.int32]:
        """int32[m], index in its own original text (in code points) of what each code came from; the origin of a kept
        space is the last separator it stands for."""
        visible, solid = self.kept
        places = visible.nonzero()[0][solid]
        places -= self.raw_starts[:-1].repeat(self.lengths)
        return places.astype(np.int32)

    def places(self, rows: NDArray[np.intp], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[k]: the place in `codes` of what is kept of these texts from these offsets (in code points) on."""
        visible, kept = self.kept
        return starts_without(kept, starts_without(visible, self.raw_starts[rows] + offsets))

    def split(self, size: int) -> tuple[Folded, Folded]:
        """The first so many texts, and those behind them."""
        return self._part(0, size), self._part(size, len(self))

    def _part(self, first: int, stop: int) -> Folded:
        texts, bounds = slice(first, stop), slice(first, stop + 1)
        codes, marks, raw = (
            slice(starts[first], starts[stop]) for starts in (self.starts, self.mark_starts, self.raw_starts)
        )
        visible, kept = self.kept
        seen = slice(np.count_nonzero(visible[: raw.start]), np.count_nonzero(visible[: raw.stop]))
        return Folded(
            self.codes[codes],
            self.starts[bounds] - codes.start,
            self.marks[marks],
            self.mark_starts[bounds] - marks.start,
            self.raw_starts[bounds] - raw.start,
            (visible[raw], kept[seen]),
            self.capitals[texts],
        )

    def text(self, index: int) -> str:
        """The folded text of one post."""
        codes = self.codes[self.starts[index] : self.starts[index + 1]]
        return codes.astype("<u4").tobytes().decode("utf-32-le")


@cache
def table() -> NDArray[np.uint32]:
    """uint32[0x110000]: for each code point the folded one, with its role in the bits from ROLE_SHIFT on."""
    with np.load(TABLE_FILE, allow_pickle=False) as stored:
        codes = np.arange(CODE_POINTS, dtype=np.uint32)
        codes[stored["src"]] = stored["dst"]
        lengths = np.diff(stored["role_starts"].astype(np.int64), append=CODE_POINTS)
        roles = np.repeat(stored["roles"].astype(np.uint32), lengths)
    return codes | (roles << np.uint32(ROLE_SHIFT))


def fold(texts: Sequence[str]) -> Folded:
    """Fold texts. Total: any str is accepted, lone surrogates are dropped."""
    # An array of one str is its code points; that is five times as fast as to encode it.
    raw = np.frombuffer(np.array("".join(texts)), np.uint32)
    raw_starts = offsets(np.fromiter(map(len, texts), np.int64, len(texts)))
    looked_up = table().take(raw)
    visible = looked_up >= first_of(SEPARATOR)
    surface = looked_up[visible]
    surface_starts = starts_without(visible, raw_starts)

    kept = surface >= first_of(SOLO)
    # Where many are left out here and there, taking what is kept is twice as fast as masking the rest.
    solid = surface.take(kept.nonzero()[0])
    separators = (~kept).nonzero()[0]
    marks, mark_starts = separator_marks(surface, surface_starts, separators)
    solid_starts = surface_starts - separators.searchsorted(surface_starts)
    # Which solid code each separator stands before.
    followed = separators - np.arange(len(separators))
    separated, first = np.zeros((2, len(solid) + 1), bool)
    separated[followed] = True
    first[solid_starts] = True
    spaced = word_gaps(solid, separated, first)
    repeated = fourth_in_a_row(solid, first[:-1] | spaced[:-1])
    if repeated.any():
        places = repeated.nonzero()[0]
        kept[places + followed.searchsorted(places, "right")] = False
    # The last separator before a spaced word stays, as a space.
    last = np.ones(len(followed), bool)
    np.not_equal(followed[1:], followed[:-1], out=last[:-1])
    spaces = separators[last & spaced.take(followed)]
    kept[spaces] = True
    surface[spaces] = SPACE

    codes = surface.take(kept.nonzero()[0])
    codes &= CODE_MASK
    starts = starts_without(kept, surface_starts)
    capitals = (raw - A < LETTERS).nonzero()[0].searchsorted(raw_starts)
    return Folded(codes, starts, marks, mark_starts, raw_starts, (visible, kept), capitals[1:] - capitals[:-1])


def starts_without(kept: NDArray[np.bool_], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the pieces that begin at `starts` begin once all is gone that is not kept."""
    return starts - (~kept).nonzero()[0].searchsorted(starts)


def first_of(role: int) -> np.uint32:
    """The least entry of the table with this role; those of lesser roles are below."""
    return np.uint32(role << ROLE_SHIFT)


def offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of the pieces begins when they lie end to end, and the end of the last."""
    starts = np.zeros(len(lengths) + 1, np.int64)
    lengths.cumsum(out=starts[1:])
    return starts


def word_gaps(solid: NDArray[np.uint32], separated: NDArray[np.bool_], first: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool[m + 1]: which of the m solid codes begin a word and need a space before them; the last is False.

    solid: table entries. separated, first: bool[m + 1], which of them follow a separator, and which begin a text.
    """
    spaced = np.zeros(len(solid) + 1, bool)
    after_word = spaced[:-1]
    word = solid >= first_of(WORD)
    np.logical_and(word[1:], word[:-1], out=after_word[1:])
    after_word &= ~first[:-1]
    glued = after_word & ~separated[:-1]
    alone = ~glued
    alone[:-1] &= ~glued[1:]
    after_word &= separated[:-1]
    after_word[1:] &= ~(alone[:-1] & alone[1:])
    return spaced


def fourth_in_a_row(codes: NDArray[np.uint32], breaks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which codes follow three or more of the same; digits never do, for a number is not a drawl."""
    same = np.zeros(len(codes), bool)
    np.equal(codes[1:], codes[:-1], out=same[1:])
    same &= ~breaks
    repeated: NDArray[np.bool_] = same.copy()
    repeated[1:] &= same[:-1]
    repeated[2:] &= same[:-2]
    repeated[:2] = False
    if repeated.any():
        repeated &= (codes & CODE_MASK) - np.uint32(ord("0")) > 9
    return repeated


def separator_marks(
    surface: NDArray[np.uint32], starts: NDArray[np.int64], separators: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Each separator between its visible neighbours, as Folded.marks and Folded.mark_starts.

    surface: table entries of the visible codes of all texts, which begin at `starts`. separators: where separators are.
    """
    edge = np.zeros(len(surface) + 1, bool)
    edge[starts] = True
    before = surface.take(separators - 1, mode="wrap") * ~edge.take(separators)
    here = surface.take(separators)
    after = surface.take(separators + 1, mode="clip") * ~edge.take(separators + 1)
    told = (before != here) | (here != after)
    # A lone space between two words is no mark.
    told &= (here != first_of(SEPARATOR) + np.uint32(SPACE)) | (before < first_of(WORD)) | (after < first_of(WORD))
    kept = told.nonzero()[0]
    marks = np.empty((3, len(kept)), np.uint32)
    for row, codes in zip(marks, (before, here, after), strict=True):
        codes.take(kept, mode="clip", out=row)
    marks &= CODE_MASK
    return marks.T, separators.take(kept).searchsorted(starts)
