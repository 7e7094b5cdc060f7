"""Counters in this process: for `sluicegate score`, for tests, and to read what the script in apply.lua means."""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from workers.campaigns.finding import FindRequest, Found, FoundBefore
from workers.campaigns.memory import MemoryFinder
from workers.counters.store import (
    COUNT_BYTES,
    HEADER_BYTES,
    MEMBER_BYTES,
    MEMBERS_A_PANE,
    PANES,
    SEGMENT,
    Applied,
    Cells,
    Redelivered,
    Request,
    StaleEpoch,
    hash_name,
)

T = TypeVar("T")

_COUNT = struct.Struct(f"<{PANES}I")
_HEADER = struct.Struct(f"<{PANES}H")
_PARTS = struct.Struct("<4I")
_LENGTH = struct.Struct("<I")


class _Guard:
    """What is known of one partition."""

    def __init__(self) -> None:
        self.epoch = 0
        self.applied = -1
        self.batches: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        self.found = -1
        self.answers: dict[tuple[int, int], bytes] = {}


def _sharing(kept: dict[tuple[int, int], T], request: Request | FindRequest) -> tuple[T, ...]:
    """What is kept of batches that share offsets with the request."""
    return tuple(one for (first, last), one in kept.items() if first <= request.last and last >= request.first)


def _keep(kept: dict[tuple[int, int], T], request: Request | FindRequest, one: T) -> None:
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

    def _fence(self, request: Request | FindRequest) -> _Guard:
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
        flags, counts, sizes, members = bytearray(), [], [], []
        for before in (0, 1):
            keys = _keys(cells)
            for index, (name, size, _) in enumerate(_segments(cells, before)):
                stored = self._hashes.get(name, {})
                for _ in range(size):
                    value = stored.get(next(keys))
                    flags += b"0" if value is None else b"1"
                    if value is None:
                        continue
                    if index < cells.count_segments:
                        counts.append(value)
                    else:
                        members.append(value)
                        sizes.append(struct.pack("<I", len(value)))
        parts = (bytes(flags), b"".join(counts), b"".join(sizes), b"".join(members))
        return _PARTS.pack(*map(len, parts)) + b"".join(parts)

    def _write(self, cells: Cells) -> None:
        keys, increments, additions = _keys(cells), _increments(cells), _additions(cells)
        for index, (name, size, ttl_seconds) in enumerate(_segments(cells)):
            stored = self._hashes.setdefault(name, {})
            expiry = time.monotonic() + ttl_seconds
            self._expiry[name] = expiry
            self._next_expiry = min(self._next_expiry, expiry)
            for _ in range(size):
                key = next(keys)
                value = stored.get(key)
                if index < cells.count_segments:
                    more = next(increments)
                    stored[key] = more if value is None else _add(value, more)
                elif more := next(additions):
                    stored[key] = more if value is None else _unite(value, more)


def _segments(cells: Cells, before: int = 0) -> Iterator[tuple[str, int, int]]:
    """Name of each segment's hash, of its own block or of one before; how many cells; seconds it lives."""
    for identity, shard, size, ttl_seconds, block in np.frombuffer(cells.segments, SEGMENT).tolist():
        yield hash_name(cells.identities[identity], block - before, shard), size, ttl_seconds


def _keys(cells: Cells) -> Iterator[bytes]:
    return (cells.keys[at : at + 8] for at in range(0, len(cells.keys), 8))


def _increments(cells: Cells) -> Iterator[bytes]:
    return (cells.increments[at : at + COUNT_BYTES] for at in range(0, len(cells.increments), COUNT_BYTES))


def _additions(cells: Cells) -> Iterator[bytes]:
    at = 0
    while at < len(cells.additions):
        (length,) = _LENGTH.unpack_from(cells.additions, at)
        at += _LENGTH.size + length
        yield cells.additions[at - length : at]


def _add(value: bytes, more: bytes) -> bytes:
    return _COUNT.pack(*(a + b for a, b in zip(_COUNT.unpack(value), _COUNT.unpack(more), strict=True)))


def _unite(value: bytes, more: bytes) -> bytes:
    panes = [
        None if stored is None or come is None else list(dict.fromkeys(stored + come))
        for stored, come in zip(_panes(value), _panes(more), strict=True)
    ]
    kept = [[] if pane is None or len(pane) >= MEMBERS_A_PANE else pane for pane in panes]
    sizes = [MEMBERS_A_PANE if pane is None else min(len(pane), MEMBERS_A_PANE) for pane in panes]
    return _HEADER.pack(*sizes) + b"".join(member for pane in kept for member in pane)


def _panes(value: bytes) -> Iterator[list[bytes] | None]:
    """Members of each pane; None for a full one."""
    at = HEADER_BYTES
    for size in _HEADER.unpack_from(value):
        if size == MEMBERS_A_PANE:
            yield None
            continue
        yield [value[at + i * MEMBER_BYTES : at + (i + 1) * MEMBER_BYTES] for i in range(size)]
        at += size * MEMBER_BYTES
