"""`count`: posts with the same key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.counters.events import Events
from workers.counters.packing import Additions, Values, packed
from workers.counters.store import BLOCK_PANES, COUNT, PANES


def increments(events: Events) -> Additions:
    """What the batch adds to each cell: a COUNT for each pane."""
    more = np.empty(len(events.pane), COUNT)
    more["count"], more["pane"] = events.group_size, events.pane
    return packed(events.cell, more, events.cells)


def parse_counts(values: Values, cells: int) -> NDArray[np.uint32]:
    """Unpack stored count values: posts by own and previous block, cell and pane, (2, cells, BLOCK_PANES)."""
    found = np.frombuffer(values.packed, COUNT)
    held = np.zeros((2 * cells, BLOCK_PANES), np.uint32)
    held[values.places.repeat(values.lengths // COUNT.itemsize), found["pane"]] = found["count"]
    return held.reshape(2, cells, BLOCK_PANES)


def read_counts(events: Events, old: NDArray[np.uint32], counted: bool) -> NDArray[np.int64]:
    """Posts in the window of each event.

    old: (2, cells, BLOCK_PANES): what the cells' own and previous blocks held before the batch.
    counted: the batch is being counted: add the posts before each event in the batch, and the event itself.
    """
    pane, cell = events.pane, events.cell
    upto = np.zeros((2, events.cells, BLOCK_PANES + 1), np.int64)
    old.cumsum(axis=2, out=upto[:, :, 1:])
    own, previous = upto
    base = own[cell, pane + 1] - own[cell, np.maximum(pane + 1 - PANES, 0)]
    base += previous[cell, BLOCK_PANES] - previous[cell, np.minimum(pane + 1 + PANES, BLOCK_PANES)]
    measured: NDArray[np.int64] = base[events.group]
    if not counted:
        return measured
    measured += np.arange(len(measured)) - events.group_start[events.group] + 1
    # Groups of the same key in earlier panes: those of their posts that came before the event.
    rows = int(events.row.max(initial=0)) + 1
    in_order = events.group * rows + events.row
    for back, reaches in enumerate(events.reach, 1):
        at = reaches[events.group].nonzero()[0]
        other = events.group[at] - back
        measured[at] += np.searchsorted(in_order, other * rows + events.row[at]) - events.group_start[other]
    return measured
