"""What the models think of a post's text and its author's name."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from workers.batch import Batch
from workers.signals.column import Column
from workers.values import Values

if TYPE_CHECKING:
    from models.scorer import Scorer

MODELS = ("abuse", "marketing", "solicitation")
LENGTH = Column("text_length", pl.UInt32(), "characters", "length of the folded text")


def score_columns(names: tuple[str, ...]) -> tuple[Column, ...]:
    """A column for each model."""
    return tuple(
        Column(name, pl.Float32(), "probability", f"that the post is {name}, as the model of that name says")
        for name in names
    )


class Text:
    """One score a model, and the text's length."""

    name = "text"

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.columns = (*score_columns(scorer.names), LENGTH)

    def measure(self, batch: Batch, wanted: Collection[str] | None = None) -> dict[str, Values]:
        scores = self._scorer.score(batch.text_grams, batch.name_grams, batch.texts, batch.names)
        columns = {
            name: Values(column)
            for name, column in zip(self._scorer.names, np.ascontiguousarray(scores.T), strict=True)
        }
        return columns | {LENGTH.name: Values(batch.folded_text.lengths.astype(np.uint32))}
