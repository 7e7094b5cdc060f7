"""The posts of a batch as counters see them: sorted so that equal keys, panes and cells lie together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from workers.counters.ordering import by_group
from workers.counters.spec import CounterSpec
from workers.counters.store import BLOCK_PANES, PANES, SEGMENT

Ints = NDArray[np.int64]


def ranges(starts: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """The ranges [start, start + size) end to end, shape (sum of sizes,), and for each element its range's number."""
    owner = np.arange(len(sizes)).repeat(sizes)
    before = sizes.cumsum() - sizes
    return np.arange(len(owner)) + (starts - before)[owner], owner


def _runs(changed: NDArray[np.bool_], size: int) -> tuple[Ints, Ints, Ints]:
    """Number of each element's run, and start and size of each run, given where neighbours differ."""
    number = np.zeros(size, np.int64)
    changed.cumsum(out=number[1:])
    bounds = np.zeros(int(number[-1]) + 2 if size else 1, np.int64)
    bounds[1:-1] = changed.nonzero()[0] + 1
    bounds[-1] = size
    return number, bounds[:-1], bounds[1:] - bounds[:-1]


class Sorted:
    """Posts by each of some key columns: sorted once, however many counters go by a column.

    keys: uint64 (n,) each; 0 is no key. bounds: where the posts of each partition begin, and the last end.
    """

    def __init__(self, keys: Mapping[str, NDArray[np.uint64]], bounds: Ints) -> None:
        stacked = np.array(list(keys.values()))
        parts = len(bounds) - 1
        part = np.arange(parts).repeat(bounds[1:] - bounds[:-1])
        order, ordered, _ = by_group(part, stacked, parts)
        self.places = {name: place for place, name in enumerate(keys)}
        self.parts = parts
        self.posts = stacked.shape[1]
        self.order = order.ravel()
        self.keys = ordered.ravel()
        # Those without a key come first.
        self.sizes = np.add.reduceat(stacked != 0, bounds[:-1], axis=1, dtype=np.int64)
        self.starts = bounds[1:] - self.sizes + self.posts * np.arange(len(keys))[:, None]


