"""The account behind a post."""

from __future__ import annotations

import re

import polars as pl

from topics.post import Author
from workers.batch import Batch
from workers.signals.column import Column

DAY_MS = 86_400_000.0
DEFAULT_NAME = re.compile(
    r"\s*(?:(?:手机)?用户|user|guest|微博)?[\s_-]*(?:[0-9]*|(?=[a-f]*[0-9])[0-9a-f]{8,})\s*", re.IGNORECASE
)
"""Names that platforms give out: nothing, a number, or "user" and a number; a long one may be hexadecimal."""


class Account:
    """Age, followers and agency of the author's account."""

    name = "account"
    columns = (
        Column("account_age_days", pl.Float64(), "days", "from opening the account to the post; null if unknown"),
        Column("followers", pl.UInt32(), "accounts", "that follow the author; null if unknown"),
        Column("agency", pl.String(), "", "id of the agency that runs the account; null if none"),
        Column(
            "profile_bare",
            pl.Boolean(),
            "",
            "a name as the platform gives out and no followers; null if both are unknown",
        ),
    )

    def measure(self, batch: Batch) -> dict[str, pl.Series]:
        authors = [post.author for post in batch.posts]
        opened = pl.Series([a.created_at for a in authors], dtype=pl.Int64)
        age = (pl.Series(batch.times) - opened).cast(pl.Float64) / DAY_MS
        return {
            "account_age_days": age.clip(lower_bound=0.0),
            "followers": pl.Series([a.followers for a in authors], dtype=pl.UInt32),
            "agency": pl.Series([a.agency for a in authors], dtype=pl.String),
            "profile_bare": pl.Series([bare(a) for a in authors], dtype=pl.Boolean),
        }


def bare(author: Author) -> bool | None:
    """Whether an account shows no sign of a person: a name nobody chose, and nobody who follows."""
    if author.followers is None and not author.name:
        return None
    return not author.followers and DEFAULT_NAME.fullmatch(author.name) is not None
