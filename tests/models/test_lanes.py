"""Three small whole numbers in one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.lanes import LANES, LARGEST, LEVELS_A_SUM, levels_of, on_grid, packed, step_of, unpacked

levels = st.lists(
    st.tuples(*[st.sampled_from([-LARGEST, LARGEST]) | st.integers(-LARGEST, LARGEST)] * LANES),
    min_size=1,
    max_size=LEVELS_A_SUM,
)
weights = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30).map(np.array)


@given(levels)
def test_a_sum_of_packed_levels_is_the_sums_side_by_side(rows: list[tuple[int, ...]]) -> None:
    columns = np.array(rows, np.int16).T
    total = packed(list(columns)).sum(keepdims=True)
    assert unpacked(total)[:, 0].tolist() == columns.sum(axis=1, dtype=np.int64).tolist()


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, -1), (-1, 1, -1), (1, -1, 1), (0, -1, 0)])
def test_the_heaviest_sum_there_may_be_still_fits(signs: tuple[int, ...]) -> None:
    columns = [np.full(LEVELS_A_SUM, sign * LARGEST, np.int16) for sign in signs]
    assert unpacked(packed(columns).sum(keepdims=True))[:, 0].tolist() == [
        sign * LARGEST * LEVELS_A_SUM for sign in signs
    ]


@given(weights)
def test_a_weight_moves_by_half_a_step_at_most_and_on_the_grid_stays(off: NDArray[np.float64]) -> None:
    step = step_of(off)
    there = on_grid(off)
    assert np.abs(there - off).max() <= step / 2
    assert np.abs(levels_of(off, step)).max() <= LARGEST
    assert (on_grid(there) == there).all()
    assert step_of(there) == step or not there.any()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        step_of(np.array([1.0, wrong]))
