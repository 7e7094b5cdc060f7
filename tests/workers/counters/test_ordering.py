"""Sorting as one number against sorting by columns."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.counters.ordering import by_group
from workers.keys import hash_strings

GROUPS = 3
# Hashes differ in their first bits; numbers below ten and neighbours do not.
HASHES = hash_strings([str(number) for number in range(10)]).tolist()
KEYS = st.sampled_from([*HASHES, *range(10), *(HASHES[0] + step for step in range(-2, 3)), 2**64 - 1])


@given(st.lists(st.tuples(st.integers(0, GROUPS - 1), KEYS, KEYS), max_size=60))
def test_elements_come_by_group_and_equal_keys_lie_together_as_they_came(rows: list[tuple[int, int, int]]) -> None:
    group = np.array([row[0] for row in rows], np.int64)
    keys = np.array([[row[column] for row in rows] for column in (1, 2)], np.uint64).reshape(2, -1)
    for key, order, ordered, repeated in zip(keys.tolist(), *map(list, by_group(group, keys, GROUPS)), strict=True):
        assert order.tolist() == sorted(range(len(rows)), key=lambda at: (group[at], key[at], at))
        pairs = [(int(group[at]), key[at]) for at in order]
        assert ordered.tolist() == [key[at] for at in order]
        assert repeated.tolist() == [one == other for one, other in pairwise(pairs)]
