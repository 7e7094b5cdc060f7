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
from workers.counters.store import HEADER_BYTES, MEMBERS_A_PANE, PANES

Members = NDArray[np.uint64]

_HEADER_WORDS = HEADER_BYTES // 4


@dataclass(frozen=True, slots=True)
class OldMembers:
    """What cells held before the batch."""

    starts: Ints
    """(2, cells): where the members of a cell's own and of its previous block begin."""
    sizes: Ints
    """(2, cells): how many they are; those of full panes are not there."""
    full: NDArray[np.bool_]
    """(2, cells, PANES): the pane is full."""
    panes: Ints
    """(members,): number of each member's pane within its block."""
    members: Members


def additions(events: Events, member: Members) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """What the batch adds to each cell: byte lengths, uint32 (cells,), and the packed distinct values, uint32.

    member: (elements,), one each; 0 is none.
    """
    new = _first_in_group(events.group, member) & (member != 0)
    group, member = events.group[new], member[new]
    group_size = np.minimum(np.bincount(group, minlength=len(events.group_start)), MEMBERS_A_PANE)
    sizes = np.zeros((events.cells, PANES), np.int64)
    sizes[events.cell, events.group_pane % PANES] = group_size
    kept = (group_size < MEMBERS_A_PANE)[group]
    cell, member = events.cell[group[kept]], member[kept]
    words = 2 * _members_kept(sizes).sum(axis=1)
    filled = sizes.any(axis=1)
    words[filled] += _HEADER_WORDS
    starts = np.cumsum(words) - words
    packed = np.empty(int(words.sum()), "<u4")
    packed[starts[filled, None] + np.arange(_HEADER_WORDS)] = sizes[filled].astype("<u2").view("<u4")
    # Groups come in the order of key and pane, so a cell's members are neighbours and in the order of its panes.
    at = starts[cell] + _HEADER_WORDS + 2 * _rank(cell)
    packed[at[:, None] + np.arange(2)] = member.astype("<u8").view("<u4").reshape(-1, 2)
    return (4 * words).astype("<u4"), packed


