"""Signals: named columns that a policy's rules read, measured from a batch by families."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from workers.batch import Batch
from workers.keys import hash_strings
from workers.signals.account import Account
from workers.signals.column import Column, Family
from workers.signals.duplicates import Duplicates, fingerprints
from workers.signals.links import Links
from workers.signals.media import Attachments
from workers.signals.post import Origin
from workers.signals.terms import Terms, term_columns
from workers.signals.text import LENGTH, MODELS, Text, score_columns
from workers.values import Values

if TYPE_CHECKING:
    from models.scorer import Scorer

__all__ = ["Column", "Signals", "declared", "schema"]


def declared(lists: Sequence[str] = (), models: Sequence[str] = ()) -> dict[str, tuple[Column, ...]]:
    """Family -> its columns, under a policy with term lists of these names, with the shipped models and these."""
    return {
        Text.name: (*score_columns(tuple(dict.fromkeys((*MODELS, *models)))), LENGTH),
        Terms.name: term_columns(lists),
        **{family.name: family.columns for family in (Links, Account, Attachments, Origin, Duplicates)},
    }


def schema(models: Sequence[str] = ()) -> dict[str, pl.DataType]:
    """Dtypes of the signals by name, with the shipped models and these; those of the policy itself (term lists,
    counters) left out."""
    return {column.name: column.dtype for columns in declared(models=models).values() for column in columns}


class Signals:
    """Measures batches.

    Built from the models and the policy's term lists. Raises ValueError for a term that folding leaves nothing of.
    """

    def __init__(self, scorer: Scorer, terms: Mapping[str, Sequence[str]]) -> None:
        self.terms = Terms(terms)
        self._links = Links()
        self.families: tuple[Family, ...] = (
            Text(scorer),
            self.terms,
            self._links,
            Account(),
            Attachments(),
            Origin(),
            Duplicates(),
        )
        self.columns = tuple(column for family in self.families for column in family.columns)
        self.names = frozenset(column.name for column in self.columns)
        self._last: tuple[Batch | None, dict[str, dict[str, Values]]] = (None, {})

    def measure(self, batch: Batch, wanted: frozenset[str] | None = None) -> dict[str, Values]:
        """A column for each wanted signal (all by default) in declared order, a value a post.

        A family of which nothing is wanted is not computed. `wanted` names at least one signal.
        """
        chosen = self.names if wanted is None else wanted & self.names
        columns: dict[str, Values] = {}
        for family in self.families:
            own = [column.name for column in family.columns if column.name in chosen]
            if own:
                measured = self._measured(family, batch, own)
                columns |= {name: measured[name] for name in own}
        return columns

    def keys(self, batch: Batch, by: Collection[str]) -> dict[str, NDArray[np.uint64]]:
        """Key columns for counters: uint64[n]; 0 where a post has no such key.

        Raises KeyError for a name that is none of `workers.counters.MEMBERS`: `campaign` is what the counters find.
        """
        posts = batch.posts
        columns: dict[str, Callable[[], NDArray[np.uint64]]] = {
            "author": lambda: hash_strings(batch.authors),
            "fingerprint": lambda: fingerprints(batch),
            "link_domain": lambda: hash_strings(
                self._measured(self._links, batch, ["link_domain"])["link_domain"].to_list()
            ),
            "ip": lambda: hash_strings([post.ip for post in posts]),
            "device": lambda: hash_strings([post.device for post in posts]),
            "agency": lambda: hash_strings([post.author.agency for post in posts]),
            "reply_to": lambda: hash_strings([post.reply_to for post in posts]),
        }
        return {name: columns[name]() for name in by}

    def _measured(self, family: Family, batch: Batch, names: Sequence[str]) -> dict[str, Values]:
        """These columns of a family, computed once for the rules and the counters' keys of a batch."""
        if self._last[0] is not batch:
            self._last = (batch, {})
        measured = self._last[1].setdefault(family.name, {})
        if not measured.keys() >= set(names):
            measured |= family.measure(batch, names)
        return measured
