"""What the counters of policy.yaml must hold, counted one post at a time. Shares no code with the worker.

A post whose decision is not degraded was counted: it is *sure*. One whose decision is degraded may have been counted
(the call was applied and its answer came too late) or not. So every number has a least and a most; without degraded
posts they are the same, and the comparison is exact.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from xxhash import xxh3_64_intdigest

PANES = 6
BLOCK_PANES = 12
FULL = 128
HOUR_MS = 3_600_000
AUTHOR_WINDOW_MS = 6 * HOUR_MS
# The identity that a counter's hashes begin with, the window, and the post's field it goes by.
AUTHOR = "count:posts:author:21600000"
DEVICE = "count:posts:device:3600000"
TARGET = "distinct:author:reply_to:3600000"
WINDOWS = {AUTHOR: AUTHOR_WINDOW_MS, DEVICE: HOUR_MS, TARGET: HOUR_MS}
MEMBERS_A_PANE = 1_000
# From how many posts of an author a post is blocked, by the policy's version.
BLOCKS_FROM = {"chaos-1": 5, "chaos-2": 4}
FLAGS_FROM = 2


class Cell(NamedTuple):
    """A pane of a counter for one key."""

    identity: str
    key: int
    pane: int


class Bounds(NamedTuple):
    """The least and the most that a reading may be."""

    least: int
    most: int


def key_of(text: str) -> int:
    """The 64-bit key of an id, as the counters' documentation has it."""
    return xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) or 1


def verdict_of(version: str, kind: str, reading: int) -> str:
    """What the policies of this suite say of a post of this kind whose author has posted `reading` times."""
    if kind == "post" and reading >= BLOCKS_FROM[version]:
        return "block"
    return "flag" if kind == "comment" and reading >= FLAGS_FROM else "allow"


class Naive:
    """Counts posts as they come; an author's must come in the order of their partition."""

    def __init__(self) -> None:
        self._authors: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
        self.counts: dict[Cell, list[int]] = defaultdict(lambda: [0, 0])
        self.members: dict[Cell, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))

    def add(self, post: Mapping[str, Any], time_ms: int, sure: bool) -> Bounds:
        """Count a post; returns what its author's counter may read, the post itself included."""
        author = post["author"]["id"]
        pane = time_ms * PANES // AUTHOR_WINDOW_MS
        window = [self._authors.get((author, pane - back), (0, 0)) for back in range(PANES)]
        bounds = Bounds(1 + sum(least for least, _ in window), 1 + sum(most for _, most in window))
        own = key_of(author)
        for numbers in (self._authors[author, pane], self.counts[Cell(AUTHOR, own, pane)]):
            numbers[0] += sure
            numbers[1] += 1
        hour_pane = time_ms * PANES // HOUR_MS
        if post.get("device"):
            numbers = self.counts[Cell(DEVICE, key_of(post["device"]), hour_pane)]
            numbers[0] += sure
            numbers[1] += 1
        if post.get("reply_to"):
            least, most = self.members[Cell(TARGET, key_of(post["reply_to"]), hour_pane)]
            most.add(own)
            if sure:
                least.add(own)
        return bounds

    def differences(self, stored: Mapping[str, Mapping[bytes, bytes]]) -> Iterator[str]:
        """A line for each cell of the stored hashes (name without prefix, fields) that holds what it must not."""
        counts, members = parse(stored)
        for cell in self.counts.keys() | counts.keys():
            least, most = self.counts.get(cell, (0, 0))
            if not least <= counts.get(cell, 0) <= most:
                yield f"{_named(cell)} holds {counts.get(cell, 0)}, must be {least}" + (
                    f" to {most}" if most > least else ""
                )
        nothing: tuple[set[int], set[int]] = (set(), set())
        for cell in self.members.keys() | members.keys():
            sure, maybe = self.members.get(cell, nothing)
            found = members.get(cell, set())
            if found is None:
                if len(maybe) < MEMBERS_A_PANE:
                    yield f"{_named(cell)} is full, must be {len(sure)} to {len(maybe)}"
            elif not sure <= found <= maybe:
                yield (
                    f"{_named(cell)} holds {len(found)} members, {len(sure - found)} are missing "
                    f"and {len(found - maybe)} should not be there"
                )


def parse(stored: Mapping[str, Mapping[bytes, bytes]]) -> tuple[dict[Cell, int], dict[Cell, set[int] | None]]:
    """Counts and members by cell out of the stored hashes; None is a pane that is full and keeps no members."""
    counts: dict[Cell, int] = {}
    members: dict[Cell, set[int] | None] = {}
    for name, fields in stored.items():
        identity, block = name.rsplit(":", 1)
        for field, value in fields.items():
            if len(field) != 8:
                continue
            first = Cell(identity, struct.unpack("<Q", field)[0], int(block.removeprefix("w")) * BLOCK_PANES)
            if identity.startswith("count:"):
                for count, pane in struct.iter_unpack("<IB", value):
                    cell = first._replace(pane=first.pane + pane)
                    counts[cell] = counts.get(cell, 0) + count
                continue
            for member, pane in struct.iter_unpack("<QB", value):
                cell = first._replace(pane=first.pane + pane % FULL)
                if pane >= FULL:
                    members[cell] = None
                elif (others := members.setdefault(cell, set())) is not None:
                    others.add(member)
    return counts, members


def _named(cell: Cell) -> str:
    return f"{cell.identity} key {cell.key:016x} pane {cell.pane}"
