"""From a batch's columns to what the store is asked, and from its answers to readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from workers.counters.counts import increments, parse_counts, read_counts
from workers.counters.distincts import Members, additions, parse_members, read_distincts
from workers.counters.events import Events, Sorted
from workers.counters.packing import stored_values
from workers.counters.spec import CounterSpec
from workers.counters.store import SEGMENT, Cells

Keys = Mapping[str, NDArray[np.uint64]]


class _Recipe(msgspec.Struct, array_like=True):
    """A plan as bytes: kept by the store beside the old values, so that a redelivered post reads what it read."""

    specs: list[CounterSpec]
    offsets: bytes
    times: bytes
    keys: dict[str, bytes]
    policy: str = ""


class Measured(NamedTuple):
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
        self._count_events = Events(self._counts, posts, times)
        self._distinct_events = Events(self._distincts, posts, times)

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
        identities = [spec.identity for spec in self._specs]
        ttls = np.array([-(-2 * spec.window_ms // 1000) + grace_seconds for spec in self._specs])
        counts, distincts = self._count_events, self._distinct_events
        count_segments, count_keys = counts.stored_cells(ttls, 0)
        distinct_segments, distinct_keys = distincts.stored_cells(ttls[len(self._counts) :], len(self._counts))
        added = (
            increments(counts).parts(counts.cell_bounds),
            additions(distincts, self._members).parts(distincts.cell_bounds),
        )
        return [
            Cells(
                identities,
                count_segments[part] + distinct_segments[part],
                len(count_segments[part]) // SEGMENT.itemsize,
                count_key + distinct_key,
                count_added + distinct_added,
            )
            for part, (count_key, distinct_key, count_added, distinct_added) in enumerate(
                zip(
                    _cut(count_keys, counts.cell_bounds),
                    _cut(distinct_keys, distincts.cell_bounds),
                    *added,
                    strict=True,
                )
            )
        ]

    @cached_property
    def _members(self) -> Members:
        """What each of the distincts' elements has to be told apart by."""
        events = self._distinct_events
        columns = list(dict.fromkeys(spec.of for spec in self._distincts))
        place = np.array([columns.index(spec.of) for spec in self._distincts], np.int64)
        members = np.concatenate([np.zeros(0, np.uint64), *(self._keys[column] for column in columns)])
        chosen: Members = members[place[events.spec] * len(self.offsets) + events.row]
        return chosen

    def read(self, olds: Sequence[bytes | None], counted: bool = True) -> dict[str, Measured]:
        """Readings by counter identity, from the old values the store gave for each partition.

        None of a partition's: its posts' readings mean nothing.
        counted: the batch was counted: a reading includes the post and those before it in the batch.
        """
        events = self._count_events, self._distinct_events
        counts, distincts = stored_values(olds, *events)
        measured = (
            read_counts(events[0], parse_counts(counts, events[0].cells), counted),
            read_distincts(events[1], self._members, parse_members(distincts, events[1].cells), counted),
        )
        known = {column: self._keys[column] != 0 for column in {spec.by for spec in self._specs}}
        return {
            spec.identity: Measured(read, known[spec.by])
            for of, values in zip(events, measured, strict=True)
            for spec, read in zip(of.specs, of.readings(values), strict=True)
        }

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
