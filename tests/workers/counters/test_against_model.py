"""Both stores against a model that goes post by post and remembers everything."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workers.batch import Part
from workers.counters import MEMBERS_A_PANE, Counters, CounterSpec, Store, distincts, memory, redis

SPECS = (
    CounterSpec("posts_short", "count", "posts", "author", 1_000),
    CounterSpec("posts_long", "count", "posts", "author", 60_000),
    CounterSpec("campaign_posts", "count", "posts", "campaign", 10_000),
    CounterSpec("campaign_authors", "distinct", "author", "campaign", 10_000),
    CounterSpec("text_authors", "distinct", "author", "fingerprint", 1_000),
    CounterSpec("text_authors_again", "distinct", "author", "fingerprint", 1_000),
    CounterSpec("author_texts", "distinct", "fingerprint", "author", 10_000),
)
PARTITIONS = 2


@dataclass(frozen=True)
class Entry:
    time: int
    author: int
    fingerprint: int
    campaign: int


@dataclass
class Model:
    """What a counter means, said as plainly as can be."""

    seen: dict[tuple[str, int], list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    first_read: dict[tuple[int, int], dict[str, int | None]] = field(default_factory=dict)
    most_members: int = MEMBERS_A_PANE

    def read(self, partition: int, offset: int, post: Entry) -> dict[str, int | None]:
        if (partition, offset) not in self.first_read:
            self.first_read[partition, offset] = {spec.name: self.count(spec, post) for spec in SPECS}
        return self.first_read[partition, offset]

    def count(self, spec: CounterSpec, post: Entry) -> int | None:
        key = getattr(post, spec.by)
        if not key:
            return None
        pane = 6 * post.time // spec.window_ms
        seen = self.seen[spec.name, key]
        seen.append((pane, 0 if spec.kind == "count" else getattr(post, spec.of)))
        inside = [other for at, other in seen if pane - 5 <= at <= pane]
        return len(inside) if spec.kind == "count" else min(len(set(inside) - {0}), self.most_members)


keys = st.integers(0, 4) | st.integers(2**64 - 3, 2**64 - 1)
times = st.integers(0, 1_500) | st.integers(0, 40_000) | st.integers(-(10**13), 10**13)
posts = st.builds(Entry, times, keys, keys, keys)
# Of few keys and panes, so that many a member comes again.
crowds = st.builds(Entry, st.integers(0, 4_000), st.integers(0, 5), st.integers(1, 2), st.integers(1, 2))


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, int, int, int]]:
    """Deliveries as (partition, first, after last, committed): in order, but each may begin before the last ended."""
    reached, committed = [0] * PARTITIONS, [0] * PARTITIONS
    deliveries = []
    for _ in range(draw(st.integers(1, 8))):
        partition = draw(st.integers(0, PARTITIONS - 1))
        first = draw(st.integers(committed[partition], reached[partition]))
        stop = first + draw(st.integers(0, 12))
        deliveries.append((partition, first, stop, committed[partition]))
        reached[partition] = max(reached[partition], stop)
        committed[partition] = draw(st.integers(committed[partition], reached[partition]))
    return deliveries


@given(st.lists(posts, min_size=100, max_size=100), histories(), st.integers(1, 3))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_reading_is_the_models(
    make_store: Callable[[], Store],
    runner: asyncio.Runner,
    stream: list[Entry],
    history: list[tuple[int, int, int, int]],
    stride: int,
) -> None:
    deliver(Counters(SPECS, make_store()), Model(), runner, stream, history, stride)


@given(st.lists(crowds, min_size=100, max_size=100), histories())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_reading_is_the_models_where_panes_are_full(
    make_store: Callable[[], Store],
    runner: asyncio.Runner,
    stream: list[Entry],
    history: list[tuple[int, int, int, int]],
) -> None:
    few = 3
    with pytest.MonkeyPatch.context() as patch:
        for module in (distincts, memory, redis):
            patch.setattr(module, "MEMBERS_A_PANE", few)
        deliver(Counters(SPECS, make_store()), Model(most_members=few), runner, stream, history)


def deliver(
    counters: Counters,
    model: Model,
    runner: asyncio.Runner,
    stream: list[Entry],
    history: list[tuple[int, int, int, int]],
    stride: int = 1,
) -> None:
    """Count what is delivered, and compare each reading with the model's."""
    for partition, first, stop, committed in history:
        chosen = [stream[(partition * 50 + index) % len(stream)] for index in range(first, stop)]
        offsets = np.arange(first, stop) * stride  # offsets have gaps
        columns = {
            "author": np.array([post.author for post in chosen], np.uint64),
            "fingerprint": np.array([post.fingerprint for post in chosen], np.uint64),
            "campaign": np.array([post.campaign for post in chosen], np.uint64),
        }
        readings = runner.run(
            counters.apply(
                [Part(partition, committed * stride, 0, len(chosen))] if chosen else [],
                offsets,
                np.array([post.time for post in chosen], np.int64),
                columns,
            )
        )
        expected = [model.read(partition, int(offset), post) for offset, post in zip(offsets, chosen, strict=True)]
        for spec in SPECS:
            known = readings.known[spec.name].tolist()
            values = readings.values[spec.name].tolist()
            got = [value if is_known else None for value, is_known in zip(values, known, strict=True)]
            assert got == [reading[spec.name] for reading in expected], spec.name
        assert readings.peeked == 0


@given(
    st.lists(st.tuples(st.integers(0, PARTITIONS - 1), posts), max_size=60), st.lists(st.integers(1, 20), max_size=6)
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_partition_reads_the_same_whatever_others_are_in_its_batch(
    make_store: Callable[[], Store], runner: asyncio.Runner, stream: list[tuple[int, Entry]], sizes: list[int]
) -> None:
    together, alone = Counters(SPECS, make_store()), Counters(SPECS, make_store())
    begin, offsets_of = 0, [0] * PARTITIONS
    for size in [*sizes, len(stream)]:
        chosen = sorted(stream[begin : begin + size], key=lambda of: of[0])
        begin += size
        partitions = [partition for partition, _ in chosen]
        parts, offsets = [], []
        for partition in sorted(set(partitions)):
            start, count = partitions.index(partition), partitions.count(partition)
            parts.append(Part(partition, 0, start, start + count))
            offsets.append(np.arange(count) + offsets_of[partition])
            offsets_of[partition] += count
        if not parts:
            continue
        # Keys of partitions do not meet: in which order their parts are counted is not said.
        own = np.array(partitions, np.uint64) * np.uint64(1 << 40)
        columns = {
            name: np.array([getattr(post, name) for _, post in chosen], np.uint64)
            for name in ("author", "fingerprint", "campaign")
        }
        columns = {name: np.where(column == 0, 0, column + own) for name, column in columns.items()}
        times = np.array([post.time for _, post in chosen], np.int64)
        read = runner.run(together.apply(parts, np.concatenate(offsets), times, columns))
        for part, own_offsets in zip(parts, offsets, strict=True):
            own_columns = {name: column[part.rows] for name, column in columns.items()}
            alone_part = part._replace(start=0, stop=part.stop - part.start)
            expected = runner.run(alone.apply([alone_part], own_offsets, times[part.rows], own_columns))
            for spec in SPECS:
                assert read.known[spec.name][part.rows].tolist() == expected.known[spec.name].tolist()
                assert read.values[spec.name][part.rows].tolist() == expected.values[spec.name].tolist()
