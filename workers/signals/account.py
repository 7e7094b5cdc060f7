"""The account behind a post."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

import numpy as np
import polars as pl

from topics.post import Author
from workers.batch import Batch
from workers.signals.column import Column
from workers.values import Values, optional

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

    def measure(self, batch: Batch, wanted: Collection[str] | None = None) -> dict[str, Values]:
        authors = [post.author for post in batch.posts]
        columns: dict[str, Callable[[], Values]] = {
            "account_age_days": lambda: ages(batch, authors),
            "followers": lambda: optional([a.followers for a in authors], np.uint32),
            "agency": lambda: Values([a.agency for a in authors]),
            "profile_bare": lambda: optional([bare(a) for a in authors], np.bool_),
        }
        return {name: column() for name, column in columns.items() if wanted is None or name in wanted}


def ages(batch: Batch, authors: Sequence[Author]) -> Values:
    """Days from the opening of the accounts to the posts; null where that is unknown."""
    opened = np.array([author.created_at for author in authors], np.float64)
    days = np.maximum((batch.times - opened) / DAY_MS, 0.0)
    return Values.known(days, days == days)


def bare(author: Author) -> bool | None:
    """Whether an account shows no sign of a person: a name nobody chose, and nobody who follows."""
    if author.followers is None and not author.name:
        return None
    return not author.followers and DEFAULT_NAME.fullmatch(author.name) is not None
