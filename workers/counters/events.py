"""The posts of a batch as one counter sees them: sorted so that equal keys, panes and cells lie together."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workers.counters.store import PANES, Segment

SHARDS = 8
"""Hashes a block of a counter is spread over, by the key's top bits: none grows huge, none takes long to free."""

_SHARD_SHIFT = np.uint64(64 - SHARDS.bit_length() + 1)

Ints = NDArray[np.int64]


def ranges(starts: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """The ranges [start, start + size) end to end, shape (sum of sizes,), and for each element its range's number."""
    owner = np.repeat(np.arange(len(sizes)), sizes)
    before = np.cumsum(sizes) - sizes
    return np.arange(len(owner)) + (starts - before)[owner], owner


def _runs(changed: NDArray[np.bool_], size: int) -> tuple[Ints, Ints, Ints]:
    """Number of each element's run, and start and size of each run, given where neighbours differ."""
    begins = np.ones(size, np.bool_)
    begins[1:] = changed
    starts = np.flatnonzero(begins)
    ends = np.full(len(starts), size)
    ends[:-1] = starts[1:]
    return np.cumsum(begins) - 1, starts, ends - starts


class Events:
    """One element for each post that has a key, sorted by key, pane and row.

    Runs of the same key and pane are *groups*; runs of the same key and block are *cells*.

    keys: uint64, (n,); 0 is no key.
    panes: int64, (n,): number of each post's pane on the counter's time line.
    """

    def __init__(self, keys: NDArray[np.uint64], panes: Ints) -> None:
        self.known: NDArray[np.bool_] = keys != 0
        """Rows that have a key, shape (n,)."""
        row = np.flatnonzero(self.known)
        key, pane = keys[row], panes[row]
        one_pane = len(pane) == 0 or bool((pane == pane[0]).all())
        order = np.argsort(key, kind="stable") if one_pane else np.lexsort((pane, key))
        self.row: Ints = row[order]
        self.key, self.pane = key[order], pane[order]
        new_key = self.key[1:] != self.key[:-1]
        self.group, self.group_start, self.group_size = _runs(
            new_key if one_pane else new_key | (self.pane[1:] != self.pane[:-1]), len(key)
        )
        self.group_key, self.group_pane = self.key[self.group_start], self.pane[self.group_start]
        block = self.group_pane // PANES
        new_cell = self.group_key[1:] != self.group_key[:-1]
        self.group_cell, first_group, _ = _runs(
            new_cell if one_pane else new_cell | (block[1:] != block[:-1]), len(block)
        )
        self._cell_key, self._cell_block = self.group_key[first_group], block[first_group]
        self.cells = len(first_group)

    def reaches(self, back: int) -> NDArray[np.bool_]:
        """Groups whose window holds the group `back` places before them, for the same key. Shape (groups,)."""
        answer = np.zeros(len(self.group_key), np.bool_)
        answer[back:] = (self.group_key[back:] == self.group_key[:-back]) & (
            self.group_pane[back:] - self.group_pane[:-back] < PANES
        )
        return answer

    @cached_property
    def _stored_order(self) -> Ints | None:
        """Cells in the order the store has them: block, shard, key. None: as they are."""
        if self.cells == 0 or bool((self._cell_block == self._cell_block[0]).all()):
            return None
        return np.lexsort((self._cell_key >> _SHARD_SHIFT, self._cell_block))

    @cached_property
    def cell(self) -> Ints:
        """Each group's cell, by its place in the order of the store."""
        if self._stored_order is None:
            return self.group_cell
        place = np.empty(self.cells, np.int64)
        place[self._stored_order] = np.arange(self.cells)
        return place[self.group_cell]

    def stored_cells(self, identity: str, ttl_seconds: int) -> tuple[list[Segment], bytes]:
        """The cells' segments and their packed keys, in the order of the store."""
        key, block = self._cell_key, self._cell_block
        if self._stored_order is not None:
            key, block = key[self._stored_order], block[self._stored_order]
        shard = key >> _SHARD_SHIFT
        changed = (shard[1:] != shard[:-1]) | (block[1:] != block[:-1])
        _, starts, sizes = _runs(changed, len(key))
        segments = [
            Segment(f"{identity}:{b}:{s:x}", f"{identity}:{b - 1}:{s:x}", size, ttl_seconds)
            for b, s, size in zip(block[starts].tolist(), shard[starts].tolist(), sizes.tolist(), strict=True)
        ]
        return segments, key.tobytes()

    def readings(self, measured: NDArray[np.int64]) -> NDArray[np.uint32]:
        """A value for each row, shape (n,), out of one for each element: 0 for none."""
        values = np.zeros(len(self.known), np.uint32)
        values[self.row] = measured
        return values
