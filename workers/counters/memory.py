"""Counters in this process: for `sluicegate score`, for tests, and to read what the script in apply.lua means."""

from __future__ import annotations

import math
import struct
import time
from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from workers.campaigns.finding import FindRequest, Found, FoundBefore, Guarded
from workers.campaigns.memory import MemoryFinder
from workers.counters.store import (
    FULL,
    MEMBERS_A_PANE,
    SEGMENT,
    Applied,
    Cells,
    Redelivered,
    Request,
    StaleEpoch,
    hash_name,
)

T = TypeVar("T")

_COUNT = struct.Struct("<IB")
_MEMBER = struct.Struct("<QB")
_PARTS = struct.Struct("<3I")
_LENGTH = struct.Struct("<I")


class _Guard:
    """What is known of one partition."""

    def __init__(self) -> None:
        self.epoch = 0
        self.applied = -1
        self.batches: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        self.found = -1
        self.answers: dict[tuple[int, int], bytes] = {}


def _sharing(kept: dict[tuple[int, int], T], request: Guarded) -> tuple[T, ...]:
    """What is kept of batches that share offsets with the request."""
    return tuple(one for (first, last), one in kept.items() if first <= request.last and last >= request.first)


def _keep(kept: dict[tuple[int, int], T], request: Guarded, one: T) -> None:
    """Keep this for the request's offsets, and nothing for those that are committed."""
    kept[request.first, request.last] = one
    for bounds in [bounds for bounds in kept if bounds[1] < request.committed]:
        del kept[bounds]


class MemoryStore:
    """The store without a server. Nothing outlives the object; hashes expire by the wall clock as in Redis."""

    def __init__(self) -> None:
        self._hashes: dict[str, dict[bytes, bytes]] = {}
        self._expiry: dict[str, float] = {}
        self._next_expiry = math.inf
        self._guards: dict[str, _Guard] = {}
        self._finder = MemoryFinder()

    async def claim(self, guard: str, guard_ttl_seconds: int) -> int:
        known = self._guards.setdefault(guard, _Guard())
        known.epoch += 1
        return known.epoch

    async def apply(self, request: Request) -> Applied | Redelivered:
        guard = self._fence(request)
        if request.first <= guard.applied:
            return Redelivered(guard.applied, _sharing(guard.batches, request))
        self._expire()
        old = self._read(request.cells)
        self._write(request.cells)
        before, guard.applied = guard.applied, request.last
        _keep(guard.batches, request, (request.recipe, old))
        return Applied(old, before)

    async def peek(self, request: Request) -> bytes:
        self._fence(request)
        return self._read(request.cells)

    async def find(self, request: FindRequest) -> Found | FoundBefore:
        guard = self._fence(request)
        if request.first <= guard.found:
            return FoundBefore(guard.found, _sharing(guard.answers, request))
        answer = self._finder.find(request)
        guard.found = request.last
        _keep(guard.answers, request, answer)
        return Found(answer)

    async def ping(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def _fence(self, request: Guarded) -> _Guard:
        guard = self._guards.setdefault(request.guard, _Guard())
        if request.epoch < guard.epoch:
            raise StaleEpoch(request.epoch, guard.epoch)
        guard.epoch = request.epoch
        return guard

    def _expire(self) -> None:
        now = time.monotonic()
        if now < self._next_expiry:
            return
        for name in [name for name, at in self._expiry.items() if at <= now]:
            del self._hashes[name], self._expiry[name]
        self._next_expiry = min(self._expiry.values(), default=math.inf)

    def _read(self, cells: Cells) -> bytes:
        flags, counts, members, lengths = bytearray(), bytearray(), bytearray(), bytearray()
        for before in (0, 1):
            keys = _keys(cells)
            for index, (name, size, _, looks_back) in enumerate(_segments(cells, before)):
                stored = self._hashes.get(name, {})
                own = [stored.get(next(keys)) for _ in range(size)]
                if looks_back or not before:
                    flags += b"".join(b"0" if value is None else b"1" for value in own)
                    found = [value for value in own if value is not None]
                    lengths += b"".join(_LENGTH.pack(len(value)) for value in found)
                    (counts if index < cells.count_segments else members).extend(b"".join(found))
        return _PARTS.pack(len(flags), len(lengths), len(counts)) + flags + lengths + counts + members

    def _write(self, cells: Cells) -> None:
        keys, additions = _keys(cells), _additions(cells)
        for index, (name, size, ttl_seconds, _) in enumerate(_segments(cells)):
            stored = self._hashes.setdefault(name, {})
            expiry = time.monotonic() + ttl_seconds
            self._expiry[name] = expiry
            self._next_expiry = min(self._next_expiry, expiry)
            added = _add if index < cells.count_segments else _unite
            for _ in range(size):
                key, more = next(keys), next(additions)
                if more:
                    stored[key] = added(stored[key], more) if key in stored else more


def _segments(cells: Cells, before: int = 0) -> Iterator[tuple[str, int, int, int]]:
    """Name of each segment's hash, of its own block or of one before; how many cells; seconds it lives; whether it
    looks back."""
    for identity, size, ttl_seconds, block, looks_back in np.frombuffer(cells.segments, SEGMENT).tolist():
        yield hash_name(cells.identities[identity], block - before), size, ttl_seconds, looks_back


def _keys(cells: Cells) -> Iterator[bytes]:
    return (cells.keys[at : at + 8] for at in range(0, len(cells.keys), 8))


def _additions(cells: Cells) -> Iterator[bytes]:
    at = 0
    while at < len(cells.additions):
        (length,) = _LENGTH.unpack_from(cells.additions, at)
        at += _LENGTH.size + length
        yield cells.additions[at - length : at]


def _add(value: bytes, more: bytes) -> bytes:
    posts: Counter[int] = Counter()
    for count, pane in _COUNT.iter_unpack(value + more):
        posts[pane] += count
    return b"".join(_COUNT.pack(posts[pane], pane) for pane in sorted(posts))


def _unite(value: bytes, more: bytes) -> bytes:
    panes: dict[int, dict[int, None]] = {}
    full = set()
    for member, pane in _MEMBER.iter_unpack(value + more):
        if pane >= FULL:
            full.add(pane - FULL)
        else:
            panes.setdefault(pane, {})[member] = None
    full |= {pane for pane, members in panes.items() if len(members) >= MEMBERS_A_PANE}
    return b"".join(
        _MEMBER.pack(0, FULL + pane) if pane in full else b"".join(_MEMBER.pack(member, pane) for member in panes[pane])
        for pane in sorted(full | panes.keys())
    )
