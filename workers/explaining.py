"""Why a post did not pass: the pieces of its text and name that its fired rules went by."""

from __future__ import annotations

from topics.decision import Span
from workers.batch import Batch
from workers.judge import Judge, Judgement

Spans = list[list[Span]]


def explain(judgement: Judgement, rows: list[int], judge: Judge) -> Spans:
    """For each of `rows` the pieces that weighed most in the models its fired rules name, and the terms they name.

    A post that only counters or the account spoke against has none.
    """
    spans: Spans = [[] for _ in rows]
    if not rows:
        return spans
    batch = Batch.offline([judgement.batch.posts[row] for row in rows])
    wanted = {model: _naming(judgement, rows, model) for model in judge.scorer.names}
    for model, pieces in judge.scorer.spans(batch.texts, batch.names, wanted).items():
        for place, found in zip(wanted[model], pieces, strict=True):
            spans[place] += [Span(field, start, end, model, weight) for field, start, end, weight in found]
    lists = {name: set(_naming(judgement, rows, f"terms_{name}")) for name in judge.policy.terms}
    for place, hits in enumerate(judge.terms.matches(batch)):
        spans[place] += [
            Span(hit.field, hit.start, hit.end, f"terms_{hit.list}", 1.0) for hit in hits if place in lists[hit.list]
        ]
    return spans


def _naming(judgement: Judgement, rows: list[int], signal: str) -> list[int]:
    """Places in `rows` of the posts on which a rule fired that names the signal."""
    verdicts = judgement.verdicts
    naming = {index for index, _ in verdicts.hits if signal in verdicts.rules[index].signals}
    return [place for place, row in enumerate(rows) if not naming.isdisjoint(verdicts.fired.get(row, ()))]
