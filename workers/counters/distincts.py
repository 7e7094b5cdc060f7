"""`distinct`: different members among the posts with the same key, up to MEMBERS_A_PANE, which stands for "or more".

The members themselves are kept (64-bit hashes), not a HyperLogLog: a small set is smaller than a sketch, gives the
exact number at the thresholds rules use, can be read over any panes, and can be checked against a model post by post.
What is given up is telling 2,000 from 20,000. The reading is min(truth, MEMBERS_A_PANE), always: a pane that is not
full holds all its members, and with a full one in the window the truth is MEMBERS_A_PANE or more. So a full pane needs
no members any more, and the hottest keys are the cheapest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.counters.events import Events, Ints, ranges
from workers.counters.ordering import Flags, by_group
from workers.counters.store import HEADER_BYTES, MEMBERS_A_PANE, PANES

Members = NDArray[np.uint64]

_HEADER_WORDS = HEADER_BYTES // 4


@dataclass(frozen=True, slots=True)
class OldMembers:
    """What cells held before the batch."""

    bounds: Ints
    """(values * PANES + 1,): where the members of each pane begin, those of the last end; there are none of full panes,
    and none of the last value."""
    first: Ints
    """(2, cells): where in `bounds` the first pane of a cell's own and of its previous block is."""
    full: Flags | None
    """(values, PANES): the pane is full. None where no pane is."""
    members: Members


def additions(events: Events, member: Members) -> tuple[Ints, NDArray[np.uint32]]:
    """What the batch adds to each cell: where in the second each begins, and the last ends, (cells + 1,); and for each
    the length in bytes of its packed distinct value, 0 for none, then the value, all as uint32.

    member: (elements,), one each; 0 is none.
    """
    new = _first_in_group(events, member) & (member != 0)
    group, member = events.group[new], member[new]
    group_size = np.minimum(np.bincount(group, minlength=len(events.group_start)), MEMBERS_A_PANE)
    sizes = np.zeros((events.cells, PANES), "<u2")
    sizes[events.cell, events.group_pane % PANES] = group_size
    kept = (group_size < MEMBERS_A_PANE)[group]
    cell, member = events.cell[group[kept]], member[kept]
    headers = sizes.view("<u4")
    filled = np.flatnonzero(headers.any(axis=1))
    words = 2 * np.bincount(cell, minlength=events.cells)
    words[filled] += _HEADER_WORDS
    bounds = np.zeros(events.cells + 1, np.int64)
    (words + 1).cumsum(out=bounds[1:])
    packed = np.empty(int(bounds[-1]), "<u4")
    packed[bounds[:-1]] = 4 * words
    packed[bounds[filled, None] + np.arange(1, _HEADER_WORDS + 1)] = headers[filled]
    # Groups come in the order of key and pane, so a cell's members are neighbours and in the order of its panes.
    at = bounds[cell] + 1 + _HEADER_WORDS + 2 * _rank(cell)
    packed[at[:, None] + np.arange(2)] = member.astype("<u8").view("<u4").reshape(-1, 2)
    return bounds, packed


def parse_members(places: Ints, cells: int, lengths: NDArray[np.uint32], values: bytes) -> OldMembers:
    """Unpack stored distinct values.

    places: where each value belongs among the cells' own blocks and, behind them, their previous ones; lengths: bytes
    of each value.
    """
    words = np.frombuffer(values, "<u4")
    starts = (lengths.cumsum(dtype=np.int64) - lengths) // 4
    headers = starts[:, None] + np.arange(_HEADER_WORDS)
    is_member = np.ones(len(words), np.bool_)
    is_member[headers] = False
    # One value more, which holds nothing: that of the cells of which nothing is stored.
    in_pane = np.zeros((len(places) + 1, PANES), np.int64)
    in_pane[:-1] = words[headers].view("<u2")
    is_full = in_pane == MEMBERS_A_PANE
    full = is_full if is_full.any() else None
    in_pane[is_full] = 0
    bounds = np.zeros(in_pane.size + 1, np.int64)
    in_pane.cumsum(out=bounds[1:])
    first = np.full(2 * cells, len(places))
    first[places] = np.arange(len(places))
    return OldMembers(bounds, PANES * first.reshape(2, -1), full, words[is_member].view("<u8"))


