"""From posts to verdicts: measure the signals, read the counters, evaluate the policy. All of it in columns.

The worker and the offline commands judge with the same code.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import structlog

from topics.post import Author, Post
from workers.batch import Batch
from workers.campaigns.campaigns import Campaigns
from workers.campaigns.evidence import ASKED, texts_of
from workers.counters import Counters, CountersUnavailable, Readings
from workers.signals import Signals
from workers.values import Columns, Values, frame_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.scorer import Scorer
    from workers.campaigns.texts import Texts
    from workers.metrics import Metrics
    from workers.policy import Policy, Verdicts

log = structlog.get_logger(__name__)
PLAIN = Post("plain", "今天天气很好 what a fine day", Author("author", "name"), 1_790_000_000_000)


class AssemblyError(Exception):
    """A policy and a set of models that do not fit."""


@dataclass(frozen=True)
class Judgement:
    """A batch with what was measured and decided.

    Attributes:
        batch: n posts.
        columns: signals and counters; counters that could not be read are null.
        verdicts: what the policy says of each row.
        degraded: bool[n], where the counters could not be read; all of a partition's posts, or none.
        campaigns: the posts' campaigns; of a degraded post nothing is known.
        earlier: rows of redelivered posts that were first judged under another policy, by its digest.
    """

    batch: Batch
    columns: Columns
    verdicts: Verdicts
    degraded: NDArray[np.bool_]
    campaigns: Campaigns
    earlier: Mapping[str, NDArray[np.intp]]

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The columns for Polars, a row a post."""
        return frame_of(self.columns)


class Judge:
    """Judges batches under one policy with one set of models.

    Raises:
        AssemblyError: the policy names a signal that these models do not give, or a model is named like a signal.
    """

    def __init__(self, policy: Policy, scorer: Scorer, counters: Counters, metrics: Metrics) -> None:
        self.policy = policy
        self.scorer = scorer
        self._counters = counters
        self._metrics = metrics
        self._signals = Signals(scorer, policy.terms)
        self.terms = self._signals.terms
        declared = frozenset(spec.name for spec in policy.counters)
        named = Counter([*(column.name for column in self._signals.columns), *declared])
        if twice := [name for name, times in named.items() if times > 1]:
            raise AssemblyError(f"a model may not be named like another signal: {', '.join(twice)}")
        missing = policy.signals - self._signals.names - declared
        if missing:
            raise AssemblyError(
                f"policy {policy.version} names {', '.join(sorted(missing))}, which no loaded model gives "
                f"(models: {', '.join(scorer.names) or 'none'}); a copy of the shipped folder of models, with yours "
                "trained into it, gives them all"
            )
        # The models' scores are part of every explained decision, named by a rule or not.
        self._wanted = (policy.signals | ASKED | frozenset(scorer.names)) & self._signals.names
        self._keys = frozenset(spec.by for spec in policy.counters) - {"campaign"} | frozenset(
            spec.of for spec in policy.counters if spec.kind == "distinct"
        )
        self.check()

    async def judge(self, batch: Batch) -> Judgement:
        """Verdicts for a batch; its posts are counted, each once however often its offset comes.

        Raises whatever a step raises on a post that it cannot take.
        """
        with self._metrics.timed("signals"):
            columns = self._signals.measure(batch, self._wanted)
            keys = self._signals.keys(batch, self._keys)
            texts = texts_of(batch, columns, keys.get("author"))
        readings = await self._read_counters(batch, keys, texts)
        columns |= counted(readings)
        with self._metrics.timed("rules"):
            verdicts = self.policy.decide_columns(columns, len(batch))
        degraded = np.zeros(len(batch), bool)
        for part in batch.parts:
            degraded[part.rows] = part.partition in readings.unread
        earlier = {policy: np.concatenate(rows) for policy, rows in readings.earlier.items()}
        return Judgement(batch, columns, verdicts, degraded, readings.campaigns, earlier)

    async def own(self, partitions: Collection[int]) -> None:
        """Count for these partitions from now on; their former owners can no more."""
        try:
            await self._counters.claim(partitions)
        except CountersUnavailable as error:
            self._note_degraded(error)

    async def ping(self) -> None:
        """Return when the counters have answered. Raises CountersUnavailable."""
        await self._counters.ping()

    def check(self) -> None:
        """Judge a plain post, counters left out. Raises what a step raises, and then no post can be judged."""
        batch = Batch.offline([PLAIN])
        unread = Readings.none(self.policy.counters, len(batch))
        columns = self._signals.measure(batch, self._wanted) | counted(unread)
        self._signals.keys(batch, self._keys)
        texts_of(batch, columns)
        self.policy.decide_columns(columns, len(batch))

    async def _read_counters(self, batch: Batch, keys: dict[str, NDArray[np.uint64]], texts: Texts) -> Readings:
        start = time.perf_counter()
        readings = await self._counters.apply(batch.parts, batch.offsets, batch.times, keys, texts)
        for error in readings.unread.values():
            self._note_degraded(error)
        if len(readings.unread) < len(batch.parts):
            self._metrics.counters_seconds.observe(time.perf_counter() - start)
            if not readings.unread:
                self._note_served()
        self._metrics.replayed.inc(readings.replayed)
        self._metrics.peeked.inc(readings.peeked)
        for partition in readings.lost:
            self._metrics.counters_lost.inc()
            log.error("Redis was emptied or set back: counts begin from what it has", partition=partition)
        return readings

    def _note_degraded(self, error: CountersUnavailable) -> None:
        if self._metrics.note_degraded():
            log.warning("counters unavailable: decisions go on without them", error=str(error))

    def _note_served(self) -> None:
        if self._metrics.note_served():
            log.info("counters are back")


def counted(readings: Readings) -> dict[str, Values]:
    """The counters' columns, null where they were not read."""
    return {name: Values.known(values, readings.known[name]) for name, values in readings.values.items()}
