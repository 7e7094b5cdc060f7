"""Records of `posts` become a batch; those that are no posts become dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from topics.dead_letter import DeadLetter, Reason
from topics.reading import read_posts
from workers.batch import Batch
from workers.publishing import Row


class Record(Protocol):
    """What the worker needs of aiokafka's ConsumerRecord."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...


def dead_row(record: Record, reason: Reason, detail: str) -> Row:
    """The row for `posts.dead`: key and value as they came."""
    letter = DeadLetter(record.value, record.key, reason, detail, record.topic, record.partition, record.offset)
    return Row(record.key, record.value, letter.to_headers())


def decode(records: Sequence[Record]) -> tuple[Batch, list[Row]]:
    """The posts of one partition's records as a batch, and a dead letter for each record that is none.

    Args:
        records: one or more, in the order of their offsets.
    """
    posts, bad = read_posts([record.value for record in records])
    dead = [dead_row(records[index], reason, detail) for index, reason, detail in bad]
    kept = [index for index, post in enumerate(posts) if post is not None] if bad else range(len(records))
    made = [post for post in posts if post is not None]
    arrived_at = np.array([records[index].timestamp for index in kept], np.int64)
    # A producer may send records without a time, which reads as -1.
    undated = np.flatnonzero(arrived_at < 0)
    arrived_at[undated] = [made[row].created_at for row in undated.tolist()]
    batch = Batch(
        posts=made,
        offsets=np.array([records[index].offset for index in kept], np.int64),
        arrived_at=arrived_at,
        partition=records[0].partition,
        committed=records[0].offset,
    )
    return batch, dead
