"""From what a batch adds to its cells to bytes, and from the bytes that the store answers to values of cells."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from workers.counters.events import Events, Ints
from workers.counters.ordering import Flags

_HEADER = struct.Struct("<3I")


@dataclass(frozen=True, slots=True)
class Additions:
    """Values of cells, each behind its length in bytes (uint32)."""

    packed: bytes
    bounds: Ints
    """(cells + 1,): where each cell's begins, and where the last ends."""

    def parts(self, cell_bounds: list[int]) -> list[bytes]:
        """Those of the cells between each two of the bounds."""
        return [self.packed[low:high] for low, high in pairwise(self.bounds[cell_bounds].tolist())]


def packed(cell: Ints, records: np.ndarray, cells: int) -> Additions:
    """A value for each cell, of its records end to end.

    cell: (n,): what cell each of the records is of; those of a cell are in order. Cells without any have a value of
    length 0.
    """
    size, many = records.dtype.itemsize, np.bincount(cell, minlength=cells)
    bounds = np.zeros(cells + 1, np.int64)
    (4 + size * many).cumsum(out=bounds[1:])
    empty = (many == 0).nonzero()[0]
    if len(empty) or bool((cell[1:] < cell[:-1]).any()):
        order = np.concatenate([cell, empty]).argsort(kind="stable")
        cell = np.concatenate([cell, empty])[order]
        records = np.concatenate([records, np.zeros(len(empty), records.dtype)])[order]
    # As if a length stood before each record; then those of no cell's first one are left out, and empty cells' records.
    rows = np.empty((len(cell), 4 + size), np.uint8)
    rows[:, :4] = (size * many[cell]).astype("<u4")[:, None].view(np.uint8)
    rows[:, 4:] = records[:, None].view(np.uint8)
    if len(cell) == cells and len(empty) == 0:
        return Additions(rows.tobytes(), bounds)
    kept: Flags = np.ones(rows.shape, np.bool_)
    kept[1:, :4] = (cell[1:] != cell[:-1])[:, None]
    kept[many[cell] == 0, 4:] = False
    return Additions(rows[kept].tobytes(), bounds)


@dataclass(frozen=True, slots=True)
class Values:
    """Values that the store has of the cells of some counters."""

    places: Ints
    """(m,): where each belongs among the cells' own blocks and, behind these, their previous ones."""
    lengths: Ints
    """(m,): bytes of each."""
    packed: bytes


def stored_values(olds: Sequence[bytes | None], counts: Events, distincts: Events) -> tuple[Values, Values]:
    """The values of counts and of distincts in what the store answers for each partition; None is no answer."""
    back = [of.looks_back.nonzero()[0] for of in (counts, distincts)]
    back_bounds = [
        cells.searchsorted(of.cell_bounds).tolist() for cells, of in zip(back, (counts, distincts), strict=True)
    ]
    # Previous blocks of counts are numbered behind their own, then come those of distincts.
    first = 2 * counts.cells
    places, flags, lengths = [np.zeros(0, np.int64)], [np.zeros(0, np.uint8)], [np.zeros(0, np.int64)]
    count_values, distinct_values = [], []
    for part, old in enumerate(olds):
        if old is None:
            continue
        places += [
            np.arange(*counts.cell_bounds[part : part + 2]),
            np.arange(*distincts.cell_bounds[part : part + 2]) + first,
            back[0][slice(*back_bounds[0][part : part + 2])] + counts.cells,
            back[1][slice(*back_bounds[1][part : part + 2])] + (first + distincts.cells),
        ]
        begin, *ends = accumulate(_HEADER.unpack_from(old), initial=_HEADER.size)
        flags.append(np.frombuffer(old[begin : ends[0]], np.uint8))
        lengths.append(np.frombuffer(old[ends[0] : ends[1]], "<u4"))
        count_values.append(old[ends[1] : ends[2]])
        distinct_values.append(old[ends[2] :])
    place = np.concatenate(places)[np.concatenate(flags) == ord("1")]
    length, is_count = np.concatenate(lengths), place < first
    return (
        Values(place[is_count], length[is_count], b"".join(count_values)),
        Values(place[~is_count] - first, length[~is_count], b"".join(distinct_values)),
    )
