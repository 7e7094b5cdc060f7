"""Pictures, videos and sounds of a post, as an upstream scanner saw them."""

from __future__ import annotations

from collections.abc import Callable, Collection

import polars as pl

from topics.post import Media
from workers.batch import Batch
from workers.signals.column import Column

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

    def measure(self, batch: Batch, wanted: Collection[str] | None = None) -> dict[str, pl.Series]:
        media = [post.media for post in batch.posts]
        columns: dict[str, Callable[[], pl.Series]] = {
            "media_count": lambda: pl.Series(list(map(len, media)), dtype=pl.UInt16),
            "media_sexual": lambda: pl.Series([worst(items) if items else None for items in media], dtype=pl.Float32),
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
