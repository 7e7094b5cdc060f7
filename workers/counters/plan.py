"""From a batch's columns to what the store is asked, and from its answers to readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from workers.counters.counts import increments, read_counts
from workers.counters.distincts import Members, additions, parse_members, read_distincts
from workers.counters.events import Events, Sorted
from workers.counters.spec import CounterSpec
from workers.counters.store import PANES, SEGMENT, Cells

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
    """One batch: its counters' cells and how to read them. Of posts of another partition none reads anything.

    specs: one for each identity. offsets, times: int64 (n,). keys: uint64 (n,) for every column the specs
    name; 0 is none. policy: names the policy that decides the batch. bounds: where the posts of each partition
    begin, and the last end; all are of one without it.
    """

    def __init__(
        self,
        specs: Sequence[CounterSpec],
        offsets: NDArray[np.int64],
        times: NDArray[np.int64],
        keys: Keys,
        policy: str = "",
        bounds: Sequence[int] | None = None,
    ) -> None:
        self.offsets = offsets
        self.policy = policy
        self._counts = [spec for spec in specs if spec.kind == "count"]
        self._distincts = [spec for spec in specs if spec.kind == "distinct"]
        self._specs = [*self._counts, *self._distincts]
        self._times = times
        self._keys = {column: keys[column] for spec in specs for column in (spec.by, spec.of) if column != "posts"}
        self._bounds = [0, len(offsets)] if bounds is None else list(bounds)
        posts = Sorted({spec.by: keys[spec.by] for spec in specs}, np.array(self._bounds))
        self._count_events = Events(self._counts, posts, times) if self._counts else None
        self._distinct_events = Events(self._distincts, posts, times) if self._distincts else None

    def rows(self, rows: NDArray[np.intp] | slice) -> Plan:
        """The same for some of the posts, all of one partition."""
        keys = {column: key[rows] for column, key in self._keys.items()}
        return Plan(self._specs, self.offsets[rows], self._times[rows], keys, self.policy)

    def parts(self) -> list[slice]:
        """The posts of each partition."""
        return [slice(start, stop) for start, stop in pairwise(self._bounds)]

    def cells(self, grace_seconds: int) -> list[Cells]:
        """What the store is asked for each partition. Hashes live twice the window and the grace after they were last
        touched."""
        parts = len(self._bounds) - 1
        identities = [spec.identity for spec in self._specs]
        ttls = np.array([-(-2 * spec.window_ms // 1000) + grace_seconds for spec in self._specs])
        count_segments = distinct_segments = [b""] * parts
        count_keys = distinct_keys = [b""] * parts
        added = lengths = values = [b""] * parts
        if (events := self._count_events) is not None:
            count_segments, keys = events.stored_cells(ttls, 0)
            count_keys, added = _cut(keys, events.cell_bounds), _cut(increments(events), events.cell_bounds)
        if (events := self._distinct_events) is not None:
            first = len(self._counts)
            distinct_segments, keys = events.stored_cells(ttls[first:], first)
            sizes, packed = additions(events, self._members)
            distinct_keys, lengths = _cut(keys, events.cell_bounds), _cut(sizes, events.cell_bounds)
            ends = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64) // 4])
            values = _cut(packed, ends[events.cell_bounds].tolist())
        return [
            Cells(
                identities,
                count_segments[part] + distinct_segments[part],
                len(count_segments[part]) // SEGMENT.itemsize,
                count_keys[part] + distinct_keys[part],
                added[part],
                lengths[part],
                values[part],
            )
            for part in range(parts)
        ]

    @cached_property
    def _members(self) -> Members:
        """What each of the distincts' elements has to be told apart by."""
        events = self._distinct_events
        assert events is not None
        columns = list(dict.fromkeys(spec.of for spec in self._distincts))
        place = np.array([columns.index(spec.of) for spec in self._distincts])
        return np.concatenate([self._keys[column] for column in columns])[
            place[events.spec] * len(self.offsets) + events.row
        ]

    def read(self, olds: Sequence[bytes | None], counted: bool = True) -> dict[str, Measured]:
        """Readings by counter identity, from the old values the store gave for each partition.

        None of a partition's: its posts' readings mean nothing.
        counted: the batch was counted: a reading includes the post and those before it in the batch.
        """
        places: tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]] = [], []
        counts, lengths, members = [], [], []
        events = self._count_events, self._distinct_events
        cells = [each.cells if each else 0 for each in events]
        for part, old in enumerate(olds):
            if old is None:
                continue
            first, stop = ([each.cell_bounds[at] if each else 0 for each in events] for at in (part, part + 1))
            ends = 16 + np.cumsum(np.frombuffer(old, "<u4", 4), dtype=np.int64)
            flags, of_counts, of_lengths, of_members = (old[start:end] for start, end in pairwise([16, *ends.tolist()]))
            found = (np.frombuffer(flags, np.uint8) == ord("1")).reshape(2, -1)
            split = stop[0] - first[0]
            for kind, held in enumerate((found[:, :split], found[:, split:])):
                before, cell = held.nonzero()
                places[kind].append(before * cells[kind] + cell + first[kind])
            counts.append(of_counts)
            lengths.append(of_lengths)
            members.append(of_members)
        measured: dict[str, Measured] = {}
        if self._count_events is not None:
            held = np.zeros((2 * cells[0], PANES), np.uint32)
            held[_joined(places[0])] = np.frombuffer(b"".join(counts), "<u4").reshape(-1, PANES)
            self._told(
                measured, self._count_events, read_counts(self._count_events, held.reshape(2, -1, PANES), counted)
            )
        if self._distinct_events is not None:
            kept = parse_members(
                _joined(places[1]), cells[1], np.frombuffer(b"".join(lengths), "<u4"), b"".join(members)
            )
            values = read_distincts(self._distinct_events, self._members, kept, counted)
            self._told(measured, self._distinct_events, values)
        return measured

    def _told(self, measured: dict[str, Measured], events: Events, values: NDArray[np.int64]) -> None:
        for spec, read in zip(events.specs, events.readings(values), strict=True):
            measured[spec.identity] = Measured(read, self._keys[spec.by] != 0)

    def recipes(self) -> list[bytes]:
        """For each partition bytes from which `from_recipe` makes the same plan of its posts."""
        return [
            msgspec.msgpack.encode(
                _Recipe(
                    self._specs,
                    self.offsets[rows].astype("<i8").tobytes(),
                    self._times[rows].astype("<i8").tobytes(),
                    {column: key[rows].astype("<u8").tobytes() for column, key in self._keys.items()},
                    self.policy,
                )
            )
            for rows in self.parts()
        ]

    @classmethod
    def from_recipe(cls, recipe: bytes) -> Plan:
        """The plan of a batch that came before."""
        kept = msgspec.msgpack.decode(recipe, type=_Recipe)
        keys = {column: np.frombuffer(packed, "<u8") for column, packed in kept.keys.items()}
        offsets, times = np.frombuffer(kept.offsets, "<i8"), np.frombuffer(kept.times, "<i8")
        return cls(kept.specs, offsets, times, keys, kept.policy)


def _cut(values: NDArray[Any], bounds: Sequence[int]) -> list[bytes]:
    """The bytes of the values between each two of the bounds."""
    return [values[low:high].tobytes() for low, high in pairwise(bounds)]


def _joined(places: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(places) if places else np.zeros(0, np.int64)
