"""Watching the decision topics during a run: counts, latency, rules, the last posts that did not pass."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from typing import Any

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition

from topics.catalog import ALLOW, BLOCK, DEAD, FLAG, POSTS
from topics.dead_letter import DeadLetter
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


class Watch:
    """Follows all partitions of the decision topics for the verdicts of this run's posts.

    Which posts those are is said by who sends them (`sending`, `sent`): others may send to the same brokers.

    Attributes:
        counts: this run's posts by verdict, `dead` among them. A repeated decision counts once.
        rules: how often each rule fired.
        reasons: dead letters by reason.
        details: what the first of each reason said.
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
        # Places of this run's posts without a verdict. Those of a batch are known once the broker has acknowledged it;
        # what is decided meanwhile is put by, and looked at again then.
        self._waiting: set[tuple[int, int]] = set()
        self._sending: dict[int, list[Any]] = {}
        self._recent: deque[int] = deque(maxlen=RECENT)
        self._latencies = np.zeros(LONGEST_MS + 1, np.int64)
        self._following: asyncio.Task[None] | None = None
        self._progress = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.details: dict[str, str] = {}
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
        # While brokers are away aiokafka lets out that it broke off a fetch: it would hide what ended the run.
        with contextlib.suppress(asyncio.CancelledError):
            await self._consumer.stop()

    async def caught_up(self, count: int) -> None:
        """Return when at least `count` posts have been decided."""
        while self.decided < count:
            self._progress.clear()
            await self._progress.wait()

    def sending(self, partition: int) -> None:
        """Posts are on their way to a partition, until `sent` is called."""
        self._sending[partition] = []

    def sent(self, partition: int, first: int, count: int) -> None:
        """They are there, at these offsets."""
        self._waiting.update((partition, offset) for offset in range(first, first + count))
        for record in self._sending.pop(partition):
            self._take(record)

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
        try:
            if verdict == "dead":
                letter = DeadLetter.from_record(record.value, record.key, record.headers)
                place = letter.source_partition, letter.source_offset
            else:
                slim = _slim.decode(record.value or b"")
                place = slim.source.partition, slim.source.offset
        except ValueError:
            # The note of a replay, or what somebody else has put there.
            return
        if place not in self._waiting:
            if place[0] in self._sending:
                self._sending[place[0]].append(record)
            return
        self._waiting.remove(place)
        self.counts[verdict] += 1
        self.ended = time.monotonic()
        if self._keep_verdicts:
            self.verdicts[place] = verdict
        if verdict == "dead":
            self.reasons[letter.reason] += 1
            self.details.setdefault(letter.reason, letter.detail)
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
