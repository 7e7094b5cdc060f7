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
from workers.counters.packing import Additions, Values, packed
from workers.counters.store import BLOCK_PANES, FULL, MEMBER, MEMBERS_A_PANE, PANES

Members = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class OldMembers:
    """What cells held before the batch."""

    bounds: Ints
    """(values * BLOCK_PANES + 1,): where the members of each pane begin, those of the last end; there are none of full
    panes, and none of the last value."""
    first: Ints
    """(2, cells): where in `bounds` the first pane of a cell's own and of its previous block is."""
    full: Flags | None
    """(values, BLOCK_PANES): the pane is full. None where no pane is."""
    members: Members


def additions(events: Events, member: Members) -> Additions:
    """What the batch adds to each cell: a MEMBER for each that is new in its pane, or one for all of a full pane.

    member: (elements,), one each; 0 is none.
    """
    new = _first_in_group(events, member) & (member != 0)
    group, member = events.group[new], member[new]
    full = np.bincount(group, minlength=len(events.pane)) >= MEMBERS_A_PANE
    records = np.empty(len(group), MEMBER)
    records["member"], records["pane"] = member, events.pane[group]
    if full.any():
        first = np.ones(len(group), np.bool_)
        first[1:] = group[1:] != group[:-1]
        records["member"][full[group]] = 0
        records["pane"][full[group]] += FULL
        kept = first | ~full[group]
        group, records = group[kept], records[kept]
    return packed(events.cell[group], records, events.cells)


def parse_members(values: Values, cells: int) -> OldMembers:
    """Unpack stored distinct values of so many cells."""
    records, number = np.frombuffer(values.packed, MEMBER), len(values.places)
    member, pane = records["member"].astype(np.uint64), records["pane"].astype(np.int64)
    pane += BLOCK_PANES * np.arange(number).repeat(values.lengths // MEMBER.itemsize)
    # One value more, which holds nothing: that of the cells of which nothing is stored.
    panes = BLOCK_PANES * (number + 1)
    full: Flags | None = None
    is_full = records["pane"] >= FULL
    if is_full.any():
        full = (np.bincount(pane[is_full] - FULL, minlength=panes) > 0).reshape(-1, BLOCK_PANES)
        member, pane = member[~is_full], pane[~is_full]
    bounds = np.zeros(panes + 1, np.int64)
    np.bincount(pane, minlength=panes).cumsum(out=bounds[1:])
    first = np.full(2 * cells, number)
    first[values.places] = np.arange(number)
    return OldMembers(bounds, BLOCK_PANES * first.reshape(2, -1), full, member)


def read_distincts(events: Events, member: Members, old: OldMembers, counted: bool) -> NDArray[np.int64]:
    """Different members in the window of each event; `member` as for `additions`, `counted` as for `read_counts`."""
    measured = (member != 0).astype(np.int64) if counted else np.zeros(len(member), np.int64)
    pane, cell = events.pane, events.cell
    # The window's panes of its own block and, where it begins there, of the block before.
    begin, begin_before = np.maximum(pane + 1 - PANES, 0), np.minimum(pane + 1 + PANES, BLOCK_PANES)
    own, previous = old.first[:, cell]
    starts = old.bounds[np.array([own + begin, previous + begin_before])]
    sizes = old.bounds[np.array([own + pane + 1, previous + BLOCK_PANES])] - starts
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
    appeared = unit[first] * rows + events.row[at_new[first - len(at_old)]]
    appeared.sort()
    at = busy[events.group].nonzero()[0]
    unit = (busy.cumsum() - 1)[events.group[at]]
    during = appeared.searchsorted(unit * rows + events.row[at], "right")
    during -= appeared.searchsorted(np.arange(len(groups)) * rows)[unit]
    measured[at] = np.minimum(before[unit] + during, MEMBERS_A_PANE)
    if old.full is not None:
        panes = np.arange(BLOCK_PANES)
        full = (old.full[own // BLOCK_PANES] & (panes >= begin[:, None]) & (panes <= pane[:, None])).any(axis=1)
        full |= (old.full[previous // BLOCK_PANES] & (panes >= begin_before[:, None])).any(axis=1)
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
