"""The way of a post: decode, judge, encode. Records come in by partition, rows by partition and topic go out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import structlog
from numpy.typing import NDArray

from topics.catalog import ALLOW, BLOCK, CAMPAIGNS, DEAD, FLAG
from workers.counters import StaleEpoch
from workers.decoding import Fetch, dead_row, decode, size
from workers.encoding import campaign_rows, encode_judgement
from workers.publishing import Row

if TYPE_CHECKING:
    from workers.batch import Batch
    from workers.judge import Judge, Judgement
    from workers.metrics import Metrics

log = structlog.get_logger(__name__)
Outputs = Mapping[int, dict[str, list[Row]]]
TOPICS = {"allow": ALLOW.name, "flag": FLAG.name, "block": BLOCK.name}


@dataclass(frozen=True)
class Moderated:
    """What became of a batch of records.

    Attributes:
        rows: rows to publish by input partition and topic, one for each record, and those of campaigns that have grown.
        created_at: int64[n], when the posts among the records were written, milliseconds since the epoch.
    """

    rows: dict[int, dict[str, list[Row]]]
    created_at: NDArray[np.int64]


class Moderator:
    """Turns records of `posts` into decisions and dead letters: one row for each record, none left out."""

    def __init__(self, judge: Judge, metrics: Metrics, earlier: Sequence[Judge] = ()) -> None:
        """`earlier` judge, under policies of before, the redelivered posts that were first judged under those."""
        self._judge = judge
        self._metrics = metrics
        self._judges = {each.policy.digest: each for each in (*earlier, judge)}

    @property
    def versions(self) -> dict[str, str]:
        """The policy and the models that decide, by name."""
        return {"policy": self._judge.policy.version, **self._judge.scorer.versions}

    async def ping(self) -> None:
        """Return when Redis has answered. Raises CountersUnavailable."""
        await self._judge.ping()

    async def own(self, partitions: Collection[int]) -> None:
        """Count for these partitions from now on."""
        await self._judge.own(partitions)

    async def moderate(self, fetch: Fetch, committed: Mapping[int, int]) -> Moderated:
        """What becomes of the records; within partition and topic rows are in the order of the records' offsets.

        Args:
            fetch: records by input partition.
            committed: for each partition, the offset below which all is committed.
        """
        self._metrics.batch.observe(size(fetch))
        with self._metrics.timed("decode"):
            batch, dead = decode(fetch, committed)
        outputs = {
            partition: {**{topic: [] for topic in TOPICS.values()}, DEAD.name: letters}
            for partition, letters in dead.items()
        }
        if len(batch):
            await self._decide(batch, fetch, outputs, self._judge)
        for rows in outputs.values():
            for row in rows[DEAD.name]:
                self._metrics.dead.labels(row.headers[0][1].decode()).inc()
        return Moderated(outputs, batch.created_at)

    async def _decide(self, batch: Batch, fetch: Fetch, outputs: Outputs, judge: Judge) -> None:
        """Add the batch's rows to `outputs`. A post that makes a step raise is found by halving, and set aside.

        Raises what the step raised when it raises on any post, and StaleEpoch when the partition has a newer owner.
        """
        failure: BaseException | None = None
        try:
            judgement = await judge.judge(batch)
            slices = self._by_judge(judgement, judge)
            if len(slices) > 1 or slices[0][1] is not judge:
                for rows_of, its_judge in slices:
                    await self._decide(batch[rows_of], fetch, outputs, its_judge)
                return
            with self._metrics.timed("encode"):
                rows = encode_judgement(judgement, judge)
        except StaleEpoch:
            raise
        # Where Polars' Rust gives up, Python has no Exception.
        except (Exception, pl.exceptions.PanicException) as error:
            failure = error
        # Not where it was caught: what is raised from here on must not have it, and perhaps the post's text, behind it.
        if failure is not None:
            await self._without_poison(batch, fetch, outputs, judge, failure)
            return
        for partition, of_partition in rows.items():
            for verdict, decided in of_partition.items():
                outputs[partition][TOPICS[verdict]] += decided
        for partition, told in campaign_rows(judgement).items():
            outputs[partition].setdefault(CAMPAIGNS.name, []).extend(told)
        self._count(judgement)

    async def _without_poison(
        self, batch: Batch, fetch: Fetch, outputs: Outputs, judge: Judge, failure: BaseException
    ) -> None:
        """Decide either half of a batch that failed; a post alone is set aside."""
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._decide(batch[:middle], fetch, outputs, judge)
            await self._decide(batch[middle:], fetch, outputs, judge)
            return
        # Where even a plain post fails, the fault is ours: nothing may be set aside, so nothing is committed.
        judge.check()
        partition, offset = batch.parts[0].partition, int(batch.offsets[0])
        name, frames = type(failure).__name__, reversed(extract_tb(failure.__traceback__))
        # What was raised may quote the post.
        where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
        log.error("a step failed on a post", partition=partition, offset=offset, error=name, where=where)
        record = next(record for record in fetch[partition] if record.offset == offset)
        detail = f"a step raised {name}; the worker's log has more"
        outputs[partition][DEAD.name].append(dead_row(record, partition, "step_failed", detail))

    def _by_judge(self, judgement: Judgement, judge: Judge) -> list[tuple[slice, Judge]]:
        """Slices of the batch that lie side by side, with who judges them: whoever judged their posts first."""
        judges = np.full(len(judgement.batch), judge, object)
        for digest, rows in judgement.earlier.items():
            if digest in self._judges:
                judges[rows] = self._judges[digest]
            else:
                self._metrics.redecided.inc(len(rows))
        starts = [0, *((judges[1:] != judges[:-1]).nonzero()[0] + 1).tolist()]
        return [(slice(start, end), judges[start]) for start, end in pairwise([*starts, len(judges)])]

    def _count(self, judgement: Judgement) -> None:
        verdicts = judgement.verdicts
        self._metrics.scores.observe(judgement.columns)
        self._metrics.campaign_posts.inc(int(judgement.campaigns.shown.sum()))
        self._metrics.campaigns.inc(len(judgement.campaigns.grown))
        for verdict, count in zip(TOPICS, np.bincount(verdicts.verdict, minlength=len(TOPICS)).tolist(), strict=True):
            self._metrics.verdict_of(verdict).inc(count)
        for index, rows in verdicts.hits:
            self._metrics.rule_of(verdicts.rules[index].name).inc(len(rows))
        for index, count in Counter(verdicts.heaviest[verdicts.verdict > 0].tolist()).items():
            self._metrics.category_of(verdicts.rules[index].category).inc(count)
