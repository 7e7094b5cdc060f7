"""Why a post did not pass: the pieces of its text and name that its fired rules went by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topics.decision import Span
from workers.batch import Batch
from workers.judge import Judge, Judgement


def explain(judgement: Judgement, rows: list[int], judge: Judge) -> list[list[Span]]:
    """For each of `rows`, ascending, the pieces that weighed most in the models its fired rules name, and the terms
    they name.

    A post that only counters or the account spoke against has none.
    """
    spans: dict[int, list[Span]] = {row: [] for row in rows}
    told = np.zeros(len(judgement.batch), np.bool_)
    told[rows] = True
    models = {model: told & _naming(judgement, model) for model in judge.scorer.names}
    lists = {name: told & _naming(judgement, f"terms_{name}") for name in judge.policy.terms}
    needed = np.logical_or.reduce([*models.values(), *lists.values()]).nonzero()[0]
    if not len(needed):
        return list(spans.values())
    batch = Batch.offline([judgement.batch.posts[row] for row in needed.tolist()])
    wanted = {model: named[needed].nonzero()[0].tolist() for model, named in models.items()}
    pieces = judge.scorer.spans(batch.folded, batch.texts, batch.names, wanted)
    for model, of_model in pieces.items():
        for place, found in zip(wanted[model], of_model, strict=True):
            spans[needed[place]] += [Span(field, start, end, model, weight) for field, start, end, weight in found]
    for row, hits in zip(needed.tolist(), judge.terms.matches(batch), strict=True):
        spans[row] += [
            Span(hit.field, hit.start, hit.end, f"terms_{hit.list}", 1.0) for hit in hits if lists[hit.list][row]
        ]
    return list(spans.values())


def _naming(judgement: Judgement, signal: str) -> NDArray[np.bool_]:
    """bool[n]: the posts on which a rule fired that names the signal."""
    verdicts = judgement.verdicts
    naming = np.zeros(len(judgement.batch), np.bool_)
    for index, rows in verdicts.hits:
        if signal in verdicts.rules[index].signals:
            naming[rows] = True
    return naming