def read_distincts(events: Events, member: Members, old: OldMembers, counted: bool) -> NDArray[np.int64]:
    """Different members in the window of each event; `member` as for `additions`, `counted` as for `read_counts`."""
    measured = (member != 0).astype(np.int64) if counted else np.zeros(len(member), np.int64)
    pane, cell = events.group_pane % PANES, events.cell
    # The window holds the first panes of its own block and the last ones of the block before.
    own, previous = old.first[:, cell]
    starts = old.bounds[np.stack([own, previous + pane + 1])]
    sizes = old.bounds[np.stack([own + pane + 1, previous + PANES])] - starts
    busy = (events.group_size > 1) | sizes.any(axis=0)
    for reaches in events.reach[:1]:
        busy |= reaches
    groups = busy.nonzero()[0]
    # Every member that may count for a group: first those that were there before the batch.
    at_old, owner = ranges(starts[:, groups].ravel(), sizes[:, groups].ravel())
    at_new, new_unit = _in_window(events, member, groups) if counted else (groups[:0], groups[:0])
    unit = np.concatenate([np.tile(np.arange(len(groups)), 2)[owner], new_unit])
    order, _, same = by_group(unit, np.concatenate([old.members[at_old], member[at_new]]), max(len(groups), 1))
    begins = np.ones(len(order), np.bool_)
    begins[1:] = ~same
    # A member counts for a group from the row where it first appears; each event asks how many did up to its own.
    first = order[begins]
    was_there = first < len(at_old)
    before = np.bincount(unit[first[was_there]], minlength=len(groups))
    first = first[~was_there]
    rows = int(events.row.max(initial=0)) + 1
    appeared = np.sort(unit[first] * rows + events.row[at_new[first - len(at_old)]])
    at = busy[events.group].nonzero()[0]
    unit = (busy.cumsum() - 1)[events.group[at]]
    during = np.searchsorted(appeared, unit * rows + events.row[at], "right")
    during -= np.searchsorted(appeared, np.arange(len(groups)) * rows)[unit]
    measured[at] = np.minimum(before[unit] + during, MEMBERS_A_PANE)
    if old.full is not None:
        inside = np.arange(PANES) <= pane[:, None]
        full = np.where(inside, old.full[own // PANES], old.full[previous // PANES]).any(axis=1)
        measured[full[events.group]] = MEMBERS_A_PANE
    return measured


def _in_window(events: Events, member: Members, groups: Ints) -> tuple[Ints, Ints]:
    """The batch's elements with a member in the windows of these groups, and for each which of the groups that is.

    Those of a group come in the order of their rows.
    """
    units = np.arange(len(groups))
    found = [ranges(events.group_start[groups], events.group_size[groups])]
    for back, reaches in enumerate(events.reach, 1):
        near = units[reaches[groups]]
        earlier = groups[near] - back
        at, owner = ranges(events.group_start[earlier], events.group_size[earlier])
        found.append((at, near[owner]))
    at, unit = (np.concatenate(column) for column in zip(*found, strict=True))
    if len(found) > 1:
        by_row = events.row[at].astype(np.uint16 if events.posts < 1 << 16 else np.int64).argsort(kind="stable")
        at, unit = at[by_row], unit[by_row]
    there = member[at] != 0
    return at[there], unit[there]


def _first_in_group(events: Events, member: Members) -> Flags:
    """Which elements are the first of their group with their member."""
    first = np.ones(len(member), np.bool_)
    shared = (events.group_size > 1)[events.group].nonzero()[0]
    if len(shared) == 0:
        return first
    order, _, same = by_group(events.group[shared], member[shared], max(len(events.group_size), 1))
    first[shared[order[1:][same]]] = False
    return first


def _rank(run: Ints) -> Ints:
    """Place of each element within its run of equal neighbours."""
    place = np.arange(len(run))
    start = np.zeros(len(run), np.int64)
    start[1:] = np.where(run[1:] != run[:-1], place[1:], 0)
    return place - np.maximum.accumulate(start)
