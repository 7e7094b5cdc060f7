"""`count`: posts with the same key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.counters.events import Events
from workers.counters.store import PANES


def increments(events: Events) -> NDArray[np.uint32]:
    """What the batch adds to each cell: a packed count value a cell, (cells, PANES)."""
    more = np.zeros((events.cells, PANES), "<u4")
    more[events.cell, events.group_pane % PANES] = events.group_size
    return more


def read_counts(events: Events, old: NDArray[np.uint32], counted: bool) -> NDArray[np.int64]:
    """Posts in the window of each event.

    old: (2, cells, PANES): what the cells' own and previous blocks held before the batch.
    counted: the batch is being counted: add the posts before each event in the batch, and the event itself.
    """
    pane = events.group_pane % PANES
    own, previous = old.cumsum(axis=2, dtype=np.int64)
    base = own[events.cell, pane] + previous[events.cell, -1] - previous[events.cell, pane]
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
