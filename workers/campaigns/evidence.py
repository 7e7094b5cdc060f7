"""What makes alike posts a campaign: they have something to sell, or a way to whoever sells it."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workers.batch import Batch
from workers.campaigns.texts import Texts, comparable

SIGNALS = frozenset({"link_count", "link_domain"})
"""Signals that must be measured."""
SELLING = ("marketing", "solicitation")
SELLING_FROM = 0.5
"""From which score of one of these models on a post counts as one that sells."""


def texts_of(batch: Batch, frame: pl.DataFrame, authors: NDArray[np.uint64] | None = None) -> Texts:
    """The comparable posts of a batch whose signals are measured.

    A post is evidence when it has a link, a number long enough to call or write to, or a model's score says that it
    sells. Without any of that alike posts are a greeting, a form, a slogan: no campaign, however many.

    authors: uint64[n], hashes of the authors' ids, if they are known already.
    """
    evident: NDArray[np.bool_] = frame["link_count"].to_numpy() > 0
    for model in SELLING:
        if model in frame.columns:
            evident |= frame[model].to_numpy() >= SELLING_FROM
    return comparable(batch, evident, frame["link_domain"].to_list(), authors)
