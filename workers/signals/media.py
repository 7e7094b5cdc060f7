"""Pictures, videos and sounds of a post, as an upstream scanner saw them."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import polars as pl

from topics.post import Media
from workers.batch import Batch
from workers.signals.column import Column
from workers.values import Values, optional

SEXUAL = frozenset({"sexual", "suggestive", "porn", "nudity"})
"""Names under which scanners report sexual content; case does not matter."""


class Attachments:
    """How many a post carries, and how sexual the worst of them is."""

    name = "media"
    columns = (
        Column("media_count", pl.UInt16(), "items", "pictures, videos and sounds"),
        Column(
            "media_sexual",
            pl.Float32(),
            "probability",
            "highest upstream score named sexual, suggestive, porn or nudity; null if none",
        ),
    )

    def measure(self, batch: Batch, wanted: Collection[str] | None = None) -> dict[str, Values]:
        media = [post.media for post in batch.posts]
        columns: dict[str, Callable[[], Values]] = {
            "media_count": lambda: Values(np.array(list(map(len, media)), np.uint16)),
            "media_sexual": lambda: optional([worst(items) if items else None for items in media], np.float32),
        }
        return {name: column() for name, column in columns.items() if wanted is None or name in wanted}


def worst(media: list[Media]) -> float | None:
    """The highest score that says sexual; None if no scanner gave one."""
    highest: float | None = None
    for item in media:
        for name, score in item.scores.items():
            if (highest is None or score > highest) and name.lower() in SEXUAL:
                highest = score
    return highest
