"""Reading `posts.dead`: from its first record to the last one that was there when the reading began."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType, TracebackType
from typing import Any, Final, NamedTuple, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from topics.catalog import DEAD
from topics.connecting import connecting
from topics.dead_letter import DeadLetter, replayed_offset

CONNECT_SECONDS: Final = 5
STALL_SECONDS: Final = 30.0
"""How long the brokers may send nothing of what they said they have."""
_POLL_MS: Final = 500
_FETCH_BYTES: Final = 8 << 20
_LOOKS: Final = 5


class DeadTopicError(Exception):
    """The topic cannot be read; the text is one line for the person at the terminal."""


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise DeadTopicError(f"{DEAD.name} cannot be read: {error}") from error


class Stored(NamedTuple):
    """A record of `posts.dead`. timestamp: milliseconds since the epoch, UTC."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

    @property
    def place(self) -> str:
        """Where it stands, as people write it: PARTITION:OFFSET."""
        return f"{self.partition}:{self.offset}"

    @property
    def letter(self) -> DeadLetter | None:
        """The dead letter it carries; None when it is none."""
        try:
            return DeadLetter.from_record(self.value, self.key, self.headers)
        except ValueError:
            return None

    @property
    def replayed(self) -> int | None:
        """When it is the note of a replay: the offset, in the same partition, of what was replayed."""
        return replayed_offset(self.headers)


Bounds = Mapping[int, tuple[int, int]]
"""Partition -> its first offset and its end, exclusive."""


class DeadTopic:
    """A connection that reads `posts.dead`; use it in a `with` statement. Commits nothing, joins no group.

    `brokers` is `host:port`, several with commas. `connection` holds further keyword arguments for
    kafka-python's client, such as those for TLS and SASL.

    Raises DeadTopicError, from here and from every method, when the topic cannot be read.
    """

    def __init__(self, brokers: str, connection: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._arguments = {
            "bootstrap_servers": brokers.split(","),
            "client_id": "sluicegate-dead",
            "bootstrap_timeout_ms": CONNECT_SECONDS * 1_000,
            "isolation_level": "read_committed",
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "allow_auto_create_topics": False,
            "fetch_max_bytes": _FETCH_BYTES,
            **connection,
        }
        with connecting(brokers, DeadTopicError):
            self._consumer = KafkaConsumer(**self._arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._consumer.close()

    def bounds(self) -> Bounds:
        """What is there now and committed."""
        with _one_line():
            partitions = self._consumer.partitions_for_topic(DEAD.name)
            if not partitions:
                raise DeadTopicError(f"the cluster has no topic {DEAD.name}: `sluicegate topics create` creates it")
            places = [TopicPartition(DEAD.name, partition) for partition in sorted(partitions)]
            firsts, ends = self._consumer.beginning_offsets(places), self._consumer.end_offsets(places)
            found = {place.partition: (firsts[place], ends[place]) for place in places}
            # The embedded broker's ends lie before the last records: what follows each end is looked at.
            short = [number for number, (first, end) in found.items() if first < end]
            for _ in range(_LOOKS):
                before = {number: found[number] for number in short}
                for record in self._fetch({number: (end - 1, end) for number, (_, end) in before.items()}):
                    first, end = found[record.partition]
                    found[record.partition] = first, max(end, record.offset + 1)
                short = [number for number in short if found[number] != before[number]]
            return found

    def read(self, bounds: Bounds) -> Iterator[Stored]:
        """The committed records within `bounds`, each partition in its order; holds one fetch in memory."""
        with _one_line():
            for record in self._fetch(bounds):
                if record.offset < bounds[record.partition][1]:
                    yield Stored(
                        record.partition,
                        record.offset,
                        record.timestamp,
                        record.key,
                        record.value,
                        record.headers,
                    )

    def _fetch(self, bounds: Bounds) -> Iterator[Any]:
        """kafka-python's records from the bounds' beginnings on, until each end has been reached or passed."""
        waiting = {TopicPartition(DEAD.name, number): end for number, (first, end) in bounds.items() if first < end}
        if not waiting:
            return
        # One for each reading: what the last one fetched ahead and paused would get into this one's way.
        consumer = KafkaConsumer(**self._arguments)
        try:
            consumer.assign(list(waiting))
            for place in waiting:
                consumer.seek(place, bounds[place.partition][0])
            heard = time.monotonic()
            while waiting:
                polled = consumer.poll(_POLL_MS)
                for records in polled.values():
                    yield from records
                # The position, not the last record: what follows may be the marks of transactions alone.
                done = [place for place, end in waiting.items() if consumer.position(place) >= end]
                if polled or done:
                    heard = time.monotonic()
                elif time.monotonic() - heard > STALL_SECONDS:
                    raise DeadTopicError(f"the brokers have sent nothing of {DEAD.name} for {STALL_SECONDS:.0f} s")
                if done:
                    consumer.pause(*done)
                    for place in done:
                        del waiting[place]
        finally:
            consumer.close()

    def at(self, partition: int, offset: int) -> Stored:
        """The record at one place. DeadTopicError when there is none."""
        bounds = self.bounds()
        if partition not in bounds:
            raise DeadTopicError(f"{DEAD.name} has no partition {partition}: it has 0 to {max(bounds)}")
        first, end = bounds[partition]
        if first <= offset < end:
            for stored in self.read({partition: (offset, offset + 1)}):
                return stored
        held = f"{first} to {end - 1}" if first < end else "nothing"
        raise DeadTopicError(f"{DEAD.name} has no record at {partition}:{offset}: the partition holds {held}")
