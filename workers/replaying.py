"""Sending dead letters back to `posts`, and noting on `posts.dead` that it was done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from types import TracebackType
from typing import Any, Final, Self

from kafka.partitioner.default import murmur2

from topics.catalog import DEAD, POSTS
from topics.dead_letter import REPLAYED_FROM, DeadLetter, replay_note
from topics.dead_topic import DeadTopic, Stored
from workers.publishing import Row, send, start_producer

TRANSACTIONAL_ID: Final = "sluicegate-dead-replay"
PORTION_LETTERS: Final = 500
PORTION_BYTES: Final = 4 << 20
Wanted = Callable[[Stored], bool]


class Selection:
    """Dead letters to replay: those that `wanted` says, of those that were there when this was made.

    They are read anew each time they are asked for, so that memory holds the places of past replays and no letters.

    Args:
        topic: where they are.
        wanted: whether a letter is meant.
        firsts: partition -> offset to begin at; every partition from its beginning without it.
        again: past replays do not matter.

    Raises, from here and from every method:
        DeadTopicError: the topic cannot be read.
    """

    def __init__(
        self, topic: DeadTopic, wanted: Wanted, firsts: Mapping[int, int] | None = None, again: bool = False
    ) -> None:
        self._topic, self._wanted = topic, wanted
        bounds = topic.bounds()
        # A note comes after its letter, so nothing before the first letter matters.
        self._bounds = {number: (first, bounds[number][1]) for number, first in firsts.items()} if firsts else bounds
        notes = () if again else topic.read(self._bounds)
        self._noted = {(note.partition, note.replayed) for note in notes if note.replayed is not None}

    def letters(self, noted: bool = False) -> Iterator[tuple[Stored, DeadLetter]]:
        """Those that no replay has noted yet, or those that one has."""
        for stored in self._topic.read(self._bounds):
            letter = stored.letter
            if letter and self._wanted(stored) and ((stored.partition, stored.offset) in self._noted) is noted:
                yield stored, letter


class Replayer:
    """Sends dead letters back to `posts`, acknowledged by all replicas; use it in an `async with` statement.

    Exactly once, letters and their notes are one transaction, and the transactional id is one for all: a second replay
    fences the first before it looks for notes, so no letter is sent twice. At least once, a letter is sent before it is
    noted: what a death in between leaves without a note is sent again by the next replay.

    Raises, from here and from every method:
        aiokafka.errors.KafkaError: not acknowledged, or fenced by another replay; NoTransactions: it cannot do exactly
            once.
    """

    def __init__(self, connection: Mapping[str, Any], exactly_once: bool) -> None:
        self._connection = connection
        self._exactly_once = exactly_once

    async def __aenter__(self) -> Self:
        self._producer = await start_producer(self._connection, TRANSACTIONAL_ID if self._exactly_once else None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._producer.stop()

    async def replay(self, letters: Iterable[tuple[Stored, DeadLetter]]) -> int:
        """How many were sent: all, each to the partition it came from while `posts` has it, in the order given."""
        partitions = len(await self._producer.partitions_for(POSTS.name))
        count = 0
        for portion in _portions(letters):
            async with self._producer.transaction() if self._exactly_once else nullcontext():
                await self._send(portion, partitions)
            count += len(portion)
        return count

    async def _send(self, portion: list[tuple[Stored, DeadLetter]], partitions: int) -> None:
        rows: dict[int, list[Row]] = defaultdict(list)
        notes: dict[int, list[Row]] = defaultdict(list)
        for stored, letter in portion:
            target = letter.source_partition
            if target >= partitions:
                # Where Kafka's own producers would put its key, so that an author still has one partition.
                target = (murmur2(stored.key or b"") & 0x7FFFFFFF) % partitions
            rows[target].append(Row(stored.key, stored.value, [(REPLAYED_FROM, stored.place.encode())]))
            notes[stored.partition].append(Row(stored.key, None, replay_note(stored.offset)))
        await send(self._producer, {partition: {POSTS.name: letters} for partition, letters in rows.items()})
        await send(self._producer, {partition: {DEAD.name: own} for partition, own in notes.items()})


def _portions(letters: Iterable[tuple[Stored, DeadLetter]]) -> Iterator[list[tuple[Stored, DeadLetter]]]:
    portion: list[tuple[Stored, DeadLetter]] = []
    size = 0
    for stored, letter in letters:
        portion.append((stored, letter))
        size += len(stored.value or b"")
        if len(portion) == PORTION_LETTERS or size >= PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
