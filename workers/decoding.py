"""Records of `posts` become a batch; those that are no posts become dead letters."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, chain, pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from topics.catalog import POSTS
from topics.dead_letter import DeadLetter, Reason
from topics.reading import read_posts
from workers.batch import Batch, Part
from workers.publishing import Row
from workers.traces import trace_context


class Record(Protocol):
    """What the worker needs of aiokafka's ConsumerRecord."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


Fetch = Mapping[int, Sequence[Record]]
"""What was read together: records by input partition, one or more each, in the order of their offsets."""


def size(fetch: Fetch) -> int:
    """How many records it has."""
    return sum(map(len, fetch.values()))


def joined(fetch: Fetch, later: Fetch) -> Fetch:
    """Two fetches, the second of what came behind the first, as one."""
    return {
        partition: [*fetch.get(partition, ()), *later.get(partition, ())]
        for partition in dict.fromkeys((*fetch, *later))
    }


def ends_of(fetch: Fetch) -> dict[int, int]:
    """By partition, the offset below which all is done when the fetch is."""
    return {partition: records[-1].offset + 1 for partition, records in fetch.items()}


def arrivals(fetch: Fetch) -> NDArray[np.int64]:
    """The records' timestamps, milliseconds since the epoch, without those of records that have none."""
    stamps = np.array([record.timestamp for records in fetch.values() for record in records], np.int64)
    return stamps[stamps >= 0]


def dead_row(record: Record, partition: int, reason: Reason, detail: str) -> Row:
    """The row for `posts.dead`: key and value as they came."""
    letter = DeadLetter(record.value, record.key, reason, detail, POSTS.name, partition, record.offset)
    return Row(record.key, record.value, letter.to_headers() + trace_context(record.headers))


def decode(fetch: Fetch, committed: Mapping[int, int]) -> tuple[Batch, dict[int, list[Row]]]:
    """The posts of a fetch as a batch, and by partition a dead letter for each record that is no post.

    Args:
        fetch: the records.
        committed: for each partition, the offset below which all is committed.
    """
    records = list(chain.from_iterable(fetch.values()))
    posts, bad = read_posts([record.value for record in records])
    bounds = list(accumulate(map(len, fetch.values()), initial=0))
    partitions = list(fetch)
    dead: dict[int, list[Row]] = {partition: [] for partition in partitions}
    for index, reason, detail in bad:
        partition = partitions[bisect_right(bounds, index) - 1]
        dead[partition].append(dead_row(records[index], partition, reason, detail))
    if bad:
        records = [record for record, post in zip(records, posts, strict=True) if post is not None]
        indices = [index for index, _, _ in bad]
        bounds = [bound - bisect_left(indices, bound) for bound in bounds]
    made = [post for post in posts if post is not None]
    arrived_at = np.array([record.timestamp for record in records], np.int64)
    # A producer may send records without a time, which reads as -1.
    undated = (arrived_at < 0).nonzero()[0]
    arrived_at[undated] = [made[row].created_at for row in undated.tolist()]
    batch = Batch(
        posts=made,
        offsets=np.array([record.offset for record in records], np.int64),
        arrived_at=arrived_at,
        parts=tuple(
            Part(partition, committed[partition], start, stop)
            for partition, (start, stop) in zip(partitions, pairwise(bounds), strict=True)
            if start < stop
        ),
        contexts={
            (partition, record.offset): trace_context(record.headers)
            for partition, fetched in fetch.items()
            for record in fetched
            if record.headers
        },
    )
    return batch, dead
