"""From a batch's columns to what the store is asked, and from its answer to readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from workers.counters.counts import increments, read_counts
from workers.counters.distincts import additions, parse_members, read_distincts
from workers.counters.events import Events
from workers.counters.spec import CounterSpec
from workers.counters.store import COUNT_BYTES, PANES, Cells

Keys = Mapping[str, NDArray[np.uint64]]


class _Recipe(msgspec.Struct, array_like=True):
    """A plan as bytes: kept by the store beside the old values, so that a redelivered post reads what it read."""

    specs: list[CounterSpec]
    offsets: bytes
    times: bytes
    keys: dict[str, bytes]
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """The readings of one counter."""

    values: NDArray[np.uint32]
    known: NDArray[np.bool_]


class Plan:
    """One batch: its counters' cells and how to read them.

    specs: one for each identity. offsets, times: int64 (n,). keys: uint64 (n,) for every column the specs
    name; 0 is none. policy: names the policy that decides the batch.
    """

    def __init__(
        self,
        specs: Sequence[CounterSpec],
        offsets: NDArray[np.int64],
        times: NDArray[np.int64],
        keys: Keys,
        policy: str = "",
    ) -> None:
        self.offsets = offsets
        self.policy = policy
        self._specs = sorted(specs, key=lambda spec: spec.kind)  # "count" before "distinct", as the store has them
        self._times = times
        self._keys = {column: keys[column] for spec in specs for column in (spec.by, spec.of) if column != "posts"}
        # floor(6 t / window): a pane need not be a whole number of milliseconds for windows to be exact.
        self._events = [Events(keys[spec.by], times * PANES // spec.window_ms) for spec in self._specs]

    def rows(self, rows: NDArray[np.intp]) -> Plan:
        """The same for some of the posts."""
        keys = {column: key[rows] for column, key in self._keys.items()}
        return Plan(self._specs, self.offsets[rows], self._times[rows], keys, self.policy)

    def cells(self, grace_seconds: int) -> Cells:
        """What the store is asked. Hashes live twice the window and the grace after they were last touched."""
        segments, count_segments = [], 0
        keys, counts, lengths, members = [], [], [], []
        for spec, events in zip(self._specs, self._events, strict=True):
            ttl_seconds = -(-2 * spec.window_ms // 1000) + grace_seconds
            own_segments, own_keys = events.stored_cells(spec.identity, ttl_seconds)
            segments += own_segments
            keys.append(own_keys)
            if spec.kind == "count":
                count_segments += len(own_segments)
                counts.append(increments(events))
            else:
                own_lengths, own_members = additions(events, self._keys[spec.of])
                lengths.append(own_lengths)
                members.append(own_members)
        return Cells(segments, count_segments, b"".join(keys), b"".join(counts), b"".join(lengths), b"".join(members))

    def read(self, old: bytes, counted: bool = True) -> dict[str, Measured]:
        """Readings by counter identity, from the old values the store gave.

        counted: the batch was counted: a reading includes the post and those before it in the batch.
        """
        sizes = np.frombuffer(old, "<u4", 4).astype(np.int64)
        parts = [old[end - size : end] for end, size in zip(16 + np.cumsum(sizes), sizes, strict=True)]
        found = (np.frombuffer(parts[0], np.uint8) == ord("1")).reshape(2, -1)
        bounds = np.cumsum([0, *(events.cells for events in self._events)]).tolist()
        split = bounds[sum(spec.kind == "count" for spec in self._specs)]
        counts = np.zeros((2, split, PANES), np.uint32)
        counts[found[:, :split]] = np.frombuffer(parts[1], "<u4").reshape(-1, COUNT_BYTES // 4)
        members = parse_members(found[:, split:], np.frombuffer(parts[2], "<u4"), parts[3])
        measured = {}
        for index, (spec, events) in enumerate(zip(self._specs, self._events, strict=True)):
            if spec.kind == "count":
                own = counts[:, bounds[index] : bounds[index + 1]]
                values = read_counts(events, own, counted)
            else:
                own_cells = slice(bounds[index] - split, bounds[index + 1] - split)
                values = read_distincts(events, self._keys[spec.of], members.of_cells(own_cells), counted)
            measured[spec.identity] = Measured(events.readings(values), events.known)
        return measured

    def recipe(self) -> bytes:
        """Bytes from which `from_recipe` makes the same plan."""
        keys = {column: key.astype("<u8").tobytes() for column, key in self._keys.items()}
        offsets, times = (column.astype("<i8").tobytes() for column in (self.offsets, self._times))
        return msgspec.msgpack.encode(_Recipe(self._specs, offsets, times, keys, self.policy))

    @classmethod
    def from_recipe(cls, recipe: bytes) -> Plan:
        """The plan of a batch that came before."""
        kept = msgspec.msgpack.decode(recipe, type=_Recipe)
        keys = {column: np.frombuffer(packed, "<u8") for column, packed in kept.keys.items()}
        offsets, times = np.frombuffer(kept.offsets, "<i8"), np.frombuffer(kept.times, "<i8")
        return cls(kept.specs, offsets, times, keys, kept.policy)
