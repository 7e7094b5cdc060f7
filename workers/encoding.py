"""Judgements become records of the decision topics."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from topics.decision import Decision, FiredRule, Source, allow_lines, encode
from workers.explaining import explain
from workers.judge import Judge, Judgement
from workers.policy import ALLOW, VERDICTS
from workers.publishing import Row


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def decisions(judgement: Judgement, rows: list[int], judge: Judge) -> list[Decision]:
    """The full decisions of `rows`, explained."""
    batch, verdicts = judgement.batch, judgement.verdicts
    signals: list[dict[str, Any]] = judgement.frame[rows].to_dicts()
    rules = [FiredRule(rule.name, rule.verdict, rule.category, rule.reason) for rule in verdicts.rules]
    made = []
    for place, (row, spans) in enumerate(zip(rows, explain(judgement, rows, judge), strict=True)):
        fired = np.flatnonzero(verdicts.fired[row]).tolist()
        named = sorted({name for index in fired for name in verdicts.rules[index].signals})
        made.append(
            Decision(
                id=batch.ids[row],
                author=batch.authors[row],
                verdict=VERDICTS[verdicts.verdict[row]],
                category=rules[verdicts.heaviest[row]].category if fired else None,
                rules=[rules[index] for index in fired],
                signals={name: _rounded(signals[place][name]) for name in named},
                scores={name: _rounded(signals[place][name]) for name in judge.scorer.names},
                spans=spans,
                policy=judge.policy.version,
                models=judge.scorer.versions,
                degraded=judgement.degraded,
                source=Source(batch.partition, int(batch.offsets[row])),
                created_at=int(batch.created_at[row]),
                arrived_at=int(batch.arrived_at[row]),
                post=batch.posts[row],
            )
        )
    return made


def encode_judgement(judgement: Judgement, judge: Judge) -> dict[str, list[Row]]:
    """Rows by topic: slim ones for posts that pass, explained ones for the others."""
    batch, verdict = judgement.batch, judgement.verdicts.verdict
    rows: dict[str, list[Row]] = defaultdict(list)
    passed = np.flatnonzero(verdict == ALLOW)
    authors = [batch.authors[row] for row in passed.tolist()]
    lines = allow_lines(
        [batch.ids[row] for row in passed.tolist()],
        authors,
        partition=batch.partition,
        offsets=batch.offsets[passed],
        created_at=batch.created_at[passed],
        arrived_at=batch.arrived_at[passed],
        policy=judge.policy.version,
        degraded=judgement.degraded,
    )
    rows["allow"] = [Row(author.encode(), line) for author, line in zip(authors, lines, strict=True)]
    for decision in decisions(judgement, np.flatnonzero(verdict != ALLOW).tolist(), judge):
        rows[decision.verdict].append(Row(decision.author.encode(), encode(decision)))
    return rows
