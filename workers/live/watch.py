"""Watching the decision topics during a run: counts, latency, rules, the last posts that did not pass."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from typing import Any

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition

from topics.catalog import ALLOW, BLOCK, DEAD, FLAG, POSTS
from topics.dead_letter import DeadLetter, replayed_offset
from topics.decision import Decision, Source, decode
from workers.live.degraded import Degraded

VERDICT_OF = {ALLOW.name: "allow", FLAG.name: "flag", BLOCK.name: "block", DEAD.name: "dead"}
RECENT = 5_000
LONGEST_MS = 600_000
QUANTILES = {"p50": 0.5, "p99": 0.99}


class _Slim(msgspec.Struct):
    """What the watch reads of a decision to allow."""

    source: Source
    arrived_at: int
    degraded: bool = False


_slim = msgspec.json.Decoder(_Slim)


class Seen:
    """Which offsets of a partition have been decided, in memory bounded by how far they come out of order."""

    def __init__(self, first: int) -> None:
        self._next = first
        self._ahead: set[int] = set()

    def add(self, offset: int) -> bool:
        """True the first time that an offset at or above the first is given."""
        if offset < self._next or offset in self._ahead:
            return False
        self._ahead.add(offset)
        while self._next in self._ahead:
            self._ahead.remove(self._next)
            self._next += 1
        return True


class Watch:
    """Follows all partitions of the decision topics; what was there before it started is not this run's.

    Attributes:
        counts: posts by verdict, `dead` among them. A repeated decision counts once.
        rules: how often each rule fired.
        reasons: dead letters by reason.
        degraded: posts that were decided without counters.
        last: the latest decisions to flag or block, newest first.
        verdicts: verdict by partition and offset of the post, when asked to keep them.
        partitions: how many partitions `posts` has.
        heard: records of the decision topics since the start, repeats and those about others' posts too.
    """

    def __init__(self, kafka: dict[str, Any], keep_verdicts: bool = False, keep_last: int = 8) -> None:
        self._consumer = AIOKafkaConsumer(
            **kafka,
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=4 << 20,
        )
        self._keep_verdicts = keep_verdicts
        self._seen: dict[int, Seen] = {}
        self._recent: deque[int] = deque(maxlen=RECENT)
        self._latencies = np.zeros(LONGEST_MS + 1, np.int64)
        self._following: asyncio.Task[None] | None = None
        self._progress = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.degraded = Degraded()
        self.last: deque[Decision] = deque(maxlen=keep_last)
        self.verdicts: dict[tuple[int, int], str] = {}
        self.partitions = 0
        self.heard = 0
        self.began = 0.0
        self.ended = 0.0

    @property
    def decided(self) -> int:
        """Posts that have a verdict or are dead letters."""
        return self.counts.total()

    @property
    def seconds(self) -> float:
        """From the start of the feed, which sets `began`, to the latest decision."""
        return max(0.0, self.ended - self.began)

    async def __aenter__(self) -> Watch:
        await self._consumer.start()
        try:
            await self._assign()
        except BaseException:
            await self._consumer.stop()
            raise
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._following is not None
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)
        await self._consumer.stop()

    async def caught_up(self, count: int) -> None:
        """Return when at least `count` posts have been decided."""
        while self.decided < count:
            self._progress.clear()
            await self._progress.wait()

    def check(self) -> None:
        """Raises what ended the reading, if something did."""
        if self._following is not None and self._following.done():
            self._following.result()

    async def _assign(self) -> None:
        found: dict[str, list[int]] = {}
        for topic in (POSTS.name, *VERDICT_OF):
            await self._consumer._client.add_topic(topic)
            # A topic just made may take a moment to be known.
            while not found.get(topic):
                found[topic] = sorted(self._consumer.partitions_for_topic(topic) or ())
                await self._consumer._client.force_metadata_update()
        posts = [TopicPartition(POSTS.name, number) for number in found[POSTS.name]]
        outputs = [TopicPartition(topic, number) for topic in VERDICT_OF for number in found[topic]]
        self._seen = {
            partition.partition: Seen(end) for partition, end in (await self._consumer.end_offsets(posts)).items()
        }
        self.partitions = len(posts)
        self._consumer.assign(outputs)
        for partition, end in (await self._consumer.end_offsets(outputs)).items():
            self._consumer.seek(partition, end)

    async def _follow(self) -> None:
        while True:
            for fetched in (await self._consumer.getmany(timeout_ms=200)).values():
                self.heard += len(fetched)
                for record in fetched:
                    self._take(record)
                self._progress.set()
            # The feed shares this loop.
            await asyncio.sleep(0)

    def _take(self, record: Any) -> None:
        verdict = VERDICT_OF[record.topic]
        if verdict == "dead":
            if replayed_offset(record.headers) is not None:
                return
            letter = DeadLetter.from_record(record.value, record.key, record.headers)
            partition, offset = letter.source_partition, letter.source_offset
        else:
            slim = _slim.decode(record.value)
            partition, offset = slim.source.partition, slim.source.offset
        if not self._seen[partition].add(offset):
            return
        self.counts[verdict] += 1
        self.ended = time.monotonic()
        if self._keep_verdicts:
            self.verdicts[partition, offset] = verdict
        if verdict == "dead":
            self.reasons[letter.reason] += 1
            return
        latency = max(0, min(LONGEST_MS, record.timestamp - slim.arrived_at))
        self._latencies[latency] += 1
        self._recent.append(latency)
        if slim.degraded:
            self.degraded.add(record.timestamp)
        if verdict != "allow":
            decision = decode(record.value)
            self.rules.update(rule.name for rule in decision.rules)
            self.last.appendleft(decision)

    def latency_ms(self) -> dict[str, float]:
        """Milliseconds from a post's arrival to its decision, over the whole run."""
        ranks = np.cumsum(self._latencies)
        return {name: float(np.searchsorted(ranks, share * ranks[-1])) for name, share in QUANTILES.items()}

    def recent_latency_ms(self) -> dict[str, float]:
        """The same, over the latest decisions."""
        if not self._recent:
            return dict.fromkeys(QUANTILES, 0.0)
        return dict(zip(QUANTILES, np.percentile(self._recent, [50, 99]).tolist(), strict=True))
