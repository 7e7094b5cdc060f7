"""Decisions one by one: each once, in its author's order, and none passed over that was not handled."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from kafka import TopicPartition

from topics.catalog import ALLOW, BLOCK, FLAG
from topics.client.log import Bounds, ClientError, Log
from topics.client.seen import Seen
from topics.decision import Decision, Verdict, decode

TOPIC_OF: Final[dict[Verdict, str]] = {"allow": ALLOW.name, "flag": FLAG.name, "block": BLOCK.name}
COMMIT_SECONDS: Final = 5.0
LAST_SECONDS: Final = 5.0

# What a decision has of each thing that can be asked for.
_NAMES: Final[tuple[Callable[[Decision], list[str]], ...]] = (
    lambda decision: [rule.category for rule in decision.rules],
    lambda decision: [rule.name for rule in decision.rules],
    lambda decision: [decision.id],
    lambda decision: [decision.author],
)
_logger = logging.getLogger(__name__)


class Record(NamedTuple):
    """Where a decision stands, and when it was decided (timestamp, milliseconds since the epoch, UTC)."""

    topic: str
    partition: int
    offset: int
    timestamp: int


class Unreadable(NamedTuple):
    """A record of a decision topic that is no decision: its bytes, and why in a sentence that repeats none of them."""

    record: Record
    value: bytes | None
    why: str

    def __str__(self) -> str:
        return f"{self.record.topic} {self.record.partition}:{self.record.offset} is no decision: {self.why}"


class Decisions(Iterator[Decision]):
    """Yields decisions; use it in a `with` statement and a `for` loop.

    A decision counts as handled when the loop comes back for the next one. With a `group`, what was handled is
    committed before more is fetched, every few seconds and at the end of the `with` statement, and the group's next
    reader goes on there. A program that dies reads again what it had handled since its last commit, and skips
    nothing. A loop that was left by an exception or a `break` has not handled its decision: the next loop begins with
    it, unless `commit()` was called, which says that it is handled. So several are handled at once by
    `list(itertools.islice(decisions, 100))` with `commit()` after it.

    Readers of one group share the partitions between them. An author's decisions are in one, in the order of the posts.
    Only committed records are read. A decision that comes again, as it may from workers that run at least once, is
    dropped. Which ones came is kept beside the committed offset, so this holds over restarts too on brokers that keep
    such metadata, as Apache Kafka does. Brokers may restart: only when they do not answer for `patience` seconds is
    it an error.

    Args:
        kafka: `host:port`, several with commas.
        verdicts: which topics: "allow" (decisions without the post), "flag", "block". All three when none is named.
        group: the consumer group; without one nothing is committed.
        since: where to begin in partitions for which the group has committed nothing: at decisions made then or
            later; without it at the oldest. It must have a time zone, as `until` must.
        until: end at decisions made then or later, and at what is there now; only without a group. Without it the
            reading never ends.
        category: only decisions on which a rule of this category fired, or of one of these.
        rule: only decisions on which this rule fired, or one of these.
        post: only decisions on the post with this id, or one of these.
        author: only decisions on posts of the account with this id, or of one of these.
        on_unreadable: called with each record that is no decision; without it such a record is logged as a warning.
            The reading goes on, unless it raises.
        patience: seconds.
        connection: further arguments of kafka-python's consumer, such as those for TLS and SASL. Where a decision
            takes long to handle, that time times `max_poll_records` must be less than `max_poll_interval_ms`.

    Attributes:
        latest: where the decision stands that was yielded last.
        repeats: how many decisions were dropped because they came again.
        unreadable: how many records were no decision.

    Raises ClientError, from here and from every method, when the topics cannot be read.
    """

    def __init__(
        self,
        kafka: str,
        *verdicts: Verdict,
        group: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        category: str | Collection[str] | None = None,
        rule: str | Collection[str] | None = None,
        post: str | Collection[str] | None = None,
        author: str | Collection[str] | None = None,
        on_unreadable: Callable[[Unreadable], object] | None = None,
        patience: float = 120.0,
        **connection: Any,
    ) -> None:
        if wrong := set(verdicts) - TOPIC_OF.keys():
            raise ValueError(f"{min(wrong)!r} is no verdict: there are {', '.join(TOPIC_OF)}")
        if group is not None and until is not None:
            raise ValueError("a group goes on where it ended, so it has no `until`: leave one of them out")
        asked = zip((category, rule, post, author), _NAMES, strict=True)
        self._asked = [(_chosen(names), names_of) for names, names_of in asked if names is not None]
        self._on_unreadable = on_unreadable or _logger.warning
        self._commits = group is not None
        self._waiting: deque[Any] = deque()
        self._pending: tuple[Any, Decision] | None = None
        self._seen: dict[TopicPartition, Seen] = {}
        self._handled: dict[TopicPartition, int] = {}
        self._committed = time.monotonic()
        self.latest: Record | None = None
        self.repeats = 0
        self.unreadable = 0
        bounds = Bounds(_milliseconds(since, "since"), _milliseconds(until, "until"))
        names = [TOPIC_OF[verdict] for verdict in dict.fromkeys(verdicts or TOPIC_OF)]
        self._log = Log(kafka, names, group, bounds, self._keep, patience, connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._commit()
            elif not isinstance(error, ClientError):
                # It is the error that ended the loop that is to be told, and soon.
                self._log.patience = min(self._log.patience, LAST_SECONDS)
                with contextlib.suppress(ClientError):
                    self._commit()
        finally:
            self._log.close()

    def __iter__(self) -> Self:
        if self._pending:
            self._waiting.appendleft(self._pending[0])
            self._pending = None
        return self

    def __next__(self) -> Decision:
        self._settle()
        while self._waiting or self._fetched():
            # It stays in front until it was looked at: `on_unreadable` may raise.
            while self._waiting:
                record = self._waiting[0]
                decision = self._wanted(record)
                self._waiting.popleft()
                if decision is not None:
                    self._pending = record, decision
                    self.latest = _place(record)
                    return decision
                self._handled[_partition(record)] = record.offset + 1
        raise StopIteration

    def commit(self) -> None:
        """Say that every decision yielded so far is handled; returns when the brokers have it, if there is a group."""
        self._settle()
        self._commit()

    def _settle(self) -> None:
        if self._pending:
            record, decision = self._pending
            self._pending = None
            self._note(record, decision)
            self._handled[_partition(record)] = record.offset + 1
            if time.monotonic() - self._committed > COMMIT_SECONDS:
                self._commit()

    def _wanted(self, record: Any) -> Decision | None:
        """The decision that the record carries; None when it is none, comes again, or is not asked for."""
        try:
            decision = decode(record.value or b"")
        except (ValueError, RecursionError) as error:
            self.unreadable += 1
            self._on_unreadable(Unreadable(_place(record), record.value, str(error)))
            return None
        source = decision.source
        if source.partition == record.partition and self._seen[_partition(record)].has(
            source.offset, decision.arrived_at
        ):
            self.repeats += 1
            return None
        if all(not chosen.isdisjoint(names_of(decision)) for chosen, names_of in self._asked):
            return decision
        self._note(record, decision)
        return None

    def _note(self, record: Any, decision: Decision) -> None:
        # One that did not come from the partition of its own number is not in its posts' order.
        if decision.source.partition == record.partition:
            self._seen[_partition(record)].add(decision.source.offset, decision.arrived_at)

    def _fetched(self) -> bool:
        """Wait for more, once what was handled is committed; False at the end."""
        self._commit()
        while not self._waiting:
            polled = self._log.poll()
            if polled is None:
                return False
            for place, records in polled.items():
                if place not in self._seen:
                    self._seen[place] = Seen.read(self._log.committed_metadata(place))
                self._waiting.extend(records)
        return True

    def _commit(self) -> None:
        self._committed = time.monotonic()
        upto = {place: (offset, self._seen[place].written()) for place, offset in self._handled.items()}
        if not (self._commits and upto) or self._log.commit(upto):
            self._handled.clear()
            return
        # Others of the group may have what was fetched ahead: it is fetched again, if it is still this reader's.
        self._log.rewind({_partition(record): record.offset for record in reversed(self._waiting)})
        self._waiting.clear()

    def _keep(self, places: Collection[TopicPartition]) -> None:
        """Forget the partitions that others have now."""
        for kept in (self._seen, self._handled):
            for place in kept.keys() - set(places):
                del kept[place]


def _partition(record: Any) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _place(record: Any) -> Record:
    return Record(record.topic, record.partition, record.offset, record.timestamp)


def _milliseconds(when: datetime | None, name: str) -> int | None:
    if when is not None and when.tzinfo is None:
        raise ValueError(f"{name} needs a time zone, such as datetime.now(UTC)")
    return None if when is None else max(0, int(when.timestamp() * 1_000))


def _chosen(names: str | Collection[str]) -> frozenset[str]:
    return frozenset([names] if isinstance(names, str) else names)
