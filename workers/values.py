"""Columns of a batch as the worker reads them: arrays and lists.

A series of Polars costs some ten microseconds to make and again to read, whatever its length: for a batch of few posts
thirty of them cost as much as scoring does. So Polars gets them only where its expressions are asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray


class Values(NamedTuple):
    """A column of n values.

    Attributes:
        held: numbers, or true or false, as an array; texts as a list, None where null.
        null: bool[n], where what is held in an array means nothing; None where no value is null.
    """

    held: NDArray[Any] | list[str | None]
    null: NDArray[np.bool_] | None = None

    @classmethod
    def known(cls, held: NDArray[Any], known: NDArray[np.bool_]) -> Values:
        """An array that is null where it is not known."""
        return cls(held) if np.count_nonzero(known) == len(known) else cls(held, ~known)

    @classmethod
    def of(cls, series: pl.Series) -> Values:
        """The same as Polars has it."""
        if series.dtype == pl.String:
            return cls(series.to_list())
        if not series.null_count():
            return cls(series.to_numpy())
        filled = series.fill_null(False if series.dtype == pl.Boolean else 0)
        return cls(filled.to_numpy(), series.is_null().to_numpy())

    @property
    def array(self) -> NDArray[Any]:
        """What a column of numbers, or of true and false, holds."""
        assert not isinstance(self.held, list)
        return self.held

    def at(self, rows: list[int]) -> list[Any]:
        """The values of these rows, None where null."""
        if isinstance(self.held, list):
            return [self.held[row] for row in rows]
        found: list[Any] = self.held[rows].tolist()
        if self.null is not None:
            for place, row in enumerate(rows):
                if self.null[row]:
                    found[place] = None
        return found

    def to_list(self) -> list[Any]:
        """All values, None where null."""
        return self.at(list(range(len(self.held))))

    def series(self, name: str) -> pl.Series:
        """The same for Polars."""
        if isinstance(self.held, list):
            return pl.Series(name, self.held, dtype=pl.String)
        series = pl.Series(name, self.held)
        return series if self.null is None else series.set(pl.Series(self.null), None)


def optional(values: Sequence[float | None], dtype: type[np.generic]) -> Values:
    """A column of numbers, or of true and false, any of which may be None."""
    if None not in values:
        return Values(np.array(values, dtype))
    known = np.array([value is not None for value in values], np.bool_)
    return Values(np.array([value or 0 for value in values], dtype), ~known)


Columns = Mapping[str, Values]
"""Signals and counters of a batch by name, of one length."""


def frame_of(columns: Columns, names: Iterable[str] | None = None) -> pl.DataFrame:
    """A frame of these columns, of all by default."""
    chosen = columns if names is None else names
    return pl.DataFrame([columns[name].series(name) for name in chosen])


def columns_of(frame: pl.DataFrame) -> Columns:
    """The columns of a frame."""
    return {series.name: Values.of(series) for series in frame}