class Events:
    """One element for each post and counter, where the post has the counter's key.

    Each counter of each partition is a *lane*: those of the first partition, in the order of `specs`, then those of
    the second. Elements are sorted by lane, key, pane and row. Runs of the same lane, key and pane are *groups*; runs
    of the same lane, key and block are *cells*.

    times: int64 (n,), milliseconds.
    """

    def __init__(self, specs: Sequence[CounterSpec], posts: Sorted, times: Ints) -> None:
        self.specs, self.posts, self.parts = specs, posts.posts, posts.parts
        column = [posts.places[spec.by] for spec in specs]
        at, self.lane = ranges(posts.starts[column].T.ravel(), posts.sizes[column].T.ravel())
        self.row: Ints = posts.order[at]
        key = posts.keys[at]
        # floor(6 t / window): a pane need not be a whole number of milliseconds for windows to be exact.
        windows = list(dict.fromkeys(spec.window_ms for spec in specs))
        window = np.array([windows.index(spec.window_ms) for spec in specs], np.int64)
        panes = np.concatenate([np.zeros(0, np.int64), *(times * PANES // each for each in windows)])
        self.spec = self.lane % max(len(specs), 1)
        pane = panes[window[self.spec] * posts.posts + self.row]
        new_key = (self.lane[1:] != self.lane[:-1]) | (key[1:] != key[:-1])
        if np.count_nonzero(~new_key & (pane[1:] < pane[:-1])):
            run, _, _ = _runs(new_key, len(key))
            order = np.lexsort((pane, run))
            self.row, pane = self.row[order], pane[order]
        self.group, self.group_start, self.group_size = _runs(new_key | (pane[1:] != pane[:-1]), len(key))
        self.group_pane = pane[self.group_start]
        group_key, group_lane = key[self.group_start], self.lane[self.group_start]
        other_key = (group_lane[1:] != group_lane[:-1]) | (group_key[1:] != group_key[:-1])
        block = self.group_pane // BLOCK_PANES
        self.pane: Ints = self.group_pane - BLOCK_PANES * block
        self._group_run, _, _ = _runs(other_key, len(block))
        self.group_cell, first_group, _ = _runs(other_key | (block[1:] != block[:-1]), len(block))
        self._cell_key, self._cell_block = group_key[first_group], block[first_group]
        self._cell_pane = self.pane[first_group]
        self._cell_lane = group_lane[first_group]
        self.cells = len(first_group)

    @cached_property
    def reach(self) -> list[NDArray[np.bool_]]:
        """Groups whose window holds the group before them, for the same lane and key, (groups,); then the one before
        that, and so on as long as there are any."""
        found: list[NDArray[np.bool_]] = []
        for back in range(1, PANES):
            reaches = np.zeros(len(self.group_pane), np.bool_)
            reaches[back:] = (self._group_run[back:] == self._group_run[:-back]) & (
                self.group_pane[back:] - self.group_pane[:-back] < PANES
            )
            if not np.count_nonzero(reaches):
                break
            found.append(reaches)
        return found

    @cached_property
    def _stored_order(self) -> Ints | None:
        """Cells in the order the store has them: lane, block, key. None: as they are."""
        same_lane = self._cell_lane[1:] == self._cell_lane[:-1]
        if not np.count_nonzero(same_lane & (self._cell_block[1:] != self._cell_block[:-1])):
            return None
        return np.lexsort((self._cell_block, self._cell_lane))

    @cached_property
    def cell(self) -> Ints:
        """Each group's cell, by its place in the order of the store."""
        if self._stored_order is None:
            return self.group_cell
        place = np.empty(self.cells, np.int64)
        place[self._stored_order] = np.arange(self.cells)
        return place[self.group_cell]

    @cached_property
    def cell_bounds(self) -> list[int]:
        """Where the cells of each partition begin, and the last end."""
        # Cells of a lane stay together in the order of the store.
        found: list[int] = self._cell_lane.searchsorted(np.arange(self.parts + 1) * len(self.specs)).tolist()
        return found

    @cached_property
    def _stored(self) -> tuple[NDArray[np.uint64], np.ndarray]:
        """Keys of the cells in the order of the store, and the segments that they make."""
        lane, key, block, pane = self._cell_lane, self._cell_key, self._cell_block, self._cell_pane
        if self._stored_order is not None:
            key, block, pane = key[self._stored_order], block[self._stored_order], pane[self._stored_order]
        _, starts, sizes = _runs((block[1:] != block[:-1]) | (lane[1:] != lane[:-1]), len(key))
        segments = np.empty(len(starts), SEGMENT)
        segments["identity"] = lane[starts] % max(len(self.specs), 1)
        segments["block"], segments["cells"] = block[starts], sizes
        if len(starts):
            segments["looks_back"] = np.minimum.reduceat(pane, starts) < PANES - 1
        return key, segments

    @cached_property
    def looks_back(self) -> NDArray[np.bool_]:
        """Which of the cells, in the order of the store, are read in the block before as well."""
        _, segments = self._stored
        return (segments["looks_back"] > 0).repeat(segments["cells"])

    def stored_cells(self, ttl_seconds: Ints, first_identity: int) -> tuple[list[bytes], NDArray[np.uint64]]:
        """For each partition its segments, packed; and the keys of all cells, in the order of the store.

        ttl_seconds: of each counter. first_identity: the number of the first counter among all that are counted.
        """
        key, segments = self._stored[0], self._stored[1].copy()
        segments["ttl_seconds"] = ttl_seconds[segments["identity"]]
        segments["identity"] += first_identity
        starts = segments["cells"].cumsum(dtype=np.int64) - segments["cells"]
        bounds = starts.searchsorted(self.cell_bounds)
        return [segments[low:high].tobytes() for low, high in pairwise(bounds.tolist())], key

    def readings(self, measured: NDArray[np.int64]) -> NDArray[np.uint32]:
        """A value for each counter and row, shape (specs, n), out of one for each element: 0 for none."""
        values = np.zeros((len(self.specs), self.posts), np.uint32)
        values[self.spec, self.row] = measured
        return values
