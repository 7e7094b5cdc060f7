"""Columns of a batch: the same as Polars has them, whatever is null."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.values import Values, columns_of, frame_of, optional

KINDS: dict[type[pl.DataType], st.SearchStrategy[Any]] = {
    pl.Int64: st.integers(-(2**40), 2**40),
    pl.Float64: st.floats(-1e9, 1e9),
    pl.Boolean: st.booleans(),
    pl.String: st.text(max_size=4),
}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_column_is_what_polars_has(kind: type[pl.DataType], data: st.DataObject) -> None:
    held = data.draw(st.lists(st.none() | KINDS[kind], max_size=8))
    series = pl.Series("a", held, dtype=kind)
    column = Values.of(series)
    assert column.to_list() == held
    assert column.at(list(range(len(held)))[::-2]) == held[::-2]
    assert column.series("a").equals(series, check_dtypes=True, null_equal=True)


@given(st.lists(st.none() | st.integers(0, 9)))
def test_numbers_of_which_any_may_be_missing_are_null_where_they_are(held: list[int | None]) -> None:
    column = optional(held, np.int64)
    assert column.to_list() == held
    assert (column.null is None) == (None not in held)


def test_an_array_is_null_where_it_is_not_known() -> None:
    held = np.array([3, 4])
    assert Values.known(held, np.array([True, False])).to_list() == [3, None]
    assert Values.known(held, np.array([True, True])).null is None


def test_a_frame_has_the_columns_that_are_asked_for_in_that_order() -> None:
    frame = pl.DataFrame({"a": [1, None], "b": ["x", None], "c": [True, False]})
    columns = columns_of(frame)
    assert frame_of(columns).equals(frame)
    assert frame_of(columns, ["c", "a"]).equals(frame.select("c", "a"))
