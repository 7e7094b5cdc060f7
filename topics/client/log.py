"""Records of topics as they come: from where a group left off or from a time, over restarts of the brokers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple, TypeVar

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import (
    CommitFailedError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RebalanceInProgressError,
)
from kafka.structs import OffsetAndMetadata

from topics.connecting import connecting

CONNECT_SECONDS: Final = 10
PROBE_SECONDS: Final = 5.0
SKEW_MS: Final = 300_000
"""How far apart the clocks may be that date the records, so that none before a time is missed."""
_POLL_MS: Final = 500
_CLOSE_MS: Final = 5_000
_RECONNECT_MS: Final = 1_000
_SESSION_MS: Final = 10_000
_FETCH_BYTES: Final = 8 << 20
_OURS: Final = {"bootstrap_servers", "group_id", "isolation_level", "enable_auto_commit", "auto_offset_reset"}
_UNDATED: Final = -1

Answer = TypeVar("Answer")

_logger = logging.getLogger(__name__)


class ClientError(Exception):
    """The topics cannot be read; the text is one line for a person."""


class Bounds(NamedTuple):
    """The times, in epoch milliseconds, of the first record and of the one after the last; None for the whole."""

    since: int | None
    until: int | None


class Log:
    """A connection that reads committed records of `topics`.

    Args:
        kafka: `host:port`, several with commas.
        topics: their names.
        group: the consumer group; None to share and commit nothing.
        bounds: where to begin in partitions for which nothing was committed, and where to end.
        kept: told after each rebalance which partitions are still this reader's. It happens while polling only.
        patience: seconds that the brokers may take to answer; may be set later.
        connection: further arguments of kafka-python's consumer.

    Raises ClientError, from here and from every method, when the topics cannot be read.
    """

    def __init__(
        self,
        kafka: str,
        topics: Sequence[str],
        group: str | None,
        bounds: Bounds,
        kept: Callable[[Collection[TopicPartition]], None],
        patience: float,
        connection: Mapping[str, Any],
    ) -> None:
        if own := _OURS & connection.keys():
            raise TypeError(f"the client sets {', '.join(sorted(own))} itself")
        self._since, self._until = bounds
        self.patience = patience
        # Those that began at `since`. Each record's time is looked at: clocks differ, and some brokers find no time.
        self._by_time: set[TopicPartition] = set()
        self._ends: dict[TopicPartition, int] = {}
        self._ended: set[TopicPartition] = set()
        self._group = group
        self._consumer = _connect(kafka, group, connection)
        try:
            with _one_line():
                self._places = [TopicPartition(topic, number) for topic in topics for number in self._numbers(topic)]
                self._consumer.subscribe(topics, listener=_Listener(kept))
        except BaseException:
            self.close()
            raise
        self._heard = time.monotonic()

    def _numbers(self, topic: str) -> set[int]:
        numbers: set[int] = self._consumer.partitions_for_topic(topic)
        if not numbers:
            raise ClientError(
                f"{topic} cannot be read: the cluster has no such topic (`sluicegate topics create` creates it), or "
                "this user may not see it"
            )
        return numbers

    def close(self) -> None:
        """Leave the group and close the connection."""
        self._consumer.close(timeout_ms=_CLOSE_MS)

    def poll(self) -> dict[TopicPartition, list[Any]] | None:
        """What came within half a second, kafka-python's records by partition; None at the end."""
        with _one_line():
            polled = self._fetch()
            if polled:
                self._heard = time.monotonic()
            else:
                self._probe()
            if self._until is not None and self._over(polled) and not polled:
                return None
        return {place: list(filter(self._within, records)) for place, records in polled.items()}

    def committed_metadata(self, place: TopicPartition) -> str | None:
        """What was kept beside the group's committed offset."""
        if self._group is None:
            return None
        with _one_line():
            committed = self._ask(lambda ms: self._consumer.committed(place, metadata=True, timeout_ms=ms))
        return committed.metadata if committed else None

    def commit(self, upto: Mapping[TopicPartition, tuple[int, str]]) -> bool:
        """Commit, for each partition, the offset below which all is done, and metadata.

        False when the group is being rebalanced or has gone on without this reader: the next poll joins it again.
        """
        offsets = {place: OffsetAndMetadata(offset, metadata, -1) for place, (offset, metadata) in upto.items()}
        with _one_line():
            try:
                self._ask(lambda ms: self._consumer.commit(offsets, timeout_ms=ms))
            except (CommitFailedError, RebalanceInProgressError) as error:
                _logger.warning("not committed, so it may be read again: %s", error)
                return False
        return True

    def rewind(self, places: Mapping[TopicPartition, int]) -> None:
        """Read again from these offsets on, in the partitions that are still this reader's."""
        for place, offset in places.items():
            with suppress(ValueError):
                self._consumer.seek(place, offset)

    def _fetch(self) -> dict[TopicPartition, list[Any]]:
        try:
            polled: dict[TopicPartition, list[Any]] = self._consumer.poll(_POLL_MS)
            return polled
        except NoOffsetForPartitionError as error:
            self._begin(error.args[0])
        except OffsetOutOfRangeError as error:
            places = list(error.args[0])
            _logger.warning("records were deleted before they were read; going on at the oldest of %s", places)
            self._consumer.seek_to_beginning(*places)
        except KafkaError as error:
            if not error.retriable:
                raise
            _logger.warning("the brokers do not answer: %s", error)
            time.sleep(_POLL_MS / 1_000)
        return {}

    def _begin(self, places: Collection[TopicPartition]) -> None:
        """Take the first position where nothing was committed."""
        if self._since is None:
            self._consumer.seek_to_beginning(*places)
            return
        self._by_time.update(places)
        # The ends first: what comes meanwhile is read.
        ends = self._end_offsets(places)
        for place, first in self._at(self._since, places).items():
            if first == _UNDATED:
                self._consumer.seek_to_beginning(place)
            else:
                self._consumer.seek(place, ends[place] if first is None else first)

    def _at(self, when: int, places: Collection[TopicPartition]) -> dict[TopicPartition, int | None]:
        """Offset of the first record of that time or later; None when there is none, _UNDATED when it is not told."""
        found = self._ask(lambda ms: self._consumer.offsets_for_times(dict.fromkeys(places, when), timeout_ms=ms))
        # The embedded broker answers so for times between its batches.
        return {
            place: None if first is None else _UNDATED if first.timestamp == _UNDATED else first.offset
            for place, first in found.items()
        }

    def _within(self, record: Any) -> bool:
        if self._until is not None and record.timestamp >= self._until:
            return False
        place = TopicPartition(record.topic, record.partition)
        return self._since is None or place not in self._by_time or record.timestamp >= self._since

    def _over(self, polled: Mapping[TopicPartition, Sequence[Any]]) -> bool:
        """Whether every partition was read to its end, or to what is later than `until`."""
        assert self._until is not None
        assigned: set[TopicPartition] = self._consumer.assignment()
        if unknown := [place for place in assigned if place not in self._ends]:
            self._ends |= self._end_offsets(unknown)
            for place, first in self._at(self._until + SKEW_MS, unknown).items():
                if first is not None and first != _UNDATED:
                    self._ends[place] = min(first, self._ends[place])
        for place in assigned - self._ended:
            end = self._ends[place]
            later = any(record.offset >= end and record.timestamp >= self._until for record in polled.get(place, ()))
            # An end that the embedded broker tells may lie before the last records: they come until nothing does.
            if later or (not polled and self._position(place) >= end):
                self._ended.add(place)
                self._consumer.pause(place)
        return bool(assigned) and assigned <= self._ended

    def _position(self, place: TopicPartition) -> int:
        """The offset of what comes next, past the marks of transactions; -1 when it is not known yet."""
        try:
            position = self._consumer.position(place, timeout_ms=_POLL_MS)
        except NoOffsetForPartitionError:
            return -1
        return -1 if position is None else int(position)

    def _probe(self) -> None:
        """Ask for a sign of life when nothing has come for a while."""
        if time.monotonic() - self._heard < PROBE_SECONDS:
            return
        self._end_offsets(self._places)
        self._heard = time.monotonic()

    def _end_offsets(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return self._ask(lambda ms: self._consumer.end_offsets(list(places), timeout_ms=ms))

    def _ask(self, question: Callable[[int], Answer]) -> Answer:
        """The brokers' answer to a question that may take so many milliseconds."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return question(max(1, int((deadline - time.monotonic()) * 1_000)))
            except KafkaError as error:
                if not error.retriable:
                    raise
                if time.monotonic() >= deadline:
                    raise ClientError(f"the brokers have not answered for {self.patience:.0f} s") from error
                time.sleep(_POLL_MS / 1_000)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, kept: Callable[[Collection[TopicPartition]], None]) -> None:
        self._kept = kept

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Nothing: what was handled is committed before each poll, in which this is called."""

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._kept(assigned)

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        self._kept(())


def _connect(kafka: str, group: str | None, connection: Mapping[str, Any]) -> Any:
    arguments = {
        "client_id": "sluicegate-client",
        "bootstrap_timeout_ms": CONNECT_SECONDS * 1_000,
        "allow_auto_create_topics": False,
        "fetch_max_bytes": _FETCH_BYTES,
        # A broker that is back is found soon: kafka-python's own 30 s outlast a restart.
        "reconnect_backoff_max_ms": _RECONNECT_MS,
        # A reader that was killed is soon missed, so that its successor need not wait.
        "session_timeout_ms": _SESSION_MS,
        **connection,
        "bootstrap_servers": [broker.strip() for broker in kafka.split(",")],
        "group_id": group,
        "isolation_level": "read_committed",
        "enable_auto_commit": False,
        # Neither end is silently gone on at: `Log` chooses.
        "auto_offset_reset": "none",
    }
    with connecting(kafka, ClientError):
        return KafkaConsumer(**arguments)


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise ClientError(f"the topics cannot be read: {error or type(error).__name__}") from error