def parse_members(places: Ints, cells: int, lengths: NDArray[np.uint32], values: bytes) -> OldMembers:
    """Unpack stored distinct values.

    places: where each value belongs among the cells' own blocks and, behind them, their previous ones; lengths: bytes
    of each value.
    """
    words = np.frombuffer(values, "<u4")
    ends = np.cumsum(lengths, dtype=np.int64) // 4
    headers = ((ends - lengths // 4)[:, None] + np.arange(_HEADER_WORDS)).astype(np.int64)
    in_pane = np.ascontiguousarray(words[headers]).view("<u2").astype(np.int64).reshape(-1, PANES)
    is_member = np.ones(len(words), np.bool_)
    is_member[headers] = False
    full = np.zeros((2 * cells, PANES), np.bool_)
    full[places] = in_pane == MEMBERS_A_PANE
    in_pane = _members_kept(in_pane)
    kept = in_pane.sum(axis=1)
    sizes, starts = np.zeros(2 * cells, np.int64), np.zeros(2 * cells, np.int64)
    sizes[places], starts[places] = kept, np.cumsum(kept) - kept
    panes = np.repeat(np.tile(np.arange(PANES), len(in_pane)), in_pane.ravel())
    return OldMembers(
        starts.reshape(2, -1), sizes.reshape(2, -1), full.reshape(2, -1, PANES), panes, words[is_member].view("<u8")
    )


def _members_kept(sizes: Ints) -> Ints:
    return np.where(sizes < MEMBERS_A_PANE, sizes, 0)


def read_distincts(events: Events, member: Members, old: OldMembers, counted: bool) -> NDArray[np.int64]:
    """Different members in the window of each event; `member` as for `additions`, `counted` as for `read_counts`."""
    measured = (member != 0).astype(np.int64) if counted else np.zeros(len(member), np.int64)
    reach = [events.reaches(back) for back in range(1, PANES)]
    pane, cell = events.group_pane % PANES, events.cell
    inside = np.arange(PANES) <= pane[:, None]
    full = (np.where(inside, old.full[0, cell], old.full[1, cell])).any(axis=1)
    measured[full[events.group]] = MEMBERS_A_PANE
    busy = ((events.group_size > 1) | (old.sizes.sum(axis=0) > 0)[cell] | reach[0]) & ~full
    groups = np.flatnonzero(busy)
    # Every (group, member, row) that may count for the group; what was there before the batch has row -1.
    found = [_old_in_window(events, old, groups)]
    for back in range(PANES if counted else 0):
        near = groups if back == 0 else groups[reach[back - 1][groups]]
        if len(near) == 0:
            break
        at, owner = ranges(events.group_start[near - back], events.group_size[near - back])
        found.append((near[owner], member[at], events.row[at]))
    unit, row = _appearances(*(np.concatenate(column) for column in zip(*found, strict=True)))
    # A member counts for a group from the row where it first appears; each event asks how many did up to its own.
    rows = int(events.row.max(initial=0)) + 1
    before = np.bincount(unit[row < 0], minlength=len(full))
    appeared = np.sort((unit * rows + row)[row >= 0])
    at = np.flatnonzero(busy[events.group])
    since = events.group[at] * rows
    during = np.searchsorted(appeared, since + events.row[at], "right") - np.searchsorted(appeared, since)
    measured[at] = np.minimum(before[events.group[at]] + during, MEMBERS_A_PANE)
    return measured


def _old_in_window(events: Events, old: OldMembers, groups: Ints) -> tuple[Ints, Members, Ints]:
    units, values = [], []
    pane = events.group_pane % PANES
    for before in range(2):
        cell = events.cell[groups]
        at, owner = ranges(old.starts[before, cell], old.sizes[before, cell])
        unit = groups[owner]
        inside = (old.panes[at] > pane[unit]) if before else (old.panes[at] <= pane[unit])
        units.append(unit[inside])
        values.append(old.members[at[inside]])
    unit = np.concatenate(units)
    return unit, np.concatenate(values), np.full(len(unit), -1)


def _appearances(group: Ints, member: Members, row: Ints) -> tuple[Ints, Ints]:
    """Group and lowest row of each member of each group; 0 is no member."""
    there = member != 0
    group, member, row = group[there], member[there], row[there]
    order = _by_group(group, member)
    group, member, row = group[order], member[order], row[order]
    begins = np.ones(len(group), np.bool_)
    begins[1:] = (group[1:] != group[:-1]) | (member[1:] != member[:-1])
    first = np.flatnonzero(begins)
    return group[first], np.minimum.reduceat(row, first) if len(first) else row


def _by_group(group: Ints, member: Members) -> Ints:
    """Order by group and member; equal ones stay as they were. Two passes cost half of what `lexsort` does."""
    order = np.argsort(member, kind="stable")
    narrow = group[order].astype(np.uint16 if group.max(initial=0) < 1 << 16 else np.int64)
    return order[np.argsort(narrow, kind="stable")]


def _first_in_group(group: Ints, member: Members) -> NDArray[np.bool_]:
    """Which elements are the first of their group with their member. Elements come group by group."""
    first = np.ones(len(group), np.bool_)
    same = group[1:] == group[:-1]
    repeated = np.zeros(len(group), np.bool_)
    repeated[1:] = same
    repeated[:-1] |= same
    shared = np.flatnonzero(repeated)
    order = shared[_by_group(group[shared], member[shared])]
    first[order[1:]] = (group[order[1:]] != group[order[:-1]]) | (member[order[1:]] != member[order[:-1]])
    return first


def _rank(run: Ints) -> Ints:
    """Place of each element within its run of equal neighbours."""
    place = np.arange(len(run))
    start = np.zeros(len(run), np.int64)
    start[1:] = np.where(run[1:] != run[:-1], place[1:], 0)
    return place - np.maximum.accumulate(start)
