"""What the counters ask of a store, in packed form, so that memory and Redis answer the same client.

A *cell* is one key of one counter in one *block* (two windows' length of time, cut into BLOCK_PANES panes). Cells that
lie in the same Redis hash come together as a *segment*. A cell's stored value has one of two forms, little-endian:

- count:    a COUNT for each pane with posts, pane by pane;
- distinct: a MEMBER for each of the members of each pane, pane by pane. A pane that has seen MEMBERS_A_PANE members is
  full: one MEMBER in place of all, 0, whose pane has FULL added to it.

What a batch adds to a cell is written in the same form: where nothing is stored yet it becomes the value as it is, and
where all that is stored is of earlier panes it is appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from workers.campaigns.finding import Finder, Guarded

PANES = 6
"""Parts a window moves by: a reading covers the post's own pane and the five before it."""

BLOCK_PANES = 2 * PANES
"""Seven posts in twelve read their own block only. With longer blocks it would be more, but they would live longer."""

MEMBERS_A_PANE = 1_000
"""The largest reading of a distinct counter, and so the most members worth telling apart in one pane."""

COUNT = np.dtype([("count", "<u4"), ("pane", "u1")])
MEMBER = np.dtype([("member", "<u8"), ("pane", "u1")])
FULL = 0x80


class CountersUnavailable(Exception):  # noqa: N818 - a state the caller lives with, not a fault of the program
    """The store cannot answer now: gone, too slow, full, loading or read-only. Decide without counters."""


class StaleEpoch(Exception):  # noqa: N818 - see above
    """A newer owner of the partition has been here: this worker must not count or publish for it any more."""

    def __init__(self, epoch: int, newest: int) -> None:
        super().__init__(f"epoch {epoch} is older than {newest}, the newest seen for this partition")
        self.epoch = epoch
        self.newest = newest


SEGMENT = np.dtype([
    ("identity", "<u4"), ("cells", "<u4"), ("ttl_seconds", "<u4"), ("block", "<i8"), ("looks_back", "<u4")
])  # fmt: skip
"""Neighbouring cells that live in one hash: that of their counter and block of time. The hash of the block before is
read as well if the segment looks back: if the window of a post begins there."""


@dataclass(frozen=True, slots=True)
class Cells:
    """All cells a batch touches: first those of counts, then those of distincts, segment by segment."""

    identities: Sequence[str]
    """What the counters' hashes are named by; segments say which by number."""
    segments: bytes
    """SEGMENT each."""
    count_segments: int
    """How many of the segments hold counts; the others hold distincts."""
    keys: bytes
    """uint64 a cell."""
    additions: bytes
    """What is added to each cell, behind its length in bytes (uint32); one of length 0 adds nothing."""


def hash_name(identity: str, block: int) -> str:
    """The hash that holds a counter's cells of a block of time.

    It is one, however large, for each that a small batch touches costs as much as two posts. So the server should free
    on the side what has expired: Valkey does, Redis where it is told to (`lazyfree-lazy-expire yes`).
    """
    return f"{identity}:w{block}"


@dataclass(frozen=True, slots=True)
class Request(Guarded):
    """What one batch of one partition is counted in."""

    cells: Cells
    recipe: bytes
    """What the client needs to compute the readings again from the old values; opaque to the store."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The batch was added."""

    old: bytes
    """The old values of its cells."""
    before: int
    """The last offset that had been applied before it; -1 where the store knows of none."""


@dataclass(frozen=True, slots=True)
class Redelivered:
    """The batch starts at or below what has been applied; nothing was applied."""

    applied: int
    """The last offset applied."""
    stored: Sequence[tuple[bytes, bytes]]
    """Recipe and old values of every kept batch that shares offsets with this one."""


class Store(Finder, Protocol):
    """Keeps counts and the replay guard. Each call is atomic.

    Old values are one packed string: three uint32 (the byte lengths of the first three parts), then
    flags (one byte "0" or "1" for each cell's own block, then one for the previous block of each cell of a segment that
    looks back), the length in bytes (uint32) of each value found, the count values found, the distinct values found.
    """

    async def claim(self, guard: str, guard_ttl_seconds: int) -> int:
        """A new epoch for a partition, higher than all before it: from now on older ones are refused.

        Raises CountersUnavailable.
        """

    async def apply(self, request: Request) -> Applied | Redelivered:
        """Add the batch once; returns the old values of its cells, or what is known if it came before.

        Raises:
            CountersUnavailable: the batch may or may not have been applied; asking again is safe.
            StaleEpoch: the partition has a newer owner.
        """

    async def peek(self, request: Request) -> bytes:
        """The old values of the batch's cells; adds nothing. Raises as `apply` does."""

    async def ping(self) -> None:
        """Returns when the store answers; raises CountersUnavailable."""

    async def close(self) -> None:
        """Let go of connections."""
