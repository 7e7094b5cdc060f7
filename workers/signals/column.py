"""What a family of signals is: columns it declares, and their values for a batch."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol

import polars as pl

from workers.batch import Batch
from workers.values import Values


class Column(NamedTuple):
    """A signal as the policy sees it. `unit` is empty for what is not a quantity.

    Float32 is for probabilities alone, 0 to 1: a policy is refused thresholds beyond.
    """

    name: str
    dtype: pl.DataType
    unit: str
    description: str


class Family(Protocol):
    """Signals that are computed together.

    `measure` gives len(batch) values for each name in `columns` that is wanted (None: all), of the declared dtype, and
    may give others of them. It takes any batch of valid posts, raises on none, and reads nothing but the
    batch.
    """

    @property
    def name(self) -> str: ...

    @property
    def columns(self) -> tuple[Column, ...]: ...

    def measure(self, batch: Batch, wanted: Collection[str] | None = None) -> dict[str, Values]: ...
