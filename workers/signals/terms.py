"""Hits of the policy's term lists in folded text and name, by Aho-Corasick over the whole batch at once.

Terms are folded like posts. A term that begins or ends with a letter or digit of an alphabet written with spaces
(Latin, Greek, Cyrillic, Armenian) must begin or end there where a run of letters or of digits does: "ass" is
not in "class", "vx" is in "加vx123". Others match anywhere. A character counts in at most one hit a list: of hits
that overlap, the one that begins first counts, the longest of those that begin together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Final, Literal, NamedTuple

import numpy as np
import polars as pl
from ahocorasick_rs import AhoCorasick, Implementation
from numpy.typing import NDArray

from models.folding import ROLE_SHIFT, WORD, fold, table
from models.words import is_digit
from workers.batch import Batch
from workers.signals.column import Column
from workers.values import Values

SPACED_SCRIPTS_END = 0x0590
# A full table of states is twice as fast as the compact form, and too large for long lists.
FULL_TABLE_CHARACTERS = 20_000
FIELDS: Final[tuple[Literal["text"], Literal["name"]]] = ("text", "name")
"""As they lie in `Batch.folded`."""


class TermHit(NamedTuple):
    """A term found in a post: where, in code points of the field as written, end exclusive."""

    list: str
    term: str
    field: Literal["text", "name"]
    start: int
    end: int


class Hits(NamedTuple):
    """Hits in folded codes, by list, then by place: index of the pattern, start and end (exclusive), each int64."""

    pattern: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


NO_HITS = Hits(*np.zeros((3, 0), np.int64))


class Terms:
    """A column of hits for each term list.

    Raises ValueError for a term of which folding leaves nothing (only spaces, punctuation, ornaments).
    """

    name = "terms"

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._lists = tuple(lists)
        self.columns = term_columns(self._lists)
        self._terms: list[str] = []
        patterns: list[str] = []
        list_of: list[int] = []
        for index, (name, terms) in enumerate(lists.items()):
            for pattern, term in folded_terms(name, terms).items():
                patterns.append(pattern)
                self._terms.append(term)
                list_of.append(index)
        self._list_of = np.array(list_of, np.int64)
        self._first = kinds(np.array([ord(pattern[0]) for pattern in patterns], np.uint32))
        self._last = kinds(np.array([ord(pattern[-1]) for pattern in patterns], np.uint32))
        small = sum(map(len, patterns)) <= FULL_TABLE_CHARACTERS
        form = Implementation.DFA if small else Implementation.ContiguousNFA
        self._automaton = AhoCorasick(patterns, implementation=form)

    def measure(self, batch: Batch, wanted: Collection[str] | None = None) -> dict[str, Values]:
        folded = batch.folded
        found = self._search(folded.codes, folded.starts)
        cells = self._list_of[found.pattern] * len(folded) + row_of(found.start, folded.starts)
        of_fields = np.bincount(cells, minlength=len(self._lists) * len(folded)).reshape(
            len(self._lists), 2, len(batch)
        )
        hits = of_fields.sum(axis=1)
        counts = np.minimum(hits, 0xFFFF).astype(np.uint16)
        return {column.name: Values(row) for column, row in zip(self.columns, counts, strict=True)}

    def matches(self, batch: Batch) -> list[list[TermHit]]:
        """The hits counted for each post, those in the text first, by list and then by place.

        Meant for the few posts that people will look at.
        """
        hits: list[list[TermHit]] = [[] for _ in batch.posts]
        folded = batch.folded
        found = self._search(folded.codes, folded.starts)
        texts = row_of(found.start, folded.starts)
        order = np.argsort(texts, kind="stable")
        starts, ends = folded.origin[found.start], folded.origin[found.end - 1] + 1
        columns = (column[order].tolist() for column in (texts, found.pattern, starts, ends))
        for text, pattern, start, end in zip(*columns, strict=True):
            place, row = divmod(text, len(batch))
            hit = TermHit(self._lists[self._list_of[pattern]], self._terms[pattern], FIELDS[place], start, end)
            hits[row].append(hit)
        return hits

    def _search(self, codes: NDArray[np.uint32], starts: NDArray[np.int64]) -> Hits:
        """Hits in texts that lie end to end. Found overlapping, so that no false hit hides a true one."""
        joined = codes.astype("<u4", copy=False).tobytes().decode("utf-32-le")
        found = self._automaton.find_matches_as_indexes(joined, overlapping=True)
        if not found:
            return NO_HITS
        flat = np.fromiter(chain.from_iterable(found), np.int64, 3 * len(found))
        return self._counted(self._valid(Hits(*flat.reshape(-1, 3).T), codes, starts))

    def _valid(self, hits: Hits, codes: NDArray[np.uint32], starts: NDArray[np.int64]) -> Hits:
        """Hits inside one text whose ends are at boundaries."""
        rows = row_of(hits.start, starts)
        text_start, text_end = starts[rows], starts[rows + 1]
        first, last = self._first[hits.pattern], self._last[hits.pattern]
        before, after = kinds(codes.take(np.array([hits.start - 1, hits.end]), mode="clip"))
        glued_before = (first > 0) & (first == before) & (hits.start > text_start)
        glued_after = (last > 0) & (last == after) & (hits.end < text_end)
        valid = ~(glued_before | glued_after) & (hits.end <= text_end)
        return Hits(*(column[valid] for column in hits))

    def _counted(self, hits: Hits) -> Hits:
        """Hits without those that overlap one before them in the same list."""
        lists = self._list_of[hits.pattern]
        order = np.lexsort((-hits.end, hits.start, lists))
        hits, lists = Hits(*(column[order] for column in hits)), lists[order]
        overlaps = (hits.start[1:] < hits.end[:-1]) & (lists[1:] == lists[:-1])
        if not overlaps.any():
            return hits
        counted = np.ones(len(lists), bool)
        current, free = -1, 0
        for index, (which, start, end) in enumerate(
            zip(lists.tolist(), hits.start.tolist(), hits.end.tolist(), strict=True)
        ):
            if which == current and start < free:
                counted[index] = False
            else:
                current, free = which, end
        return Hits(*(column[counted] for column in hits))


def term_columns(lists: Sequence[str]) -> tuple[Column, ...]:
    """The column of each list."""
    return tuple(
        Column(f"terms_{name}", pl.UInt16(), "hits", f"terms of the list {name} in text and name") for name in lists
    )


def folded_terms(name: str, terms: Sequence[str]) -> dict[str, str]:
    """Folded form -> term as the policy has it, the first of those that fold alike."""
    folded = fold(terms)
    forms: dict[str, str] = {}
    for index, term in enumerate(terms):
        form = folded.text(index)
        if not form:
            raise ValueError(f"term list {name}: nothing of {term!r} is left to search for; take it out")
        forms.setdefault(form, term)
    return forms


def kinds(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """1 for a letter of a script written with spaces, 2 for a digit, 0 for all else."""
    word = (table().take(codes) >> np.uint32(ROLE_SHIFT) == WORD) & (codes < SPACED_SCRIPTS_END)
    return np.where(is_digit(codes), 2, word).astype(np.uint8)


def row_of(places: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which of the texts that lie end to end each place is in."""
    return starts.searchsorted(places, side="right") - 1
