"""What a worker tells Prometheus. Every label has a bounded set of values."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from topics.dead_letter import Reason
from topics.decision import Verdict
from workers.drift import Scores
from workers.traces import NoSpans, Spans

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
STAGE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
BATCH_POSTS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)


class ColumnHistogram(Collector):
    """A histogram that takes a whole column at once: the library's own takes one value a call."""

    def __init__(self, name: str, documentation: str, bounds: tuple[float, ...], registry: CollectorRegistry) -> None:
        self._name, self._documentation = name, documentation
        self._bounds = np.array(bounds)
        self._counts = np.zeros(len(bounds) + 1, np.int64)
        self._sum = 0.0
        registry.register(self)

    def observe(self, values: NDArray[np.float64]) -> None:
        """Add n values; one below 0 counts as 0."""
        # A sum that falls is a restart to Prometheus; a post may be dated decades ahead.
        values = np.maximum(values, 0)
        # A bucket counts values up to and with its bound.
        slots = self._bounds.searchsorted(values, side="left")
        self._counts += np.bincount(slots, minlength=len(self._counts))
        self._sum += float(values.sum())

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The metric as it stands, cumulative, as Prometheus wants it."""
        totals = np.cumsum(self._counts)
        bounds = [*(str(bound) for bound in self._bounds), "+Inf"]
        buckets = [(bound, float(total)) for bound, total in zip(bounds, totals, strict=True)]
        family = HistogramMetricFamily(self._name, self._documentation)
        family.add_metric([], buckets, self._sum)
        yield family


class Metrics:
    """The worker's metrics, named `sluicegate_*`, and those of its process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.spans: Spans = NoSpans()
        ProcessCollector(registry=self.registry)
        own: dict[str, Any] = {"registry": self.registry, "namespace": "sluicegate"}
        self.posts = Counter("posts", "Posts decided", ["verdict"], **own)
        self.dead = Counter("dead_letters", "Records that could not be decided", ["reason"], **own)
        self.rules = Counter("rules_fired", "Posts on which a rule fired", ["rule"], **own)
        self.stopped = Counter("stopped_posts", "Posts flagged or blocked, by the category told", ["category"], **own)
        self.campaign_posts = Counter("campaign_posts", "Posts that are part of a campaign", **own)
        self.campaigns = Counter("campaigns_told", "Campaigns told as new or doubled", **own)
        # A counter that first shows itself at 1 has not increased, as far as Prometheus can tell.
        for verdict in get_args(Verdict):
            self.posts.labels(verdict)
        for reason in get_args(Reason):
            self.dead.labels(reason)
        self.batch = Histogram("batch_posts", "Records in a batch", buckets=BATCH_POSTS, **own)
        self.stage = Histogram(
            "stage_seconds", "Seconds a batch spent in a stage", ["stage"], buckets=STAGE_SECONDS, **own
        )
        # The library looks a label up under a lock each time; what a batch asks for is remembered.
        self.stage_of = cache(self.stage.labels)
        self.verdict_of, self.rule_of = cache(self.posts.labels), cache(self.rules.labels)
        self.category_of = cache(self.stopped.labels)
        self.created_latency = ColumnHistogram(
            "sluicegate_created_to_decided_seconds",
            "From the post's created_at to its decision",
            SECONDS,
            self.registry,
        )
        self.arrived_latency = ColumnHistogram(
            "sluicegate_arrived_to_decided_seconds",
            "From the broker's timestamp to the decision",
            SECONDS,
            self.registry,
        )
        self.partitions = Gauge("partitions", "Partitions of posts that this worker owns", **own)
        self.lag = Gauge("consumer_lag", "Records of a partition not yet decided", ["partition"], **own)
        self.counters_seconds = Histogram(
            "counters_round_trip_seconds", "Looking up and counting a batch in Redis", buckets=STAGE_SECONDS, **own
        )
        self.replayed = Counter("counters_replayed_posts", "Redelivered posts that read what they first read", **own)
        self.peeked = Counter(
            "counters_peeked_posts",
            "Posts from before the replay guard's memory: read, not counted again",
            **own,
        )
        self.redecided = Counter("redecided_posts", "Redelivered posts judged by another policy than at first", **own)
        self.counters_lost = Counter("counters_lost", "Times that Redis knew less than it had", **own)
        self.degraded_seconds = Counter(
            "degraded_seconds", "Seconds in which decisions went on without counters", **own
        )
        self.degraded = Gauge("degraded", "1 while decisions go on without counters", **own)
        # Here and not with a judge: after an upgrade there are two, and what one misses the other may find again.
        self._degraded_since: float | None = None
        self.scores = Scores(self.registry)
        self.versions = Info("versions", "Versions of worker, policy and models; all that is in `set`", **own)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Observe the seconds that the body takes as a stage of the batch."""
        start = time.perf_counter()
        with self.spans.stage(stage):
            yield
        self.stage_of(stage).observe(time.perf_counter() - start)

    def observe_latency(self, created_at: NDArray[np.int64], arrived_at: NDArray[np.int64]) -> None:
        """Posts of these dates, and records of these, are decided now. Milliseconds since the epoch."""
        now = time.time()
        self.created_latency.observe(now - created_at / 1_000)
        self.arrived_latency.observe(now - arrived_at / 1_000)

    def note_degraded(self) -> bool:
        """Decisions go on without counters. True if that is new."""
        now, before = time.monotonic(), self._degraded_since
        if before is not None:
            self.degraded_seconds.inc(now - before)
        self._degraded_since = now
        self.degraded.set(1)
        return before is None

    def note_served(self) -> bool:
        """Decisions have counters. True if that is new."""
        before, self._degraded_since = self._degraded_since, None
        if before is None:
            return False
        self.degraded_seconds.inc(time.monotonic() - before)
        self.degraded.set(0)
        return True

    def name_versions(self, worker: str, policy: str, policy_digest: str, models: Mapping[str, str]) -> None:
        """Say what decides. Workers with the same `set` decide alike, whatever versions call themselves."""
        labels = {"worker": worker, "policy": policy, **{f"model_{name}": version for name, version in models.items()}}
        everything = hashlib.sha256(repr((sorted(labels.items()), policy_digest)).encode())
        self.versions.info({**labels, "set": everything.hexdigest()[:8]})
